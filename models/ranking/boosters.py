"""rows that teach -> LightGBM models: LambdaRank (Burges 2010), seeds bagged.

Where sense says that more is better, columns are monotone: what a source holds worth more is never ranked lower for it. Models
that do not wait for each other are made side by side: two threads of one model wait for each other at every leaf, which took
ten times as long on two busy cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from conf.features.pair import COLUMNS, MONOTONE
from conf.ranking import TrainRanker
from models import cores
from models.ranking.exam import K
from models.ranking.lessons import Lesson

T = TypeVar("T")


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


def side_by_side(jobs: Sequence[Callable[[], T]], threads: int) -> list[T]:
    """What each job returns, as many at a time as cores with `threads` each allow."""
    with ThreadPoolExecutor(max(cores.usable() // threads, 1)) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]
