"""What anybody knows of the modes before looking at a log: when, on what, how long, how impatiently, and with which sound.

Written from general knowledge and kept broad. The log refines it (models/contexts/learning.py); what stays of it keeps each
mode the one that its name says.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from conf.audio import READINGS
from conf.contexts import DEVICES, PLAYLIST_CONTEXTS
from models.contexts.facts import SLOT_MINUTES, SLOTS
from models.contexts.modes import MODES, Mode

Float64s = npt.NDArray[np.float64]
# (hour, spread in hours, weight): humps of a day's listening.
Humps = tuple[tuple[float, float, float], ...]


class Guess(NamedTuple):
    """A mode as one would describe it.

    Attributes
    ----------
    share : of sessions. weekday, weekend : when they begin. days : weight of Monday to Sunday.
    devices, playlists : weights of those that stand out; the others have 1.
    plays : how many in a session. patience : how much less (or more) is skipped, in log odds.
    sound : readings that stand out, in standard units.
    """

    share: float
    weekday: Humps
    weekend: Humps
    days: tuple[float, ...]
    devices: dict[str, float]
    playlists: dict[str, float]
    plays: float
    patience: float
    sound: dict[str, float]


_EVEN = (1.0,) * 7
GUESSES: dict[Mode, Guess] = {
    "commute": Guess(
        0.15, ((8, 1, 0.5), (17.5, 1.25, 0.5)), ((10, 2.5, 0.5), (17, 3, 0.5)), (1, 1, 1, 1, 1, 0.3, 0.2),
        {"phone": 8, "car": 8, "watch": 2}, {"own_playlist": 2}, 10, 0.2, {"energy": 0.5, "arousal": 0.4},
    ),
    "focus": Guess(
        0.15, ((10, 1.75, 0.5), (14.5, 2, 0.5)), ((11, 2.5, 0.5), (15, 2.5, 0.5)), (1, 1, 1, 1, 1, 0.25, 0.25),
        {"desktop": 10, "web": 6, "phone": 3, "tablet": 1.5}, {"album": 1.5, "radio": 1.5}, 18, -0.3,
        {"instrumentalness": 0.8, "energy": -0.3, "arousal": -0.3},
    ),
    "wind_down": Guess(
        0.2, ((20.5, 1.5, 1.0),), ((20.5, 2, 1.0),), (1, 1, 1, 1, 0.8, 0.8, 1),
        {"speaker": 6, "tv": 3, "phone": 4, "tablet": 1.5}, {"radio": 1.5, "discover_weekly": 1.5}, 10, -0.1,
        {"energy": -0.6, "arousal": -0.6, "acousticness": 0.5},
    ),
    "party": Guess(
        0.08, ((22.5, 1.75, 1.0),), ((22, 2, 1.0),), (0.15, 0.15, 0.2, 0.3, 1.5, 1.8, 0.25),
        {"speaker": 8, "phone": 4, "tv": 2, "desktop": 1.5}, {"charts": 2, "own_playlist": 1.5}, 25, 0.1,
        {"energy": 0.9, "arousal": 0.9, "valence": 0.5, "loudness_db": 0.5},
    ),
    "any": Guess(
        0.36, ((12, 3.5, 0.5), (19, 3, 0.5)), ((12, 3.5, 0.5), (18, 3.5, 0.5)), _EVEN,
        {"phone": 6, "desktop": 2, "speaker": 2, "tablet": 1.5, "web": 1.5}, {}, 9, 0.0, {},
    ),
    "child": Guess(
        0.03, ((8, 1.25, 0.25), (16.5, 2, 0.75)), ((9.5, 2, 0.5), (16, 2.5, 0.5)), (1, 1, 1, 1, 1, 1.5, 1.5),
        {"speaker": 6, "tablet": 6, "tv": 3, "phone": 3, "car": 2}, {}, 9, -0.1, {"valence": 0.5, "energy": -0.2},
    ),
    "sleep": Guess(
        0.03, ((22.75, 1.25, 1.0),), ((23, 1.5, 1.0),), _EVEN,
        {"phone": 6, "speaker": 6, "tablet": 1.5}, {}, 10, -0.5,
        {"energy": -1.3, "arousal": -1.3, "acousticness": 0.7, "instrumentalness": 0.9, "loudness_db": -0.8},
    ),
}  # fmt: skip
# Of a mode's starts, how many may come at any time of the day.
ANYTIME = 0.08


def hours() -> Float64s:
    """Share of starts in each half hour, on weekdays and at weekends, float64 [7, 2, 48]."""
    return np.array([[day(guess.weekday), day(guess.weekend)] for guess in _guesses()])


def day(humps: Humps) -> Float64s:
    """Share of each half hour, float64 [48]: humps around the clock over an even ground of ANYTIME.

    >>> shares = day(((0.25, 1.0, 1.0),))
    >>> bool(np.isclose(shares[1], shares[47])), round(float(shares.sum()), 6)
    (True, 1.0)
    """
    middle = (np.arange(SLOTS) + 0.5) * SLOT_MINUTES / 60
    shares = np.full(SLOTS, ANYTIME / SLOTS)
    for hour, spread, weight in humps:
        off = np.abs(middle - hour)
        hump = np.exp(-0.5 * (np.minimum(off, 24 - off) / spread) ** 2)
        shares += (1 - ANYTIME) * weight * hump / hump.sum()
    return np.asarray(shares / shares.sum())


def weekdays() -> Float64s:
    """Share of Monday to Sunday, float64 [7, 7]."""
    return _shares(np.array([guess.days for guess in _guesses()]))


def devices() -> Float64s:
    """Share of each of DEVICES, float64 [7, 9]."""
    return _shares(np.array([[guess.devices.get(name, 0.5) for name in DEVICES] for guess in _guesses()]))


def playlists() -> Float64s:
    """Share of each of PLAYLIST_CONTEXTS, float64 [7, 7]."""
    return _shares(np.array([[guess.playlists.get(name, 1.0) for name in PLAYLIST_CONTEXTS] for guess in _guesses()]))


def stops() -> Float64s:
    """Probability that a play is the session's last, float64 [7]."""
    return np.array([1.0 / guess.plays for guess in _guesses()])


def skips() -> Float64s:
    """Log odds by which more is skipped than the listener does at large, float64 [7]."""
    return np.array([guess.patience for guess in _guesses()])


def shares() -> Float64s:
    """Share of sessions, float64 [7]."""
    return np.asarray(_shares(np.array([[guess.share for guess in _guesses()]]))[0])


def readings() -> Float64s:
    """Where a mode's readings lie, in standard units, float64 [7, 7]."""
    return np.array([[guess.sound.get(name, 0.0) for name in READINGS] for guess in _guesses()])


def _guesses() -> list[Guess]:
    return [GUESSES[mode] for mode in MODES]


def _shares(weights: Float64s) -> Float64s:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
