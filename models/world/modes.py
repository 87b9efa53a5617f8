"""Modes of listening: when they happen, on which device, and how they bend a listener's taste."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DEVICES = ("phone", "desktop", "speaker", "car", "tv", "tablet", "web", "watch")
PLATFORMS = ("android", "linux", "castos", "carplay", "smarttv", "ipados", "browser", "wearos")
MAX_MODES = 3


class Mode(NamedTuple):
    """One mode of listening, in the listener's local time.

    `own` is False where somebody or something else decides (a child, sleep): what is played then is not the listener's
    taste. `pull` names the genres that the mode draws towards. `hours` are (centre, spread, weight) of the time of day.
    `weekdays` weighs Sunday to Saturday, because the weeks of the world start on a Sunday. `devices` weighs `DEVICES`.
    """

    name: str
    own: bool
    pull: tuple[str, ...]
    hours: tuple[tuple[float, float, float], ...]
    weekdays: tuple[float, ...]
    devices: tuple[float, ...]
    mean_tracks: float


MODES = (
    Mode("everyday", True, (), ((11, 3, 0.4), (19, 3, 0.6)), (1,) * 7, (6, 2, 1, 1, 0.3, 0.5, 0.5, 0.2), 9.0),
    Mode("work", True, ("ambient", "electronic", "jazz"), ((10.5, 1.5, 0.5), (14.5, 1.5, 0.5)),
         (0.1, 1, 1, 1, 1, 1, 0.1), (2, 8, 0.5, 0, 0, 0.5, 3, 0), 16.0),
    Mode("commute", True, ("rock", "hip hop"), ((7.7, 0.6, 0.5), (17.6, 0.8, 0.5)),
         (0.1, 1, 1, 1, 1, 1, 0.2), (8, 0, 0, 4, 0, 0, 0, 0.6), 8.0),
    Mode("evening", True, ("soul", "folk", "jazz"), ((20.5, 1.3, 1.0),),
         (1, 0.9, 0.9, 0.9, 0.9, 0.6, 0.7), (3, 1, 5, 0, 2, 1, 0.3, 0), 9.0),
    Mode("party", True, ("electronic", "pop", "latin"), ((22.3, 1.4, 1.0),),
         (0.2, 0.05, 0.05, 0.1, 0.2, 1.5, 2), (3, 1, 6, 0, 2, 0, 0, 0), 22.0),
    Mode("child", False, ("children",), ((16.5, 1.5, 0.7), (9, 1, 0.3)),
         (1.4, 1, 1, 1, 1, 1, 1.4), (2, 0, 6, 2, 2, 4, 0, 0), 8.0),
    Mode("sleep", False, ("ambient", "classical"), ((22.8, 0.8, 1.0),), (1,) * 7, (6, 0, 4, 0, 0, 0.5, 0, 0), 9.0),
)  # fmt: skip
NAMES = tuple(mode.name for mode in MODES)
OWN = np.array([mode.own for mode in MODES])
MEAN_TRACKS = np.array([mode.mean_tracks for mode in MODES])


def weekday_shares() -> NDArray[np.float64]:
    """Return cumulative shares of the seven days, float64 [modes, 7]."""
    weights = np.array([mode.weekdays for mode in MODES], float)
    return np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)


def device_shares() -> NDArray[np.float64]:
    """Return cumulative shares of the devices, float64 [modes, devices]."""
    weights = np.array([mode.devices for mode in MODES], float)
    return np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)


def local_minutes(rng: np.random.Generator, mode: NDArray[np.int32]) -> NDArray[np.float64]:
    """Draw the local time of day of each session, float64 [n] minutes since midnight (after it for late parties)."""
    first, second = ([mode_.hours[i if len(mode_.hours) > i else 0] for mode_ in MODES] for i in (0, 1))
    early = rng.random(len(mode)) < np.array([h[2] for h in first])[mode]
    centre, spread = (np.where(early, np.array([h[i] for h in first])[mode], np.array([h[i] for h in second])[mode])
                      for i in (0, 1))  # fmt: skip
    return np.asarray((centre + spread * rng.normal(size=len(mode))) * 60)
