"""train_ranker over planted weeks: what it reads, that serving reads the same, and when it must not serve."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from conf.contexts import CONTEXTS
from conf.pipeline import cut
from conf.ranking import TrainRanker
from models.ranking.labels import COMPLETED, REPEATED
from models.ranking.matrix import assemble
from models.ranking.ranker import Ranker
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Run
from spark_jobs.serving import orderer
from spark_jobs.training import train_ranker
from spark_jobs.training.past_weeks import open_week, weeks_of
from tests.spark_jobs import ranking_tables as planted

PARAMS = TrainRanker(
    depth=60, negatives=20, rounds=30, step=10, seeds=1, context_seeds=1, min_in_leaf=10, threads=1, bootstrap=200
)


def run_of(folder: Any, warned: list[str]) -> Run:
    return Run(planted.MONDAY, cut(planted.MONDAY), folder, folder, warn=warned.append)


@pytest.fixture(scope="module")
def rows() -> dict[str, list[planted.Row]]:
    return planted.planted()


def trained(rows: dict[str, list[planted.Row]], folder: Any) -> tuple[Artefact, list[str]]:
    warned: list[str] = []
    made = train_ranker.train(**planted.past(rows), params=PARAMS, run=run_of(folder, warned))
    return made, warned


def test_the_ranker_of_two_weeks_passes_its_gate_and_says_what_it_saw(rows, tmp_path) -> None:
    made, warned = trained(rows, tmp_path)
    assert not warned
    assert made.params["serves"] is True
    assert made.params["weeks"] == [monday.isoformat() for monday in planted.PAST]
    assert made.metrics["gate_low"] > 0
    assert made.metrics["gate_listeners"] == planted.LISTENERS
    assert sorted(made.texts) == ["any_0.txt", "context_0.txt"]
    assert made.texts["any_0.txt"].startswith("tree")
    again, _ = trained(rows, tmp_path)
    assert again.texts == made.texts
    assert all(again.arrays[name].tobytes() == values.tobytes() for name, values in made.arrays.items())


def test_training_and_serving_make_the_same_matrix(rows, tmp_path) -> None:
    monday = planted.PAST[1]
    week = open_week(monday, planted.past(rows), cut(planted.MONDAY), PARAMS)
    weights = {"mf": 0.5, "content": 0.3, "popularity": 0.2}
    taught = [
        assemble(block.lists, block.listeners, block.tracks, weights, PARAMS.depth) for block in week.blocks(week.asked, 16)
    ]
    ranker = Ranker.of([], weights, PARAMS.depth, week.asked)
    batch = planted.gathered(rows, monday)
    row, flat = orderer.candidates(batch)
    served = orderer.Block.of(batch, row, flat, ranker, week.tracks, cut(monday)).pairs
    assert np.concatenate([pairs.x for pairs in taught]).tobytes() == served.x.tobytes()
    assert np.concatenate([pairs.track for pairs in taught]).tobytes() == served.track.tobytes()


def test_labels_are_of_the_week_after_and_know_their_context(rows) -> None:
    monday = planted.PAST[0]
    week = open_week(monday, planted.past(rows), cut(planted.MONDAY), PARAMS)
    assert set(week.picks.grade) == {COMPLETED, REPEATED}  # some were completed again, a week later
    assert np.bincount(week.row).tolist() == [6] * planted.LISTENERS
    assert np.all(week.picks.contexts[:, CONTEXTS.index("commute")] == 1.0)
    other = open_week(planted.PAST[1], planted.past(rows), cut(planted.MONDAY), PARAMS)
    assert not np.array_equal(week.track, other.track)
    assert set(other.picks.grade) == {COMPLETED}  # what comes after the run's own cut is not looked at


def test_plays_behind_the_runs_own_cut_change_nothing(rows, tmp_path) -> None:
    late = [row | {"started_at": row["started_at"] + timedelta(days=7)} for row in rows["listens"] if row["user_id"] < "u30"]
    late = [row | {"listen_id": row["listen_id"] + "x"} for row in late if row["started_at"].date() >= cut(planted.MONDAY)]
    assert late
    more = rows | {"listens": rows["listens"] + late}
    assert trained(more, tmp_path)[0].texts == trained(rows, tmp_path)[0].texts


def test_permuted_labels_keep_the_ranker_from_serving(rows, tmp_path) -> None:
    rng = np.random.default_rng(3)
    tracks = rng.integers(20, planted.TRACKS, len(rows["listens"]))
    noise = [row | {"track_id": f"t{track:03d}"} for row, track in zip(rows["listens"], tracks, strict=True)]
    made, warned = trained(rows | {"listens": noise}, tmp_path)
    assert made.params["serves"] is False
    assert "gate is closed" in warned[0]
    assert "gate is closed" in made.params["why"]
    assert made.metrics["gate_ranker_ndcg"] == pytest.approx(made.metrics["gate_blend_ndcg"], abs=0.05)


def test_a_shown_list_is_read_where_its_generation_went_on_air(rows) -> None:
    monday = planted.PAST[0]
    shown = {"run_date": monday, "surface": "discover_weekly", "user_id": "u03", "propensity": [1.0, 1.0]}
    exposures = [
        shown | {"generation": "aired", "track_ids": ["t021", "t022"]},
        shown | {"generation": "never", "track_ids": ["t023", "t024"], "user_id": "u04"},
    ]
    flip = {
        "run_date": monday,
        "surface": "discover_weekly",
        "store": "sqlite",
        "generation": "aired",
        "epoch": 1,
        "action": "flip",
    }
    flip |= {"records": 1, "at": planted.at(monday, 0)}
    week = open_week(monday, planted.past(rows | {"exposures": exposures, "publications": [flip]}), cut(planted.MONDAY), PARAMS)
    assert week.shown[3].tolist() == [21, 22]
    assert np.all(week.shown[np.arange(planted.LISTENERS) != 3] == -1)


def test_without_a_past_week_there_is_an_artefact_that_does_not_serve(rows, tmp_path) -> None:
    weekly = ("candidates", "histories", "listener_features", "listener_contexts", "track_features", "artist_features")
    first = {name: [] if name in weekly else made for name, made in rows.items()}
    assert weeks_of(planted.past(first)) == []
    made, warned = trained(first, tmp_path)
    assert made.params == {"serves": False, "why": train_ranker.NO_WEEK}
    assert "blend serves" in warned[0]


def test_one_past_week_alone_teaches_and_judges_across_listeners(rows, tmp_path) -> None:
    newest = {name: [row for row in made if row.get("run_date") != planted.PAST[0]] for name, made in rows.items()}
    made, _ = trained(newest, tmp_path)
    assert made.params["weeks"] == [planted.PAST[1].isoformat()]
    assert made.metrics["gate_listeners"] == planted.LISTENERS


def test_a_week_that_nobody_picked_in_teaches_nothing(rows, tmp_path) -> None:
    made, warned = trained(rows | {"listens": []}, tmp_path)
    assert made.params["serves"] is False
    assert warned
