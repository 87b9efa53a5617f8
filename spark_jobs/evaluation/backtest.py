"""replay -> results: every source, their blend and the ranker on past weeks, each week from what was known before it.

For every cut all sources are trained on the histories before it and judged by the discoveries of the seven days behind it,
over the full catalogue. The blend's weights are learned on the week before: on the lists that the previous cut's sources
made for it, which is what the line does. The ranker learns from the lists and features of the weeks before and reorders those
of this one (backtest_ranker.py), gate or no gate. Nothing is chosen on a judged week.

Cold tracks are those that fewer than COLD_TRACK listeners completed before the cut; sources are asked for them alone, and
judged by the cold discoveries. Cold listeners completed fewer than COLD_LISTENER tracks. Segments halve the listeners at the
median of their plays and of how popular the tracks they heard are; new ones first played within NEW_DAYS.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.errors import FactoryError
from conf.settings import Settings
from models.blend import blend, learn
from models.metrics import coverage, hits_of, ndcg_at_k, popularity_lift, recall_at_k
from models.sources.base import Catalogue, Exclusions, Listeners, Saved, TopK
from models.sources.kinds import SOURCES
from spark_jobs.evaluation.backtest_ranker import RANKER, Trial
from spark_jobs.evaluation.effort import Effort, effort
from spark_jobs.evaluation.replay import Cut, listeners_of_tracks

log = logging.getLogger(__name__)
BLEND = "blend"
K = 30
COLD_TRACK = 5
COLD_LISTENER = 20
NEW_DAYS = 28
SEGMENTS = ("light", "heavy", "niche", "mainstream", "new")
Tell = Callable[[str], None]
Values = npt.NDArray[np.float64]


@dataclass
class Fold:
    """What one cut measured.

    Attributes
    ----------
    code : int64 [n], the listeners who discovered something.
    values : (model, metric) -> float64 [n]; nan for a listener whom the metric does not concern.
    whole : (model, metric) -> a number of all listeners together.
    weights : of the blend; empty in the first cut, which only teaches.
    gate : what the ranker's gate said of the weeks before; empty without a ranker. drift : source -> PSI of its worths.
    failed : source -> why it was left out.
    """

    cut: Cut
    code: npt.NDArray[np.int64]
    values: dict[tuple[str, str], Values] = field(default_factory=dict)
    whole: dict[tuple[str, str], float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    gate: str = ""
    drift: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A trained source, the lists it made at a cut, and what that cost."""

    saved: Saved
    lists: TopK
    cold: TopK
    spent: Effort


def run(
    past: list[Cut], catalogue_of: Callable[[Cut], Catalogue], settings: Settings, names: list[str], tell: Tell,
    trial: Trial | None = None,
) -> list[Fold]:  # fmt: skip
    """Folds of all cuts but the first, which teaches the first blend and the first ranker; without a `trial` no ranker."""
    folds: list[Fold] = []
    weights: dict[str, float] = {}
    for number, cut in enumerate(past):
        catalogue = catalogue_of(cut)
        fold = Fold(cut, cut.code[cut.relevant > 0], weights=weights)
        asked: dict[str, Asked] = {}
        for name in names:
            tell(f"cut {cut.day}: {name}")
            try:
                asked[name] = _ask(name, cut, catalogue, settings)
            except FactoryError as failed:
                log.warning("cut=%s source=%s state=failed error=%s", cut.day, name, failed)
                fold.failed[name] = str(failed)
        made = _judge(fold, asked, catalogue) if number else _blended(fold, asked, catalogue)
        if trial is not None and asked:
            tell(f"cut {cut.day}: ranker")
            _try_ranker(fold, trial, asked, catalogue, made)
        if number:
            folds.append(fold)
        weights = learn({name: one.lists for name, one in asked.items()}, cut.row, cut.track)
    return folds


def _ask(name: str, cut: Cut, catalogue: Catalogue, settings: Settings) -> Asked:
    params, depth = getattr(settings, f"train_{name}"), settings.generate_candidates.per_source
    with effort() as spent:
        source = SOURCES[name].fit(cut.block.log, catalogue, params)
        lists = source.recommend(cut.block, depth, heard(cut.block), threads=1)
    saved = source.save()
    only_cold = replace(catalogue, allowed=catalogue.allowed & cold_tracks(cut.block, len(catalogue)))
    cold = SOURCES[name].load(saved.arrays, saved.params, only_cold).recommend(cut.block, K, heard(cut.block), threads=1)
    return Asked(saved, lists, cold, spent)


def heard(block: Listeners) -> Exclusions:
    """Every track of the listeners' histories."""
    return Exclusions(block.log.indptr, block.log.track_idx)


def cold_tracks(block: Listeners, tracks: int) -> npt.NDArray[np.bool_]:
    """Tracks that hardly anybody completed yet, bool [tracks]."""
    return listeners_of_tracks(block, tracks) < COLD_TRACK


def _blended(fold: Fold, asked: Mapping[str, Asked], catalogue: Catalogue) -> npt.NDArray[np.int32]:
    """The blend's lists, int32 [n, K]; without weights all sources count the same."""
    weights = fold.weights or dict.fromkeys(asked, 1.0)
    return blend({name: one.lists for name, one in asked.items()}, weights, catalogue.tie_rank, K).ids


def _try_ranker(
    fold: Fold, trial: Trial, asked: Mapping[str, Asked], catalogue: Catalogue, blended: npt.NDArray[np.int32]
) -> None:
    """Judge the ranker's order of this week, where weeks before it teach one."""
    lists, cold = ({name: getattr(one, part) for name, one in asked.items()} for part in ("lists", "cold"))
    with effort() as spent:
        order = trial.order(fold.cut, catalogue, lists, cold, {name: one.saved for name, one in asked.items()}, blended)
    if order is None:
        return
    judge_lists(fold, RANKER, order.lists, order.cold, len(catalogue))
    _judge_taste(fold, RANKER, order.lists, len(catalogue))
    fold.gate, fold.drift = str(order.verdict), order.drift
    fold.whole[RANKER, "cpu_s"], fold.whole[RANKER, "peak_mb"] = spent.cpu_s, spent.peak_mb


def _judge(fold: Fold, asked: Mapping[str, Asked], catalogue: Catalogue) -> npt.NDArray[np.int32]:
    """Judge the sources and their blend; returns the blend's lists."""
    tie_rank = catalogue.tie_rank
    lists = {name: one.lists.ids[:, :K] for name, one in asked.items()}
    cold = {name: one.cold.ids for name, one in asked.items()}
    with effort() as spent:
        lists[BLEND] = blend({name: one.lists for name, one in asked.items()}, fold.weights, tie_rank, K).ids
    cold[BLEND] = blend({name: one.cold for name, one in asked.items()}, fold.weights, tie_rank, K).ids
    for name, made in lists.items():
        judge_lists(fold, name, made, cold[name], len(catalogue))
        _judge_taste(fold, name, made, len(catalogue))
    for name, one in asked.items():
        fold.whole[name, "cpu_s"], fold.whole[name, "peak_mb"] = one.spent.cpu_s, one.spent.peak_mb
    fold.whole[BLEND, "cpu_s"] = spent.cpu_s + sum(one.spent.cpu_s for one in asked.values())
    fold.whole[BLEND, "peak_mb"] = max([spent.peak_mb, *(one.spent.peak_mb for one in asked.values())])
    return lists[BLEND]


def _judge_taste(fold: Fold, name: str, lists: npt.NDArray[np.int32], tracks: int) -> None:
    """How popular a model's lists are, and how much of the catalogue they reach."""
    popularity = listeners_of_tracks(fold.cut.block, tracks).astype(np.float64)
    lift = popularity_lift(lists, popularity, _usual(fold.cut.block, popularity))
    fold.values[name, "popularity_lift"] = lift[fold.cut.relevant > 0]
    fold.whole[name, "coverage"] = coverage(lists, tracks)


def judge_lists(fold: Fold, name: str, lists: npt.NDArray[np.int32], cold: npt.NDArray[np.int32], tracks: int) -> None:
    """Add a model's values per listener to the fold."""
    cut = fold.cut
    asked = cut.relevant > 0
    hits = hits_of(_padded(lists), cut.row, cut.track, tracks)[asked]
    ndcg = ndcg_at_k(hits, cut.relevant[asked])
    fold.values[name, f"ndcg@{K}"] = ndcg
    fold.values[name, f"recall@{K}"] = recall_at_k(hits, cut.relevant[asked])
    log = cut.block.log
    for segment, there in segments_of(cut, tracks).items():
        fold.values[name, f"ndcg@{K}_{segment}"] = np.where(there[asked], ndcg, np.nan)
    few = log.row_sums(log.completions > 0)[asked] < COLD_LISTENER
    fold.values[name, f"ndcg@{K}_cold_listeners"] = np.where(few, ndcg, np.nan)
    is_cold = cold_tracks(cut.block, tracks)[cut.track]
    row, track = cut.row[is_cold], cut.track[is_cold]
    relevant = np.bincount(row, minlength=len(cut.block))[asked]
    cold_hits = hits_of(_padded(cold), row, track, tracks)[asked]
    fold.values[name, f"ndcg@{K}_cold_tracks"] = ndcg_at_k(cold_hits, relevant)


def segments_of(cut: Cut, tracks: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Segment -> which listeners are in it, bool [n]; halves are those of all listeners of the cut."""
    plays = cut.block.log.row_sums(cut.block.log.plays)
    usual = _usual(cut.block, listeners_of_tracks(cut.block, tracks).astype(np.float64))
    heavy, mainstream = plays > np.median(plays), usual > np.nanmedian(usual)
    return dict(zip(SEGMENTS, (~heavy, heavy, ~mainstream, mainstream, cut.new(NEW_DAYS)), strict=True))


def _padded(lists: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.pad(lists[:, :K], ((0, 0), (0, max(K - lists.shape[1], 0))), constant_values=-1)


def _usual(block: Listeners, popularity: Values) -> Values:
    """Mean popularity of what each listener heard, nan where it is 0."""
    log = block.log
    row = np.repeat(np.arange(len(log)), np.diff(log.indptr))
    total = np.bincount(row, popularity[log.track_idx], minlength=len(log))
    return np.where(total > 0, total / np.maximum(np.diff(log.indptr), 1), np.nan)


def per_listener(folds: list[Fold], model: str, metric: str) -> dict[int, float]:
    """Mean over the folds that concern a listener, by the listener's number: people are the independent unit."""
    total: dict[int, tuple[float, int]] = {}
    for fold in folds:
        values: Any = fold.values.get((model, metric))
        if values is None:
            continue
        for code, value in zip(fold.code.tolist(), values.tolist(), strict=True):
            if value == value:
                have, times = total.get(code, (0.0, 0))
                total[code] = have + value, times + 1
    return {code: have / times for code, (have, times) in total.items()}
