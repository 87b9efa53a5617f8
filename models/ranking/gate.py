"""a week that was not learned from -> whether the ranker may serve: only where it beats the blend beyond chance.

Judged are whole candidate lists of listeners of the newest past week by NDCG@30 of their discoveries, listener by listener,
against the list that the blend had for them. No model sees the labels of a listener whom it is judged by: it learned from older
weeks, or, where there is but one, from the other half of the listeners; and where to stop is chosen on one half for the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from conf.features.pair import COLUMNS
from conf.ranking import TrainRanker
from models.bootstrap import Interval, mean_intervals
from models.metrics import ndcg_at_k
from models.ranking.forest import Forest
from models.ranking.labels import COMPLETED
from models.ranking.ranker import best_first, ranks
from models.ranking.training import K, Lesson, fit

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Exam:
    """All candidates of n listeners, and what they picked.

    Attributes
    ----------
    first : int64 [n + 1], listener i owns rows first[i] to first[i + 1]. x : float32 [m, COLUMNS]. grade : int8 [m].
    relevant : int64 [n], discoveries of each listener, candidates or not. blend : float64 [n], NDCG@30 of the blend's list.
    """

    first: Int64s
    x: Float32s
    grade: npt.NDArray[np.int8]
    relevant: Int64s
    blend: Float64s

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
        return Exam(first, self.x[rows], self.grade[rows], self.relevant[who], self.blend[who])

    def ndcg(self, score: Float64s) -> Float64s:
        """NDCG@30 of each listener's candidates by `score`, float64 [n]; nan for one without a discovery."""
        order = best_first(self.first, score)
        rank = ranks(self.first)
        listener = np.repeat(np.arange(len(self)), np.diff(self.first))
        hits = np.zeros((len(self), K), bool)
        shown = rank < K
        hits[listener[shown], rank[shown]] = (self.grade[order] >= COMPLETED)[shown]
        return ndcg_at_k(hits, self.relevant)


@dataclass(frozen=True)
class Verdict:
    """What the gate saw: mean NDCG@30 of both, and the mean difference with its 95 % interval, over so many listeners."""

    ranker: float
    blend: float
    gain: Interval
    listeners: int

    @property
    def opens(self) -> bool:
        """Whether the ranker is better beyond chance; nobody to ask keeps it closed."""
        return self.listeners > 0 and self.gain.low is not None and bool(self.gain.low > 0)

    def __str__(self) -> str:
        low, high = (float("nan") if end is None else end for end in (self.gain.low, self.gain.high))
        span = f"{self.gain.value:+.4f} [{low:+.4f}, {high:+.4f}]"
        return f"NDCG@30 {self.ranker:.4f}, the blend's {self.blend:.4f}, difference {span}, {self.listeners} listeners"


def verdict(ranker: Float64s, blend: Float64s, resamples: int, seed: int) -> Verdict:
    """Verdict over the listeners that have both numbers."""
    both = np.isfinite(ranker) & np.isfinite(blend)
    if not both.any():
        return Verdict(np.nan, np.nan, Interval(np.nan, np.nan, np.nan), 0)
    (gain,) = mean_intervals((ranker - blend)[None, both], resamples, seed)
    return Verdict(float(ranker[both].mean()), float(blend[both].mean()), gain, int(both.sum()))


def examine(older: Lesson, exam: Exam, half: Bools, params: TrainRanker) -> tuple[Float64s, int]:
    """(NDCG@30 of each listener of `exam` by a model of `older`, rounds that suited them).

    half : bool [n], which half each listener is in; each half is judged after the round that suited the other.
    """
    if not len(older.size) or not half.any() or half.all():
        return np.full(len(exam), np.nan), params.rounds
    trees = fit(older, params, params.rounds, params.seed).dump_model()["tree_info"]
    stops = list(range(params.step, len(trees) + params.step, params.step))
    score, found = np.zeros(len(exam.grade)), np.empty((len(stops), len(exam)))
    for row, stop in enumerate(stops):
        score += Forest.of([{"tree_info": trees[stop - params.step : stop]}], len(COLUMNS)).score(exam.x)
        found[row] = exam.ndcg(score)
    suited = [int(np.nanmean(found[:, half == side], axis=1).argmax()) for side in (False, True)]
    judged = np.where(half, found[suited[0]], found[suited[1]])
    return judged, round(float(np.mean([stops[row] for row in suited])))
