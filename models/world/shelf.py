"""What the compiled player works on: the shelf of music, the ears of a block of listeners, and its working memory.

Named tuples of arrays, because that is what numba takes as arguments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.world.catalogue import WorldCatalogue
from models.world.sessions import DAY_MS, WEEK_MS
from models.world.trends import Trends

NEIGHBOURS = 4

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]


class Shelf(NamedTuple):
    """What there is to play; see `WorldCatalogue` and `Trends` for the columns."""

    taste: NDArray[np.float32]
    artist: NDArray[np.int32]
    duration_ms: NDArray[np.int64]
    release_ms: NDArray[np.int64]
    allowed: NDArray[np.bool_]  # [countries, tracks]: the other way round than in the catalogue
    track_appeal: NDArray[np.float32]
    scene_appeal: NDArray[np.float32]
    chart: NDArray[np.float64]
    scene_taste: NDArray[np.float32]
    scene_of: NDArray[np.int32]
    scene_start: NDArray[np.int64]
    scene_tracks: NDArray[np.int32]
    neighbours: NDArray[np.int32]
    horizon_ms: int
    week_ms: int


class Ears(NamedTuple):
    """Who listens: one block of listeners; see `Listeners` for the columns."""

    taste: NDArray[np.float32]
    drift: NDArray[np.float32]
    own: NDArray[np.float32]
    country: NDArray[np.int32]
    repeat: NDArray[np.float32]
    charts: NDArray[np.float32]
    impatience: NDArray[np.float32]


class Plays(NamedTuple):
    """One row per play, in order of listener and time; times in ms since the first day of the world."""

    listener: NDArray[np.int32]
    track: NDArray[np.int32]
    session: NDArray[np.int32]
    start_ms: NDArray[np.int64]
    ms_played: NDArray[np.int64]
    reason: NDArray[np.int8]
    context: NDArray[np.int8]
    feedback: NDArray[np.int8]


class Moment(NamedTuple):
    """When and where a track is looked for; `now` in ms since the first day of the world."""

    session: int
    now: int
    week: int
    country: int


class Mind(NamedTuple):
    """The listener in one session: drifted taste of the mode (float32 [16]), settled scene, and habits."""

    z: NDArray[np.float32]
    anchor: int
    repeat: float
    charts: float
    impatience: float


class Scratch(NamedTuple):
    """Working space of one search, as long as the largest scene."""

    fresh: NDArray[np.bool_]
    cumulative: NDArray[np.float64]


class Memory(NamedTuple):
    """What one listener knows: liking and number of plays per track, last session per track, and the order of first plays."""

    plays: NDArray[np.int32]
    liking: NDArray[np.float32]
    last_session: NDArray[np.int64]
    banned: NDArray[np.bool_]
    known: NDArray[np.int32]


def stock_shelf(catalogue: WorldCatalogue, trends: Trends, weeks: int) -> Shelf:
    """Arrange the catalogue for the player: tracks by scene, and each scene's nearest neighbours."""
    by_scene = np.argsort(catalogue.track_scene, kind="stable").astype(np.int32)
    counts = np.bincount(catalogue.track_scene, minlength=len(catalogue.scene_genre))
    # another memory layout would be another type to numba, and compiling it costs ten seconds
    rows = np.ascontiguousarray
    return Shelf(
        rows(catalogue.taste), rows(catalogue.track_artist), rows(catalogue.duration_ms),
        catalogue.release_day.astype(np.int64) * DAY_MS, rows(catalogue.allowed.T),
        rows(trends.track), rows(trends.scene), rows(trends.chart),
        rows(catalogue.scene_taste), rows(catalogue.track_scene),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), by_scene,
        rows(scene_neighbours(catalogue.scene_taste)), weeks * WEEK_MS, WEEK_MS,
    )  # fmt: skip


def scene_neighbours(scene_taste: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the four nearest other scenes of each scene, int32 [scenes, 4]."""
    likeness = scene_taste @ scene_taste.T
    np.fill_diagonal(likeness, -np.inf)
    return np.argsort(-likeness, axis=1, kind="stable")[:, :NEIGHBOURS].astype(np.int32)
