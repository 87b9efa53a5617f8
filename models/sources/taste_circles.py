"""histories -> taste circles: clusters of like listeners, and the chart of what each cluster's members lately love.

Listeners are points: the unit mean of their tracks' taste factors (models/sources/taste_mean.py); k-means with cosine distance
(Dhillon & Modha 2001, https://doi.org/10.1023/A:1007612920971) cuts them into circles. A chart's entry is

    chart(c, t) = sum over the members of c who love t of 2^(-age / half_life) / world(t)^lift

over the chart's largest entry; who loves a track completed it within `days`, and world(t) is the same sum over everybody. The
division keeps what is loved everywhere from filling every chart. A listener joins the `near` nearest circles with
p(c | u) proportional to exp(sharpness * cosine(u, c)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from conf.trainers import TrainSocial
from conf.values import Inputs
from models.circles import loved
from models.frozen import frozen
from models.histories import Histories
from models.inputs import input_matrix
from models.item_item import in_chunks
from models.item_item_kernels import jit
from models.sources.base import Catalogue
from models.sources.taste_factors import taste_factors
from models.sources.taste_mean import taste_means, unit_rows

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

INPUTS: Inputs = "log"
# Clusters are found on the first listeners; fifty thousand place two hundred centroids, and all members make the charts.
CLUSTERED = 50_000


@dataclass(frozen=True)
class TasteCircles:
    """Taste circles and their charts.

    Attributes
    ----------
    vectors : float32 [tracks, d], taste factors, by which a listener finds their circles.
    centroids : float32 [circles, d], unit vectors.
    indptr, ids : int64 [circles + 1], int32 [nnz], tracks of each chart, ascending within a chart.
    weights : float32 [nnz], in (0, 1], 1 for a chart's first.
    members : int32 [nnz], how many of the circle love the track; never below `k_listeners`.
    near, sharpness : how listeners join.
    """

    vectors: Float32s
    centroids: Float32s
    indptr: Int64s
    ids: Int32s
    weights: Float32s
    members: Int32s
    near: int
    sharpness: float

    @property
    def tracks(self) -> int:
        """How many tracks the circles know."""
        return len(self.vectors)

    def memberships(self, log: Histories, threads: int = 1) -> tuple[Int32s, Float32s]:
        """Nearest circles of each listener, int32 [n, near], and p(c | u), float32 [n, near]; -1 and 0 where there is none."""
        means = taste_means(log, self.vectors, INPUTS, threads)
        circles = np.full((len(log), self.near), -1, np.int32)
        shares = np.zeros((len(log), self.near), np.float32)

        def work(start: int, stop: int) -> None:
            some = frozen(means[start:stop]), frozen(self.centroids)
            _join(*some, self.sharpness, circles[start:stop], shares[start:stop])

        in_chunks(work, len(log), threads)
        return circles, shares

    def entry(self, circle: int, track: int) -> tuple[float, int]:
        """(weight, members who love it) of a track on a circle's chart; (0, 0) where it does not stand there."""
        if circle < 0:
            return 0.0, 0
        first, last = self.indptr[circle], self.indptr[circle + 1]
        at = first + np.searchsorted(self.ids[first:last], track)
        held = at < last and self.ids[at] == track
        return (float(self.weights[at]), int(self.members[at])) if held else (0.0, 0)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The circles, ready for an artefact."""
        return {name: getattr(self, name) for name in ("vectors", "centroids", "indptr", "ids", "weights", "members")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any]) -> Self:
        """The circles of a saved artefact; the arrays may be memory-mapped."""
        chart = arrays["indptr"], arrays["ids"], arrays["weights"], arrays["members"]
        return cls(arrays["vectors"], arrays["centroids"], *chart, near=params["near"], sharpness=params["sharpness"])


def taste_circles(log: Histories, catalogue: Catalogue, params: TrainSocial) -> TasteCircles:
    """Circles of the listeners of `log`, and their charts as of the day after its newest play."""
    plays = input_matrix(log, len(catalogue), "binary")
    vectors = taste_factors(plays, params.dimensions, params.seed).astype(np.float32)
    points = unit_rows(taste_means(log, vectors, INPUTS).astype(np.float64))
    centroids, circle = clusters(points, params.circles, params.seed)
    chart = charts(log, circle, len(centroids), catalogue, params)
    return TasteCircles(vectors, centroids.astype(np.float32), *chart, near=params.near, sharpness=params.sharpness)


def clusters(points: Float64s, most: int, seed: int) -> tuple[Float64s, Int32s]:
    """(unit centroids [c, d], cluster of each point, int32 [n], -1 for zeros) of k-means on unit vectors.

    On one thread, so that sums have one order. There are no more clusters than different points.
    """
    from sklearn.cluster import KMeans  # type: ignore[import-untyped] # workers join circles without it

    some = points[points.any(axis=1)]
    count = min(most, len(np.unique(some[:CLUSTERED], axis=0)))
    if not count:
        return np.zeros((0, points.shape[1])), np.full(len(points), -1, np.int32)
    with threadpool_limits(1):
        found = KMeans(count, n_init=1, random_state=seed).fit(some[:CLUSTERED])
        centroids = unit_rows(found.cluster_centers_)
        nearest = (points @ centroids.T).argmax(axis=1)
    return centroids, np.where(points.any(axis=1), nearest, -1).astype(np.int32)


def charts(
    log: Histories, circle: Int32s, circles: int, catalogue: Catalogue, params: TrainSocial
) -> tuple[Int64s, Int32s, Float32s, Int32s]:
    """(indptr, ids, weights, members) of the circles' charts, each at most `params.depth` tracks, ids ascending.

    Parameters
    ----------
    circle : int32 [n], circle of each listener of `log`, -1 for none.
    """
    as_of = int(log.last_day.max(initial=-1)) + 1
    loves = loved(log, as_of, params.days, params.loves)
    row = np.repeat(circle, np.diff(log.indptr))
    loves &= row >= 0
    tracks = len(catalogue)
    decayed = np.exp2((log.last_day[loves] - as_of) / params.half_life_days)
    world = np.bincount(log.track_idx[loves], decayed, minlength=tracks)
    place, entry = np.unique(row[loves].astype(np.int64) * tracks + log.track_idx[loves], return_inverse=True)
    members = np.bincount(entry, minlength=len(place))
    track = (place % tracks).astype(np.int32)
    weight = np.bincount(entry, decayed, minlength=len(place)) / np.maximum(world[track], 1e-300) ** params.lift
    kept = members >= params.k_listeners
    return _pruned(place[kept] // tracks, track[kept], weight[kept], members[kept], circles, catalogue.tie_rank, params.depth)


def _pruned(
    circle: Int64s, track: Int32s, weight: Float64s, members: Int64s, circles: int, tie_rank: Int32s, depth: int
) -> tuple[Int64s, Int32s, Float32s, Int32s]:
    """Charts of entries in order of (circle, track): the `depth` heaviest of each circle, over the heaviest."""
    order = np.lexsort((tie_rank[track], -weight, circle))
    start = np.searchsorted(circle[order], np.arange(circles + 1))
    rank = np.arange(len(order)) - start[circle[order]]
    heaviest = weight[order[np.minimum(start[:-1], max(len(order) - 1, 0))]] if len(order) else np.ones(circles)
    kept = np.sort(order[rank < depth])
    indptr = np.searchsorted(circle[kept], np.arange(circles + 1)).astype(np.int64)
    share = (weight[kept] / heaviest[circle[kept]]).astype(np.float32)
    return indptr, track[kept], share, members[kept].astype(np.int32)


@jit
def _join(means: Float32s, centroids: Float32s, sharpness: float, circles: Int32s, shares: Float32s) -> None:
    """The nearest circles of each mean, nearest first, and their shares; listeners of zeros join none."""
    cosine = np.empty(len(centroids))
    for n in range(len(means)):
        norm = 0.0
        for i in range(means.shape[1]):
            norm += np.float64(means[n, i]) ** 2
        if norm == 0:
            continue
        for c in range(len(centroids)):
            cosine[c] = 0.0
            for i in range(means.shape[1]):
                cosine[c] += np.float64(means[n, i]) * np.float64(centroids[c, i])
            cosine[c] /= np.sqrt(norm)
        total, first = 0.0, 0.0
        for at in range(min(circles.shape[1], len(centroids))):
            best = np.argmax(cosine)
            first = cosine[best] if at == 0 else first
            circles[n, at] = best
            shares[n, at] = np.exp(sharpness * (cosine[best] - first))
            total += np.float64(shares[n, at])
            cosine[best] = -np.inf
        for at in range(circles.shape[1]):
            shares[n, at] /= total
