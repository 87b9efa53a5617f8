"""Numbers of the feature store as people read them: in words, with their unit, and against everybody else."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from math import exp
from typing import Any

from conf.contexts import CONTEXTS
from conf.features.feature import Feature

# Modes that session_modes may name beside the contexts: somebody else's taste.
FOREIGN = {"child": "a child's hour", "sleep": "sounds to sleep by"}
CONTEXT_WORDS = {
    "commute": "on the way",
    "focus": "at work",
    "wind_down": "winding down",
    "party": "party",
    "any": "anything else",
    **FOREIGN,
}
_TOLD: dict[str, Callable[[float], str]] = {
    "taste_diversity": lambda v: f"as varied as {exp(v):.1f} artists heard equally",
    "genre_diversity": lambda v: f"as varied as {exp(v):.1f} genres heard equally",
    "discovery_propensity": lambda v: f"{percent(v)} of plays were first hearings",
    "repeat_propensity": lambda v: f"{percent(v)} of plays were of tracks heard before",
    "mainstreamness": lambda v: f"the mean play stands above {percent(v)} of the chart",
    "weekend_share": lambda v: f"{percent(v)} of plays on a Saturday or Sunday",
    "skip_rate": lambda v: f"{percent(v)} of plays skipped",
    "session_length": lambda v: f"{v:.1f} plays a session",
    "intent_share": lambda v: f"{percent(v)} of plays were sought",
    "foreign_share": lambda v: f"{percent(v)} of plays for somebody else (a child, sleep)",
    "days_since_play": lambda v: f"last play {v:.1f} days before the cut",
    "active_weeks": lambda v: f"a play in {v:.0f} of the last 13 weeks",
}


def percent(share: float) -> str:
    """A share as people read it.

    >>> percent(0.256), percent(0.004), percent(1.0)
    ('26 %', '0.4 %', '100 %')
    """
    return f"{share:.1%}".replace("%", " %") if 0 < abs(share) < 0.0095 else f"{share:.0%}".replace("%", " %")


def told(feature: Feature, value: float | None) -> str:
    """A feature's value in words.

    >>> from conf.features.listener import DERIVED
    >>> told(DERIVED[0], 0.6931472), told(DERIVED[0], None)
    ('as varied as 2.0 artists heard equally', 'not known')
    """
    if value is None or value != value:
        return "not known"
    if feature.name in _TOLD:
        return _TOLD[feature.name](value)
    return f"{percent(value) if feature.unit == 'share' else f'{value:.2f}'} ({feature.unit}): {feature.meaning}"


def standing(value: float | None, everybody: Sequence[float]) -> float | None:
    """Share of `everybody` (sorted ascending) below the value, half of those equal to it counted.

    >>> standing(2.0, [1.0, 2.0, 2.0, 3.0]), standing(9.0, [1.0, 2.0]), standing(None, [1.0]), standing(1.0, [])
    (0.5, 1.0, None, None)
    """
    if value is None or value != value or not len(everybody):
        return None
    return (bisect_left(everybody, value) + bisect_right(everybody, value)) / 2 / len(everybody)


def stands(share: float | None) -> str:
    """A standing in words; nobody has more than all of a hundred.

    >>> stands(0.93), stands(0.999), stands(None)
    ('more than 93 of 100', 'more than 99 of 100', '')
    """
    return "" if share is None else f"more than {of_100(share)} of 100"


def of_100(share: float) -> int:
    """How many of a hundred stand below, rounded down.

    >>> of_100(0.29), of_100(0.9999)
    (29, 99)
    """
    return min(int(100 * share + 1e-9), 99)


def busiest(hours: Sequence[float]) -> str:
    """The shortest run of local hours that holds half of what is heard; the earliest of equal ones.

    >>> busiest([0] * 7 + [3, 5, 1] + [0] * 14), busiest([3] + [0] * 11 + [1] + [0] * 10 + [3]), busiest([0] * 24)
    ('8-9 h', '23-1 h', '')
    """
    total = sum(hours)
    if not total:
        return ""
    for length in range(1, 25):
        for start in range(24):
            if sum(hours[(start + i) % 24] for i in range(length)) >= total / 2:
                return f"{start}-{(start + length - 1) % 24 + 1} h"
    raise AssertionError("24 hours hold everything")


def occasion(mode: str) -> str:
    """A context or mode in words; one that nobody has words for is called by its name.

    >>> occasion("wind_down"), occasion("sleep"), occasion("gym_class")
    ('winding down', 'sounds to sleep by', 'gym class')
    """
    return CONTEXT_WORDS.get(mode, mode.replace("_", " "))


def is_foreign(mode: str) -> bool:
    """Whether somebody else's taste plays: the contexts are all the listener's own."""
    return mode not in CONTEXTS


def listed(names: Sequence[Any], most: int = 3) -> str:
    """The first names, and how many more there are.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more
