"""What the world knows and a recommender must guess: who would enjoy what, and what a listener is about to find.

`enjoyment` is the judgement of one's own ears: the chance of hearing a track to its end, over the listener's own modes
(a child's or a sleep mode does not count). `demand` is how often a listener's searches come upon a track and end well,
popularity and other people in the room included: sorted by it, the tracks that a listener does not know are the best
possible list of discoveries.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.world import playback as rules
from models.world.listeners import Listeners
from models.world.modes import MAX_MODES, MEAN_TRACKS
from models.world.shelf import Shelf

Floats = NDArray[np.float32]


def taste_at(listeners: Listeners, rows: NDArray[np.integer], slot: int, progress: float) -> Floats:
    """Return the taste of the listeners `rows` in a mode slot, drifted; float32 [n, 16].

    `progress` is the time since the first day of the world over its length, 0 .. 1.
    """
    moved = listeners.own_slot[rows, slot, None] * np.float32(progress)
    return np.asarray(listeners.taste[rows, slot] + listeners.drift[rows] * moved, np.float32)


def completion(listeners: Listeners, rows: NDArray[np.integer], fit: Floats) -> Floats:
    """Return the chance that a first play is not skipped, given affinity; float32 [n, tracks]."""
    odds = rules.SKIP_BASE - rules.SKIP_SLOPE * fit + listeners.impatience[rows, None]
    return np.asarray(1 / (1 + np.exp(odds)), np.float32)


def enjoyment(listeners: Listeners, shelf: Shelf, rows: NDArray[np.integer], week: float) -> Floats:
    """Return expected enjoyment, float32 [n, tracks] in (0, 1).

    Parameters
    ----------
    listeners, shelf : of the world
    rows : int [n], listeners asked for
    week : weeks since the first day of the world, may be fractional
    """
    progress = week * shelf.week_ms / shelf.horizon_ms
    share = listeners.mode_share[rows] * listeners.own_slot[rows]
    share = share / share.sum(axis=1, keepdims=True)
    total = np.zeros((len(rows), len(shelf.taste)), np.float32)
    for slot in range(MAX_MODES):
        fit = taste_at(listeners, rows, slot, progress) @ shelf.taste.T
        total += share[:, slot, None] * completion(listeners, rows, fit)
    return total


def demand(listeners: Listeners, shelf: Shelf, rows: NDArray[np.integer], week: float) -> Floats:
    """Return the expected share of a listener's searches that find and finish each track; float32 [n, tracks].

    Tracks that are not out at the end of the week, or not allowed in the listener's country, get 0.
    """
    progress, now = week * shelf.week_ms / shelf.horizon_ms, (week + 1) * shelf.week_ms
    row = min(int(week), len(shelf.track_appeal) - 1)
    out = (shelf.release_ms <= now)[None, :] & shelf.allowed[listeners.country[rows]]
    share = listeners.mode_share[rows] * np.where(listeners.mode[rows] >= 0, MEAN_TRACKS[listeners.mode[rows]], 0)
    share = share / share.sum(axis=1, keepdims=True)
    chart = np.diff(shelf.chart[row], prepend=0)[None, :] * out
    total = np.zeros(out.shape)
    for slot in range(MAX_MODES):
        z = taste_at(listeners, rows, slot, progress)
        charts = (listeners.charts[rows] * listeners.own_slot[rows, slot])[:, None]
        found = (1 - charts) * _search(shelf, z, row, out) + charts * chart
        total += share[:, slot, None] * found * completion(listeners, rows, z @ shelf.taste.T)
    return total.astype(np.float32)


def _search(shelf: Shelf, z: Floats, week: int, out: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the chance of each track per search in scenes, float64 [n, tracks]: the closed form of `playback`."""
    logs = rules.SCENE_SHARPNESS * (z @ shelf.scene_taste.T) + rules.SCENE_POPULARITY * shelf.scene_appeal[week]
    anchor = np.exp(logs - logs.max(axis=1, keepdims=True))
    anchor /= anchor.sum(axis=1, keepdims=True)
    hop = np.zeros((len(shelf.scene_taste),) * 2)
    np.put_along_axis(hop, shelf.neighbours.astype(np.int64), 1 / shelf.neighbours.shape[1], axis=1)
    scene = rules.STAY_SHARE * anchor + (1 - rules.STAY_SHARE) * (anchor @ hop)
    weight = np.where(out, np.exp(rules.TRACK_SHARPNESS * (z @ shelf.taste.T) + shelf.track_appeal[week]), 0)
    tracks = shelf.scene_tracks
    mass = np.add.reduceat(weight[:, tracks], shelf.scene_start[:-1], axis=1)
    return np.asarray(weight * (scene / np.maximum(mass, 1e-30))[:, shelf.scene_of])
