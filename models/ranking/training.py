"""matrices and grades -> LightGBM models: LambdaRank (Burges 2010), seeds bagged.

A listener's candidates are one group. All that were met teach, and `negatives` others, drawn by a hash of listener and track:
the same in any block and any order. Where sense says that more is better, columns are monotone: what a source holds worth
more is never ranked lower for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.features.pair import COLUMNS, MONOTONE
from conf.ranking import TrainRanker
from models.ranking.labels import UNMET

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int8s = npt.NDArray[np.int8]
Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]
K = 30


@dataclass(frozen=True)
class Lesson:
    """Rows that teach or judge.

    Attributes
    ----------
    x : float32 [m, COLUMNS]. grade : int8 [m]. weight : float32 [m]. size : int64 [g], rows of each group, in order, > 0.
    """

    x: Float32s
    grade: Int8s
    weight: Float32s
    size: Int64s

    @classmethod
    def together(cls, parts: Sequence[Lesson]) -> Lesson:
        """All parts, one after the other."""
        if not parts:
            return cls(
                np.empty((0, len(COLUMNS)), np.float32), np.empty(0, np.int8), np.empty(0, np.float32), np.empty(0, np.int64)
            )
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "grade", "weight", "size")))


def hashed(user: Uint64s, track: Uint64s, seed: int) -> Float64s:
    """A number in [0, 1) for each pair, float64 [m] (splitmix64): the same wherever the pair stands."""
    with np.errstate(over="ignore"):
        z = user * np.uint64(0x9E3779B97F4A7C15) + track * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(seed)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
        z = z ^ (z >> np.uint64(31))
    return np.asarray((z >> np.uint64(11)).astype(np.float64) / 2.0**53)


def drawn(first: Int64s, grade: Int8s, lot: Float64s, negatives: int) -> npt.NDArray[np.bool_]:
    """Candidates that teach, bool [m]: all that were met, and the `negatives` others of each listener of the lowest lot.

    Listeners who picked none of their candidates teach nothing.

    >>> first, grade = np.array([0, 4, 6]), np.array([2, 1, 1, 1, 1, 1], np.int8)
    >>> drawn(first, grade, np.array([0.9, 0.5, 0.1, 0.3, 0.0, 0.0]), negatives=2).tolist()
    [True, False, True, True, False, False]
    """
    listener = np.repeat(np.arange(len(first) - 1), np.diff(first))
    met = grade != UNMET
    order = np.lexsort((np.where(met, -1.0, lot), listener))
    place = np.arange(len(order)) - first[listener]
    kept = np.zeros(len(grade), bool)
    kept[order] = place < (np.bincount(listener[met], minlength=len(first) - 1) + negatives)[listener]
    teaching = np.bincount(listener[grade > UNMET], minlength=len(first) - 1) > 0
    return np.asarray(kept & teaching[listener])


def fit(lesson: Lesson, params: TrainRanker, rounds: int, seed: int) -> Any:
    """Booster of `rounds` trees, or of fewer where no split is left."""
    import lightgbm as lgb

    taught = lgb.Dataset(
        lesson.x, lesson.grade.astype(np.float32), weight=lesson.weight, group=lesson.size, feature_name=list(COLUMNS),
        params={"max_bin": params.bins, "verbose": -1, "feature_pre_filter": False}, free_raw_data=True,
    )  # fmt: skip
    return lgb.train(settings(params, seed), taught, rounds)


def settings(params: TrainRanker, seed: int) -> dict[str, Any]:
    """What LightGBM is told."""
    return {
        "objective": "lambdarank", "metric": "none", "lambdarank_truncation_level": K,
        "label_gain": list(params.gains), "learning_rate": params.learning_rate, "num_leaves": params.leaves,
        "max_depth": params.max_depth, "min_data_in_leaf": params.min_in_leaf, "max_bin": params.bins,
        "feature_fraction": params.column_share, "bagging_fraction": params.row_share, "bagging_freq": 1,
        "monotone_constraints": [MONOTONE.get(name, 0) for name in COLUMNS], "seed": seed, "deterministic": True,
        "force_row_wise": True, "num_threads": params.threads, "verbose": -1,
    }  # fmt: skip
