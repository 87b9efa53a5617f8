"""Weekly popularity: what is in fashion, and the bump of a new release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.world.catalogue import WorldCatalogue
from models.world.sizes import WorldSize
from models.world.streams import stream

FASHION_MEMORY = 0.75  # week-to-week correlation of a scene's fashion
RELEASE_BUMP = 1.6  # log popularity added in the week of release
RELEASE_DECAY_WEEKS = 3.0


@dataclass(frozen=True)
class Trends:
    """Log popularity by week.

    Attributes
    ----------
    track : float32 [weeks + 1, tracks]; the last row extrapolates to the week after the world, for evaluation
    scene : float32 [weeks + 1, scenes], log of the summed popularity of a scene's tracks
    chart : float64 [weeks + 1, tracks], cumulative shares of the chart (popularity to the power 1.2)
    """

    track: NDArray[np.float32]
    scene: NDArray[np.float32]
    chart: NDArray[np.float64]


def build_trends(catalogue: WorldCatalogue, size: WorldSize, seed: int) -> Trends:
    """Draw fashion as an AR(1) per scene and add it and the release bump to every track's appeal."""
    rng = stream(seed, "trends")
    scenes, weeks = len(catalogue.scene_genre), size.weeks + 1
    fashion = np.empty((weeks, scenes))
    fashion[0] = rng.normal(0, 0.35, scenes)
    for week in range(1, weeks):
        shock = rng.normal(0, 0.35 * (1 - FASHION_MEMORY**2) ** 0.5, scenes)
        fashion[week] = FASHION_MEMORY * fashion[week - 1] + shock
    age = np.arange(weeks)[:, None] - catalogue.release_day[None, :] / 7
    bump = np.where(age > -1, RELEASE_BUMP * np.exp(-np.maximum(age, 0) / RELEASE_DECAY_WEEKS), 0)
    track = catalogue.appeal[None, :] + fashion[:, catalogue.track_scene] + bump
    # a track not out in this week adds nothing to its scene or to the chart
    mass = np.where(age > -1, np.exp(track), 0)
    scene = np.stack([np.bincount(catalogue.track_scene, row, scenes) for row in mass])
    chart = np.cumsum(mass**1.2, axis=1)
    return Trends(track.astype(np.float32), np.log(scene + 1e-9).astype(np.float32), chart / chart[:, -1:])
