"""histories, plays and artefacts -> vectors: what a listener, a context of theirs and a session stand for.

A listener is three views side by side, each of length one or all zeros: factors folded in (mf), the mean of what words and
sound stand for (content), and the state that the sequence model is in after their newest tracks. What an artefact does not
know of adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.features.listener import EMBEDDED
from conf.values import Inputs
from models.fold_in import ItemSide, fold_in
from models.frozen import frozen
from models.histories import Histories
from models.selection import jit
from models.sequence.batches import in_order
from models.sequence.serving import Encoder
from models.sources.taste_mean import taste_means, unit_rows

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Content:
    """Vectors of the artefact `content`, float32 [tracks, d], and how a history's weights enter their mean."""

    vectors: Float32s
    inputs: Inputs


@dataclass(frozen=True)
class Order:
    """What of the artefact `sequence` encodes a listener.

    Attributes
    ----------
    factors : float32 [tracks, d]. length : newest tracks that it reads. tie_rank : int32 [>= tracks], order of external ids.
    """

    factors: Float32s
    encoder: Encoder
    length: int
    tie_rank: Int32s


@dataclass(frozen=True)
class Embedder:
    """The artefacts that embeddings are made of; None where one is missing."""

    mf: ItemSide | None = None
    content: Content | None = None
    sequence: Order | None = None

    def listeners(self, log: Histories) -> Float32s | None:
        """Vectors of the listeners of `log`, float32 [n, mf + content + sequence]; None without any artefact."""
        if not (self.mf or self.content or self.sequence):
            return None
        views = []
        for name in EMBEDDED:
            view: Float32s = getattr(self, f"_{name}")(log)
            views.append(unit_rows(view.astype(np.float64)).astype(np.float32))
        return np.concatenate(views, axis=1)

    def _mf(self, log: Histories) -> Float32s:
        if self.mf is None:
            return np.zeros((len(log), EMBEDDED["mf"]), np.float32)
        return fold_in(known(log, len(self.mf.factors)), self.mf)

    def _content(self, log: Histories) -> Float32s:
        if self.content is None:
            return np.zeros((len(log), EMBEDDED["content"]), np.float32)
        return taste_means(known(log, len(self.content.vectors)), self.content.vectors, self.content.inputs)

    def _sequence(self, log: Histories) -> Float32s:
        order = self.sequence
        if order is None:
            return np.zeros((len(log), EMBEDDED["sequence"]), np.float32)
        tracks = len(order.factors)
        newest = in_order(known(log, tracks), order.tie_rank[:tracks]).newest(order.length)
        return order.encoder.listeners(newest, order.factors)


def known(log: Histories, tracks: int) -> Histories:
    """Histories without the tracks that an artefact of so many `tracks` has not seen."""
    within = log.track_idx < tracks
    return log if within.all() else log.where(within)


def mean_vectors(group: Int64s, groups: int, track: Int32s, weight: npt.NDArray[Any], vectors: Float32s) -> Float32s:
    """Weighted mean vector of each group's tracks, of length one, float32 [groups * columns of `weight`, d].

    Parameters
    ----------
    group : int64 [m], in any order. weight : [m, c], >= 0, of each play in each of c columns.
    vectors : float32 [tracks, d]; tracks beyond them add nothing.

    Examples
    --------
    >>> vectors = np.array([[1, 0], [0, 2]], np.float32)
    >>> group, track = np.zeros(2, np.int64), np.array([0, 1], np.int32)
    >>> mean_vectors(group, 1, track, np.array([[4.0, 0.0], [1.5, 3.0]]), vectors).tolist()
    [[0.800000011920929, 0.6000000238418579], [0.0, 1.0]]
    """
    weight = np.ascontiguousarray(weight, np.float64)
    sums = np.zeros((groups, weight.shape[1], vectors.shape[1]))
    _add_vectors(frozen(group), frozen(track), frozen(weight), frozen(vectors), sums)
    return unit_rows(sums.reshape(-1, vectors.shape[1])).astype(np.float32)


@jit
def _add_vectors(group: Int64s, track: Int32s, weight: Float64s, vectors: Float32s, sums: npt.NDArray[np.float64]) -> None:
    for at in range(len(group)):
        if track[at] >= len(vectors):
            continue
        row = vectors[track[at]]
        for c in range(weight.shape[1]):
            share = weight[at, c]
            if share > 0:
                mine = sums[group[at], c]
                for d in range(len(row)):
                    mine[d] += share * np.float64(row[d])
