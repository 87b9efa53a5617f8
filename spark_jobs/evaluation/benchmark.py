"""split -> rows: every source on a public benchmark, all items ranked, settings chosen on validation alone.

Each source is tuned by Optuna's TPE (Akiba et al. 2019, https://doi.org/10.1145/3292500.3330701) for the validation's NDCG,
trained again on training and validation together, and judged by the test once. `blend` adds the sources' lists up with
weights learned on the validation; its own lists come from the same retrained sources. Where several folds validate, settings
are chosen by their mean and weights by all of them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
import pyarrow as pa

from conf.errors import FactoryError
from conf.values import Frozen
from models.blend import blend, learn
from models.bootstrap import mean_intervals
from models.histories import Histories
from models.metrics import hits_of, ndcg_at_k, recall_at_k
from models.sources.base import Catalogue, Exclusions, Listeners, TopK
from spark_jobs.evaluation.effort import Effort, effort
from spark_jobs.evaluation.public_splits import Fold, Pairs, Split
from spark_jobs.evaluation.search_spaces import CONTESTANTS

log = logging.getLogger(__name__)
BLEND = "blend"
# Entries of each source's list that the blend adds up: beyond five hundred nothing reaches a list of twenty.
BLEND_DEPTH = 500
# Listeners whose validation decides between settings; more would change the choice less than the seed does.
TUNED_ON = 10_000
_RESAMPLES = 1000
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Lesson:
    """A fold ready for sources.

    Attributes
    ----------
    fit : what is trained on.
    users : whose validation chooses settings, ascending.
    valid : their validation pairs.
    """

    fit: Histories
    users: npt.NDArray[np.int64]
    valid: Pairs


@dataclass(frozen=True)
class Contest:
    """A split ready for sources.

    Attributes
    ----------
    k : length of the lists, 20 for sets and 10 for sequences.
    """

    split: Split
    seed: int

    @property
    def k(self) -> int:
        """Length of the judged lists."""
        return 20 if self.split.kind == "sets" else 10

    @property
    def metrics(self) -> tuple[str, str]:
        """Names of (recall, ndcg): with one test item a listener, recall is the hit rate."""
        return ("recall@20", "ndcg@20") if self.split.kind == "sets" else ("hr@10", "ndcg@10")

    @cached_property
    def catalogue(self) -> Catalogue:
        """All items, in order of their number in the files."""
        return Catalogue.of_size(self.split.items)

    @cached_property
    def whole(self) -> Histories:
        """What the judged models are trained on."""
        return self.split.histories(self.split.train)

    @cached_property
    def lessons(self) -> tuple[Lesson, ...]:
        """The folds that choose settings."""
        return tuple(self._lesson(fold) for fold in self.split.folds)

    def _lesson(self, fold: Fold) -> Lesson:
        users = np.unique(fold.valid.user)
        chosen = np.sort(np.random.default_rng(self.seed).permutation(users)[: TUNED_ON // len(self.split.folds)])
        valid = fold.valid.where(np.isin(fold.valid.user, chosen))
        return Lesson(self.split.histories(fold.fit), chosen, valid)

    def ask(self, source: Any, past: Histories, users: npt.NDArray[np.int64], k: int) -> TopK:
        """The source's lists for `users`, what they had before left out."""
        block = Listeners(_rows_of(past, users), pa.nulls(len(users), pa.string()))
        heard = Exclusions(block.log.indptr, block.log.track_idx)
        return TopK(*vars(source.recommend(block, min(k, self.split.items), heard, os.cpu_count() or 1)).values())

    def judge(self, lists: npt.NDArray[np.int32], users: npt.NDArray[np.int64], truth: Pairs) -> list[npt.NDArray[np.float64]]:
        """[recall, ndcg] of each of `users`, float64 [users] each."""
        theirs = np.isin(truth.user, users)
        row = np.searchsorted(users, truth.user[theirs])
        hits = hits_of(lists[:, : self.k], row, truth.item[theirs], self.split.items)
        relevant = np.bincount(row, minlength=len(users))
        padded = np.pad(hits, ((0, 0), (0, self.k - hits.shape[1])))
        return [recall_at_k(padded, relevant), ndcg_at_k(padded, relevant)]


@dataclass
class Trained:
    """A source with chosen settings, on its way to the test; `valid_lists` are those of each lesson."""

    name: str
    params: Frozen
    valid_lists: list[TopK]
    test_lists: TopK | None = None
    spent: Effort = field(default_factory=Effort)


def measure(split: Split, names: list[str], trials: int, seed: int, tell: Tell) -> list[dict[str, Any]]:
    """One row per source; a source that fails is reported with its error, and the others go on."""
    contest = Contest(split, seed)
    users = np.unique(split.test.user)
    trained, rows = [], []
    for name in [n for n in names if n != BLEND]:
        try:
            made = _choose(contest, name, trials, tell)
            _retrain(contest, made, users)
        except FactoryError as failed:
            log.warning("source=%s state=failed error=%s", name, failed)
            rows.append({"source": name, "error": str(failed)})
            continue
        assert made.test_lists is not None
        rows.append(_row(contest, name, made.test_lists.ids, users, _chosen(made.params), made.spent))
        trained.append(made)
    if BLEND in names and trained:
        tell("blend: weights")
        rows.append(_blended(contest, trained, users))
    return rows


def _choose(contest: Contest, name: str, trials: int, tell: Tell) -> Trained:
    """Tune, and keep the chosen settings' lists of the validation for the blend."""
    tunable = trials > 0 and any(len(lesson.valid) for lesson in contest.lessons)
    params = _tuned(contest, name, trials, tell) if tunable else CONTESTANTS[name].params
    tell(f"{name}: lists of the validation")
    lists = []
    for lesson in contest.lessons:
        source = _fitted(contest, name, params, lesson.fit)
        lists.append(contest.ask(source, lesson.fit, lesson.users, BLEND_DEPTH))
    return Trained(name, params, lists)


def _tuned(contest: Contest, name: str, trials: int, tell: Tell) -> Frozen:
    """The best settings of `trials`, over all lessons; one that is behind after some lessons is not given the others."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    contestant, weighted = CONTESTANTS[name], contest.split.weighted
    sampler = optuna.samplers.TPESampler(seed=contest.seed)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=optuna.pruners.MedianPruner())

    def score(trial: optuna.Trial) -> float:
        chosen, found = contestant.chosen(trial, weighted), []
        for number, lesson in enumerate(contest.lessons, 1):
            tell(f"{name}: trial {trial.number + 1} of {trials}, fold {number} of {len(contest.lessons)}")
            found.append(_valid_ndcg(contest, lesson, _fitted(contest, name, chosen, lesson.fit)))
            trial.report(float(np.mean(found)), number)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(found))

    study.optimize(score, n_trials=trials)
    return contestant.chosen(study.best_trial, weighted)


def _retrain(contest: Contest, made: Trained, users: npt.NDArray[np.int64]) -> None:
    with effort() as made.spent:
        source = _fitted(contest, made.name, made.params, contest.whole)
        made.test_lists = contest.ask(source, contest.whole, users, BLEND_DEPTH)


def _fitted(contest: Contest, name: str, params: Frozen, past: Histories) -> Any:
    return CONTESTANTS[name].source.fit(past, contest.catalogue, params)


def _valid_ndcg(contest: Contest, lesson: Lesson, source: Any) -> float:
    lists = contest.ask(source, lesson.fit, lesson.users, contest.k)
    return float(np.nanmean(contest.judge(lists.ids, lesson.users, lesson.valid)[1]))


def _blended(contest: Contest, trained: list[Trained], users: npt.NDArray[np.int64]) -> dict[str, Any]:
    with effort() as spent:
        weights = learn({made.name: _stacked(made.valid_lists) for made in trained}, *_picks(contest))
        lists = {made.name: made.test_lists for made in trained if made.test_lists is not None}
        found = blend(lists, weights, contest.catalogue.tie_rank, contest.k)
    spent.cpu_s += sum(made.spent.cpu_s for made in trained)
    spent.peak_mb = max([spent.peak_mb, *(made.spent.peak_mb for made in trained)])
    return _row(contest, BLEND, found.ids, users, {name: round(w, 4) for name, w in weights.items()}, spent)


def _picks(contest: Contest) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """(row, item) of the validation pairs, the lessons' listeners one lesson under the other."""
    first = np.cumsum([0, *(len(lesson.users) for lesson in contest.lessons)])
    rows = [np.searchsorted(lesson.users, lesson.valid.user) + at for at, lesson in zip(first, contest.lessons, strict=False)]
    return np.concatenate(rows), np.concatenate([lesson.valid.item for lesson in contest.lessons])


def _stacked(lists: list[TopK]) -> TopK:
    return TopK(*(np.concatenate([getattr(top, name) for top in lists]) for name in ("ids", "scores", "because")))


def _row(
    contest: Contest, name: str, lists: npt.NDArray[np.int32], users: npt.NDArray[np.int64], params: Any, spent: Effort
) -> dict[str, Any]:
    values = contest.judge(lists, users, contest.split.test)
    intervals = mean_intervals(np.stack(values), _RESAMPLES, contest.seed)
    row: dict[str, Any] = {"source": name}
    for metric, found in zip(contest.metrics, intervals, strict=True):
        row |= {metric: found.value, f"{metric}_interval": [found.low, found.high]}
    return row | {"params": params, "cpu_s": round(spent.cpu_s, 1), "peak_mb": round(spent.peak_mb)}


def _chosen(params: Frozen) -> dict[str, Any]:
    return params.model_dump(mode="json")


def _rows_of(past: Histories, users: npt.NDArray[np.int64]) -> Histories:
    """Histories of `users`, ascending."""
    lengths = np.diff(past.indptr)[users]
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    taken = np.repeat(past.indptr[users] - indptr[:-1], lengths) + np.arange(indptr[-1])
    names = ("track_idx", "plays", "completions", "skips", "last_day", "weight")
    return Histories(past.user_ids.take(pa.array(users)), indptr, **{name: getattr(past, name)[taken] for name in names})
