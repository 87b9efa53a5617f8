"""Which settings of a source are worth a search, and within which bounds: wide enough for any log, never for one file.

A bound was set where the validation curve of two public splits falls on both of its sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna

from conf.trainers import TrainEase, TrainGfcf, TrainItemKnn, TrainMf, TrainPopularity, TrainRp3beta, TrainSequence
from conf.values import Frozen
from models.sources.base import Source
from models.sources.kinds import SOURCES

Space = Callable[[optuna.trial.BaseTrial, bool], dict[str, Any]]


def _ials(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    return {
        "dimensions": trial.suggest_int("dimensions", 32, 512, log=True),
        "epochs": trial.suggest_int("epochs", 6, 24),
        "alpha0": trial.suggest_float("alpha0", 0.01, 1.0, log=True),
        "unheard_exponent": trial.suggest_float("unheard_exponent", 0.0, 0.6),
        "reg": trial.suggest_float("reg", 5e-4, 0.05, log=True),
    } | _inputs(trial, weighted)


def _item_knn(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    return {
        "similarity": trial.suggest_categorical("similarity", ["bm25", "tfidf"]),
        "neighbours": trial.suggest_int("neighbours", 50, 1000, log=True),
        "k1": trial.suggest_float("k1", 0.5, 100.0, log=True),
        "b": trial.suggest_float("b", 0.0, 0.6),
    } | _inputs(trial, weighted)


def _rp3beta(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    return {
        "alpha": trial.suggest_float("alpha", 0.3, 1.0),
        "beta": trial.suggest_float("beta", 0.2, 0.8),
        "neighbours": trial.suggest_int("neighbours", 100, 1000, log=True),
    } | _inputs(trial, weighted)


def _gfcf(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    return {
        "dimensions": trial.suggest_int("dimensions", 48, 256, log=True),
        "low_pass": trial.suggest_float("low_pass", 0.1, 5.0, log=True),
        "listener_exponent": trial.suggest_float("listener_exponent", 0.2, 0.5),
        "track_exponent": trial.suggest_float("track_exponent", 0.25, 0.5),
        "neighbours": trial.suggest_int("neighbours", 200, 1000, log=True),
    } | _inputs(trial, weighted)


def _ease(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    return {
        "ridge": trial.suggest_float("ridge", 1.0, 30.0, log=True),
        "dropout": trial.suggest_float("dropout", 0.1, 2.0, log=True),
        "listener_exponent": trial.suggest_float("listener_exponent", 0.15, 0.5),
        "beta": trial.suggest_float("beta", 0.0, 0.25),
        "neighbours": trial.suggest_int("neighbours", 200, 1000, log=True),
    } | _inputs(trial, weighted)


def _sequence(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    return {
        "dropout": trial.suggest_float("dropout", 0.3, 0.6),
        "epochs": trial.suggest_int("epochs", 12, 40),
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 8e-3, log=True),
    }


def _inputs(trial: optuna.trial.BaseTrial, weighted: bool) -> dict[str, Any]:
    """How weights enter, where there are any that differ."""
    return {"inputs": trial.suggest_categorical("inputs", ["share", "log", "binary"])} if weighted else {}


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


# By benchmark name: `ials` is the engine behind the artefact `mf`. Splits have no dates, so popularity does not decay there,
# and neither artists, texts, friends nor release days, so content, social and fresh have nothing to go by.
CONTESTANTS = {
    "popularity": Contestant(SOURCES["popularity"], TrainPopularity(half_life_days=1e9), _nothing),
    "item_knn": Contestant(SOURCES["item_knn"], TrainItemKnn(), _item_knn),
    "ials": Contestant(SOURCES["mf"], TrainMf(), _ials),
    "rp3beta": Contestant(SOURCES["rp3beta"], TrainRp3beta(), _rp3beta),
    "gfcf": Contestant(SOURCES["gfcf"], TrainGfcf(), _gfcf),
    "ease": Contestant(SOURCES["ease"], TrainEase(), _ease),
    "sequence": Contestant(SOURCES["sequence"], TrainSequence(gaps=False), _sequence),
}
# What only a log in order of time can teach.
IN_ORDER = {"sequence"}
