"""Item-item matrices as candidate sources: a listener's score of a track is the sum of what each heard track adds to it.

    score(u, t) = sum over heard tracks j of input(u, j) * S[row(j), t]

S is sparse, its rows pruned to the strongest few hundred neighbours (models/neighbours.py makes them), so a score is a
scatter-add of a few rows and its own explanation: the heard track with the largest term is the reason. 50k listeners x 80
heard tracks x 200 neighbours over 30k tracks, k=200, with reasons: 8 CPU seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from conf.errors import ArtefactError, ContractError
from conf.values import Inputs
from models.frozen import frozen
from models.histories import Histories
from models.inputs import inputs_of
from models.item_item_kernels import entries_of, strongest_terms, top_of_product
from models.sources.base import Catalogue, Exclusions, Reason, TopK, heard_reasons

# Reasons cost half of what scores cost; of a list of thirty, two tracks an artist, one in a thousand stands lower.
EXPLAINED = 100
_CHUNK = 256  # listeners that a thread takes at a time
Work = Callable[[int, int], None]


@dataclass(frozen=True)
class ItemItem:
    """A pruned item-item matrix and how a history enters it.

    Attributes
    ----------
    indptr : int64 [rows + 1].
    ids : int32 [nnz], neighbours (track numbers), ascending within a row.
    weights : float32 [nnz], finite; what one unit of input adds to the neighbour's score.
    inputs : how a history's weights become inputs.
    row_of : int32 [tracks], row of a heard track, -1 for none. None: every track has the row of its own number.
    """

    indptr: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    inputs: Inputs = "binary"
    row_of: npt.NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        if not self.indptr[-1] == len(self.ids) == len(self.weights):
            got = f"indptr ends at {self.indptr[-1]}, {len(self.ids)} ids, {len(self.weights)} weights"
            raise ArtefactError(f"item-item: {got}; train this source again")

    @property
    def tracks(self) -> int:
        """How many tracks the matrix knows."""
        return len(self.indptr) - 1 if self.row_of is None else len(self.row_of)

    def recommend(self, log: Histories, catalogue: Catalogue, k: int, exclude: Exclusions, threads: int = 1) -> TopK:
        """Best `k` allowed tracks of each listener among the neighbours of what they heard, the best EXPLAINED with reasons.

        A score of exactly 0 is no proposal. Sums are made in float64, in the order of the history.
        """
        left = self._left(log, catalogue, exclude)
        ids = np.full((len(log), k), -1, np.int32)
        scores = np.full((len(log), k), -np.inf, np.float32)
        because = np.full((len(log), k), -1, np.int32)
        right = frozen(self.indptr), frozen(self.ids), frozen(self.weights)
        allowed, tie_rank = frozen(catalogue.allowed), frozen(catalogue.tie_rank)

        def work(start: int, stop: int) -> None:
            indptr, *flat = left
            own = (frozen(indptr[start : stop + 1]), *flat)
            struck = frozen(exclude.indptr[start : stop + 1]), frozen(exclude.ids)
            top_of_product(*own, *right, *struck, allowed, tie_rank, ids[start:stop], scores[start:stop])
            best = frozen(ids[start:stop, :EXPLAINED])
            strongest_terms(*own, frozen(log.track_idx), *right, tie_rank, best, because[start:stop, :EXPLAINED])

        in_chunks(work, len(log), threads)
        return TopK(ids, scores, because)

    def terms(self, log: Histories, track: int) -> npt.NDArray[np.float64]:
        """What each heard track of the only listener of `log` adds to the score of `track`, float64 [nnz]."""
        entries = entries_of(frozen(self._rows(log)), frozen(self.indptr), frozen(self.ids), frozen(self.weights), track)
        terms: npt.NDArray[np.float64] = inputs_of(log, self.inputs).astype(np.float64) * entries
        return terms

    def explain(self, log: Histories, catalogue: Catalogue, track: int, most: int = 3) -> tuple[Reason, ...]:
        """Heard tracks of the only listener of `log` by their term of the score."""
        return heard_reasons(log.track_idx, self.terms(log, track), catalogue.tie_rank, most)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The matrix, ready for an artefact."""
        rows = {} if self.row_of is None else {"row_of": self.row_of}
        return {"indptr": self.indptr, "ids": self.ids, "weights": self.weights, **rows}

    @classmethod
    def from_arrays(cls, arrays: Any, inputs: Inputs) -> Self:
        """The matrix of a saved artefact; the arrays may be memory-mapped."""
        return cls(arrays["indptr"], arrays["ids"], arrays["weights"], inputs, arrays.get("row_of"))

    def _rows(self, log: Histories) -> npt.NDArray[np.int32]:
        """Row of each heard track, int32 [nnz], -1 for none."""
        if log.track_idx.max(initial=-1) >= self.tracks:
            got = f"a history holds track_idx {log.track_idx.max()}, the artefact knows {self.tracks} tracks"
            raise ArtefactError(f"item-item: {got}; train this source on this catalogue")
        return log.track_idx if self.row_of is None else np.asarray(self.row_of[log.track_idx])

    def _left(self, log: Histories, catalogue: Catalogue, exclude: Exclusions) -> tuple[npt.NDArray[Any], ...]:
        """(row bounds, rows of S, inputs) of the listeners, after checking that everything fits together."""
        if self.tracks > len(catalogue):
            got = f"the artefact knows {self.tracks} tracks, the catalogue {len(catalogue)}"
            raise ContractError(f"item-item: {got}; a catalogue only grows: give the newer one")
        if len(exclude.indptr) != len(log) + 1:
            raise ContractError(f"item-item: {len(exclude.indptr) - 1} rows of exclusions for {len(log)} listeners")
        if exclude.ids.max(initial=-1) >= len(catalogue):
            raise ContractError(
                f"item-item: track_idx {exclude.ids.max()} excluded, the catalogue ends at {len(catalogue) - 1}"
            )
        return log.indptr, frozen(self._rows(log)), frozen(inputs_of(log, self.inputs))


def in_chunks(work: Work, rows: int, threads: int) -> None:
    """Call work(start, stop) for chunks of `rows` on `threads` threads."""
    with ThreadPoolExecutor(threads) as pool:
        starts = range(0, rows, _CHUNK)
        for _ in pool.map(lambda start: work(start, min(start + _CHUNK, rows)), starts):
            pass
