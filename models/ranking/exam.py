"""whole candidate lists of listeners who discovered something: what an order of them is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from models.metrics import ndcg_at_k
from models.ranking.labels import COMPLETED
from models.ranking.ranker import best_first, ranks

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
K = 30


@dataclass(frozen=True)
class Exam:
    """All candidates of n listeners, and what they picked.

    Attributes
    ----------
    first : int64 [n + 1], listener i owns rows first[i] to first[i + 1]. x : float32 [m, COLUMNS]. grade : int8 [m].
    relevant : int64 [n], discoveries of each listener, candidates or not. blend : float64 [n], NDCG@30 of the blend's list.
    half : bool [n], which half each listener is in.
    """

    first: Int64s
    x: Float32s
    grade: npt.NDArray[np.int8]
    relevant: Int64s
    blend: Float64s
    half: Bools

    def __len__(self) -> int:
        return len(self.relevant)

    @classmethod
    def together(cls, parts: Sequence[Exam]) -> Exam:
        """All parts, one after the other."""
        sizes = np.concatenate([np.diff(part.first) for part in parts])
        rest = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls) if f.name != "first"}
        return cls(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), **rest)

    def of(self, who: Bools) -> Exam:
        """The listeners that `who`, bool [n], names."""
        rows = np.repeat(who, np.diff(self.first))
        first = np.concatenate([[0], np.cumsum(np.diff(self.first)[who])]).astype(np.int64)
        return Exam(first, self.x[rows], self.grade[rows], self.relevant[who], self.blend[who], self.half[who])

    def ndcg(self, score: Float64s) -> Float64s:
        """NDCG@30 of each listener's candidates by `score`, float64 [n]; nan for one without a discovery."""
        order = best_first(self.first, score)
        rank = ranks(self.first)
        listener = np.repeat(np.arange(len(self)), np.diff(self.first))
        hits = np.zeros((len(self), K), bool)
        shown = rank < K
        hits[listener[shown], rank[shown]] = (self.grade[order] >= COMPLETED)[shown]
        return ndcg_at_k(hits, self.relevant)
