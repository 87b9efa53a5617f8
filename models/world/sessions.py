"""The plan of a block of listeners: when each sits down to listen, in which mode, and for how many tracks at most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.world import modes
from models.world.listeners import Listeners
from models.world.places import PLACES

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
LONGEST_SESSION = 60  # tracks; keeps a session under seven hours


class SessionPlan(NamedTuple):
    """Planned sessions, sorted by listener and start.

    Attributes
    ----------
    listener : int32 [s], row within the block
    slot : int32 [s], which of the listener's mode slots
    start_ms : int64 [s], milliseconds since the first day of the world, UTC
    length : int32 [s], tracks at most
    anchor : float64 [s], uniform draw that picks the session's scene
    """

    listener: NDArray[np.int32]
    slot: NDArray[np.int32]
    start_ms: NDArray[np.int64]
    length: NDArray[np.int32]
    anchor: NDArray[np.float64]


def plan_sessions(rng: np.random.Generator, block: Listeners, weeks: int) -> SessionPlan:
    """Draw the sessions of a block; starts outside the world are left out."""
    listener, week = _sitting(rng, block, weeks)
    n = len(listener)
    cumulative = np.cumsum(block.mode_share, axis=1)
    cumulative[:, -1] = 1.0
    slot = np.minimum((rng.random(n)[:, None] > cumulative[listener]).sum(axis=1), modes.MAX_MODES - 1)
    slot = np.where(block.mode[listener, slot] < 0, 0, slot)
    mode = block.mode[listener, slot]
    start = _starts(rng, block, listener, week, mode)
    length = np.minimum(rng.geometric(1 / modes.MEAN_TRACKS[mode]), LONGEST_SESSION)
    visit = block.tourist[listener]
    length = np.where(visit > 0, visit, length)
    inside = (start >= 0) & (start < weeks * WEEK_MS)
    order = np.lexsort((start, listener))
    order = order[inside[order]]
    return SessionPlan(
        listener[order].astype(np.int32),
        slot[order].astype(np.int32),
        start[order],
        length[order].astype(np.int32),
        rng.random(n)[order],
    )


def _sitting(rng: np.random.Generator, block: Listeners, weeks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return listener and week of each session: Poisson per active week; one session in all for a tourist."""
    per_session = (block.mode_share * np.where(block.mode >= 0, modes.MEAN_TRACKS[block.mode], 0)).sum(axis=1)
    mood = rng.lognormal(-0.08, 0.4, (len(per_session), weeks))  # some weeks are quieter than others
    count = rng.poisson(mood * (block.per_week / per_session)[:, None])
    week = np.arange(weeks)[None, :]
    count[week < block.first_week[:, None]] = 0
    count[block.tourist > 0] = 0
    count[(block.tourist[:, None] > 0) & (week == block.first_week[:, None])] = 1
    listener, in_week = np.nonzero(count)
    times = count[listener, in_week]
    return np.repeat(listener, times), np.repeat(in_week, times)


def _starts(
    rng: np.random.Generator,
    block: Listeners,
    listener: NDArray[np.int64],
    week: NDArray[np.int64],
    mode: NDArray[np.int32],
) -> NDArray[np.int64]:
    weekday = (rng.random(len(mode))[:, None] > modes.weekday_shares()[mode]).sum(axis=1).clip(0, 6)
    offset = np.array([p.offset_minutes for p in PLACES])[block.place[listener]]
    minutes = modes.local_minutes(rng, mode) - offset
    return np.asarray(week * WEEK_MS + weekday * DAY_MS + (minutes * 60_000).astype(np.int64))
