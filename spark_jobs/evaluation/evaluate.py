"""playlists, histories of last week; listens, feedback since -> metrics: how good the lists were, against what was possible.

Last week's lists are judged by what their listeners discovered in the seven days after their cut. The rivals are decayed
popularity as it stood at that cut, and, in a simulated world, the world's own best possible list. Every listener of the
panel who discovered something counts once; intervals are bootstrapped over listeners.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.pipeline import cut
from conf.settings import Evaluate
from models.metrics import coverage, hits_of, ndcg_at_k, popularity_lift, recall_at_k
from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.contract import Output, Rows, Run
from spark_jobs.evaluation import contenders, held_out_artists, panel
from spark_jobs.evaluation.panel import Panel
from spark_jobs.evaluation.score_card import Columns, ScoreCard, with_difference
from spark_jobs.evaluation.week_after import WeekAfter, look
from spark_jobs.rows import sql

log = logging.getLogger(__name__)
SURFACE = "discover_weekly"
Lists = npt.NDArray[np.int32]


def transform(
    *,
    playlists: Rows,
    histories: Rows,
    listens: Rows,
    tracks: Rows,
    users: Rows,
    feedback: Rows,
    tags: Rows,
    follows: Rows,
    params: Evaluate,
    run: Run,
) -> dict[str, Output]:
    """Quality of the lists of the Monday before; nothing where there were none, or where nobody discovered anything."""
    monday = run.run_date - timedelta(days=7)
    people = panel.gather(histories, users, tracks, monday, params.max_listeners)
    popularity = run.artefacts.get("popularity")
    lists = contenders.as_built(people, playlists, SURFACE, params.k)
    if popularity is None or not (lists >= 0).any():
        log.info("job=evaluate nothing to measure: no lists were made for %s", monday)
        return {}
    week = look(people, listens, feedback, cut(monday), params.listen_rule)
    card = ScoreCard(run.run_date, SURFACE, cut(monday), params.bootstrap, params.seed, week.simulated)
    rows = discoveries(people, week, lists, popularity, params, run, card)
    if run.truth is not None and (run.truth / held_out_artists.FILE).is_file():
        about = held_out_artists.About(tags, follows, cut(monday))
        mf = run.artefacts.get("mf")
        rows += card.means(held_out_artists.measure(people, week, run.truth, mf, popularity, about, params.artists))
    if not rows:
        log.info("job=evaluate nothing to measure: nobody discovered a track in the week from %s", cut(monday))
        return {}
    replaced = f"{sql(('run_date', '=', run.run_date))} AND {sql(('surface', '=', SURFACE))}"  # `plant backtest` keeps its rows
    return {"metrics": Output(card.table(rows), replaced)}


def discoveries(
    people: Panel, week: WeekAfter, lists: Lists, popularity: ArtefactRef, params: Evaluate, run: Run, card: ScoreCard
) -> list[dict[str, Any]]:
    """Rows for each contender over the listeners who discovered something."""
    rivals = {SURFACE: lists, "popularity": contenders.popular(people, popularity, params.k)}
    asked = week.relevant > 0
    if run.truth and contenders.is_world(run.truth):
        rivals["best_possible"], known = contenders.best_possible(people, run.truth, card.cut, params.k)
        asked &= known
    if not asked.any():
        return []
    columns: Columns = {}
    for model, made in rivals.items():
        columns |= _ranking(model, made, week, asked, params.k, len(people.catalogue))
    rows = card.means(with_difference(columns, SURFACE, "popularity"))
    return rows + _breadth(people, rivals, popularity, card)


def _ranking(model: str, lists: Lists, week: WeekAfter, asked: npt.NDArray[np.bool_], k: int, n_tracks: int) -> Columns:
    hits = hits_of(lists, week.row, week.track, n_tracks)[asked]
    relevant = week.relevant[asked]
    return {(model, f"ndcg@{k}"): ndcg_at_k(hits, relevant), (model, f"recall@{k}"): recall_at_k(hits, relevant)}


def _breadth(people: Panel, rivals: dict[str, Lists], popularity: ArtefactRef, card: ScoreCard) -> list[dict[str, Any]]:
    """Coverage of the catalogue, and popularity against what the listeners usually play, over the whole panel."""
    shares = np.zeros(len(people.catalogue))
    trained = artefacts.load_arrays(popularity)["shares"]
    shares[: len(trained)] = trained
    usual = _usual_popularity(people, shares)
    rows, lifts = [], {}
    for model, lists in rivals.items():
        rows.append(card.whole(model, "coverage", coverage(lists, people.tracks.num_rows), len(people)))
        lifts[model, "popularity_lift"] = popularity_lift(lists, shares, usual)
    measured = np.isfinite(list(lifts.values())).all(axis=0)
    return rows + (card.means({name: lift[measured] for name, lift in lifts.items()}) if measured.any() else [])


def _usual_popularity(people: Panel, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean popularity of each listener's history, nan where it is 0."""
    history = people.listeners.log
    row = np.repeat(np.arange(len(history)), np.diff(history.indptr))
    total = np.bincount(row, shares[history.track_idx], minlength=len(history))
    return np.where(total > 0, total / np.maximum(np.diff(history.indptr), 1), np.nan)
