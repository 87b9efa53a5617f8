"""Which settings of a source are worth a search, and within which bounds: wide enough for any log, never for one file.

A bound was set where the validation curve of two public splits falls on both of its sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna

from conf.trainers import TrainItemKnn, TrainMf, TrainPopularity
from conf.values import Frozen
from models.sources.base import Source
from models.sources.kinds import SOURCES

Space = Callable[[optuna.trial.BaseTrial, bool], dict[str, Any]]


def _ials(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    return {
        "dimensions": trial.suggest_int("dimensions", 32, 512, log=True),
        "epochs": trial.suggest_int("epochs", 6, 24),
        "alpha0": trial.suggest_float("alpha0", 0.01, 1.0, log=True),
        "reg": trial.suggest_float("reg", 5e-4, 0.05, log=True),
    } | _inputs(trial, weighted)


def _item_knn(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    return {
        "similarity": trial.suggest_categorical("similarity", ["bm25", "tfidf", "cosine"]),
        "neighbours": trial.suggest_int("neighbours", 20, 1000, log=True),
        "k1": trial.suggest_float("k1", 0.1, 200.0, log=True),
        "b": trial.suggest_float("b", 0.0, 1.0),
    } | _inputs(trial, weighted)


def _inputs(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    """How weights enter, where there are any that differ."""
    return {"inputs": trial.suggest_categorical("inputs", ["binary", "log", "linear", "share"])} if weighted else {}


def _nothing(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Contestant:
    """A source with the settings that it starts from and what is searched around them."""

    source: type[Source]
    params: Frozen
    space: Space

    def chosen(self, trial: optuna.trial.BaseTrial, weighted: bool) -> Frozen:
        """Settings of a trial."""
        return type(self.params).model_validate(self.params.model_dump() | self.space(trial, weighted))


# By benchmark name: `ials` is the engine behind the artefact `mf`. Splits have no dates, so popularity does not decay there.
CONTESTANTS = {
    "popularity": Contestant(SOURCES["popularity"], TrainPopularity(half_life_days=1e9), _nothing),
    "item_knn": Contestant(SOURCES["item_knn"], TrainItemKnn(), _item_knn),
    "ials": Contestant(SOURCES["mf"], TrainMf(), _ials),
}
# What only a log in order of time can teach.
IN_ORDER = {"sequence"}
