"""a week that was not learned from -> whether the ranker may serve: only where it beats the blend beyond chance.

Judged are whole candidate lists of listeners of the newest past week by NDCG@30 of their discoveries, listener by listener,
against the list that the blend had for them. No model sees the labels of a listener whom it is judged by: it learned from older
weeks, or, where there is but one, from the other half of the listeners; and where to stop is chosen on one half for the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from conf.features.pair import COLUMNS
from conf.ranking import TrainRanker
from models.bootstrap import Interval, mean_intervals
from models.ranking.boosters import fit, side_by_side
from models.ranking.exam import Exam
from models.ranking.forest import Forest
from models.ranking.lessons import Lesson

Float64s = npt.NDArray[np.float64]


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


def examine(older: Lesson, exam: Exam, params: TrainRanker) -> tuple[Float64s, int]:
    """(NDCG@30 of each listener of `exam` by a model of `older`, rounds that suited them).

    Each half is judged after the round that suited the other.
    """
    half = exam.half
    if not len(older) or not half.any() or half.all():
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


def judged(lessons: Sequence[Lesson], exam: Exam, params: TrainRanker) -> tuple[Verdict, int]:
    """(verdict on models that did not see the labels they are judged by, rounds that suited them).

    lessons : of the weeks, oldest first; `exam` is of the newest.
    """
    if len(lessons) > 1:
        found, rounds = examine(Lesson.together(lessons[:-1]), exam, params)
        return verdict(found, exam.blend, params.bootstrap, params.seed), rounds
    (lesson,), found, stops = lessons, np.full(len(exam), np.nan), []
    sides = [half for half in (False, True) if (exam.half == half).any()]

    def by_the_others(half: bool) -> tuple[Float64s, int]:
        there = exam.of(exam.half == half)
        return examine(lesson.of(lesson.half != half), replace(there, half=np.arange(len(there)) % 2 == 1), params)

    results = side_by_side([partial(by_the_others, half) for half in sides], params.threads)
    for half, (ndcg, rounds) in zip(sides, results, strict=True):
        found[exam.half == half] = ndcg
        stops.append(rounds)
    return verdict(found, exam.blend, params.bootstrap, params.seed), round(float(np.mean(stops)))
