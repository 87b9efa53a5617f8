"""columns of the ranker's matrix -> words: what a value means, with its unit, where the matrix holds a logarithm or a flag."""

from __future__ import annotations

from math import exp, expm1, isnan

from conf.features.feature import Feature
from conf.features.item import ARTIST, TRACK
from conf.features.listener import LISTENER
from conf.features.pair import GROUPS
from spark_jobs.portraits.words import percent

_RANKS = ("rank_", "blend_rank", "best_rank")
# Group -> features that its columns copy, under a prefix of their own.
_COPIES = {"track": (TRACK, ""), "track_artist": (ARTIST, "artist_"), "listener": (LISTENER, "own_")}
_WHOSE = {"track": "the track's", "track_artist": "its artist's", "listener": "the listener's"}


def copied(column: str) -> tuple[Feature, str] | None:
    """(feature that a column copies, whose it is); None for a column that is computed for the pair.

    >>> copied("log_artist_plays_7d")[0].name, copied("own_skip_rate")[1], copied("taste_cosine")
    ('plays_7d', "the listener's", None)
    """
    for group, (features, prefix) in _COPIES.items():
        if any(column == feature.name for feature in GROUPS[group]):
            name = column.removeprefix("log_").removeprefix(prefix)
            return next((feature, _WHOSE[group]) for feature in features if feature.name == name)
    return None


def meaning(column: Feature) -> str:
    """What a column says, without the words about how the matrix holds it.

    >>> from conf.features.pair import PAIR
    >>> by_name = {feature.name: feature for feature in PAIR}
    >>> meaning(by_name["own_skip_rate"]), meaning(by_name["artist_plays"])
    ("the listener's skip rate: plays skipped, 28 days", "plays of the artist's tracks by the listener")
    >>> meaning(by_name["rank_mf"])
    'rank on the list of mf'
    """
    found = copied(column.name)
    if found:
        feature, whose = found
        return f"{whose} {feature.name.replace('_', ' ')}: {feature.meaning}"
    text = column.meaning.removesuffix(", from 0").removeprefix("1 where ")
    if text.startswith(("of ", "with ")):
        text = f"{column.unit} {text}"
    if text.startswith("ln(1 + "):
        text = text.removeprefix("ln(1 + ").replace(")", "", 1)
    return text


def value(column: Feature, number: float) -> str:
    """A value as people read it.

    >>> from conf.features.pair import PAIR
    >>> by_name = {feature.name: feature for feature in PAIR}
    >>> value(by_name["rank_mf"], 1.0986123), value(by_name["missing_mf"], 1.0), value(by_name["own_skip_rate"], 0.25)
    ('3', 'yes', '25 %')
    >>> value(by_name["log_plays_7d"], 2.3978953), value(by_name["history_size"], 2.3978953), value(by_name["artist_days"], 3.0)
    ('10 plays', '10', '3 days')
    >>> value(by_name["taste_cosine"], float("nan"))
    'not known'
    """
    if isnan(number):
        return "not known"
    if column.name.startswith(_RANKS):
        return f"{exp(number):.0f}"
    found = copied(column.name)
    unit = found[0].unit if found else column.unit
    if column.name.startswith("log_") or column.meaning.startswith("ln(1 + "):
        number, unit = expm1(number), unit if found else "count"
    return _in_unit(number, unit)


def _in_unit(number: float, unit: str) -> str:
    if unit == "flag":
        return "yes" if number else "no"
    if unit == "share":
        return percent(number)
    if unit in ("plays", "days", "listeners", "saves", "weeks", "tracks", "sources", "skips", "completions"):
        return f"{number:.0f} {unit}" if number >= 10 or number == int(number) else f"{number:.1f} {unit}"
    if unit == "count":
        return f"{number:.0f}"
    if unit in ("log", "cosine", "nats", "worth", "product"):
        return f"{number:.2f}"
    return f"{number:.3g}"
