"""A backtest of a planted log: two tastes, four weeks, and checks that fail as soon as the future leaks into the past."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from conf.settings import Settings
from conf.trainers import TrainItemKnn, TrainMf
from models.plays import Plays
from models.sources.base import Catalogue
from spark_jobs.cli.main import main
from spark_jobs.evaluation import backtest, backtest_report
from spark_jobs.evaluation.backtest import Fold, per_listener
from spark_jobs.evaluation.replay import Cut, Replay, cuts, newest_cut
from spark_jobs.evaluation.score_card import ScoreCard
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

FIRST = date(2026, 8, 2)  # a Sunday
WEEKS, LISTENERS, TRACKS = 4, 60, 80
NEWEST = FIRST + timedelta(weeks=WEEKS)
FUTURE_TRACK = TRACKS - 1  # out in the last week only
NAMES = ["mf", "item_knn", "popularity"]
SETTINGS = Settings(train_mf=TrainMf(dimensions=4, epochs=5), train_item_knn=TrainItemKnn(neighbours=30))


def plays_of_two_tastes(seed: int = 0) -> list[tuple[int, int, datetime]]:
    """Even listeners play even tracks, odd ones odd tracks; seven a week, all whole."""
    rng = np.random.default_rng(seed)
    made = []
    for listener in range(LISTENERS):
        mine = np.arange(listener % 2, TRACKS - 2, 2)
        for day in range(7 * WEEKS):
            at = datetime(FIRST.year, FIRST.month, FIRST.day, 12, tzinfo=UTC) + timedelta(days=day)
            made.append((listener, int(rng.choice(mine)), at))
        if listener % 2:
            made.append(
                (listener, FUTURE_TRACK, datetime(NEWEST.year, NEWEST.month, NEWEST.day, tzinfo=UTC) - timedelta(days=2))
            )
    return sorted(made, key=lambda play: (play[0], play[2]))


def replay_of(made: list[tuple[int, int, datetime]]) -> Replay:
    listener, track, at = (np.array(column) for column in zip(*made, strict=True))
    n = len(made)
    micros = np.array([int(moment.timestamp() * 1e6) for moment in at], np.int64)
    length = np.full(n, 200_000, np.int64)
    plays = Plays(listener.astype(np.int64), track.astype(np.int32), micros, length, length, np.zeros(n, bool))
    none = np.empty(0, np.int64)
    nowhere = pa.nulls(LISTENERS, pa.string())
    return Replay(
        plays, np.zeros(n, np.int8), np.zeros(n, np.int8), pa.array([f"u{i:03d}" for i in range(LISTENERS)]), nowhere, nowhere,
        (none, none.astype(np.int32), none), (none, none), TRACKS, simulated=True,
    )  # fmt: skip


def catalogue(cut: Cut) -> Catalogue:
    allowed = np.ones(TRACKS, bool)
    allowed[FUTURE_TRACK] = cut.day >= NEWEST
    return Catalogue(np.arange(TRACKS, dtype=np.int32), allowed)


def past(replay: Replay) -> list[Cut]:
    return [replay.cut(day, SETTINGS.build_histories, SETTINGS.generate_candidates.circle) for day in cuts(NEWEST, 2)]


def run(replay: Replay, names: list[str] = NAMES) -> list[Fold]:
    return backtest.run(past(replay), catalogue, SETTINGS, names, lambda _: None)


def mean(folds: list[Fold], model: str, metric: str = "ndcg@30") -> float:
    return float(np.mean(list(per_listener(folds, model, metric).values())))


@pytest.fixture(scope="module")
def folds() -> list[Fold]:
    return run(replay_of(plays_of_two_tastes()))


def test_cuts_are_sundays_and_their_weeks_lie_before_the_end_of_the_log() -> None:
    assert newest_cut(NEWEST - timedelta(days=1)) == NEWEST
    assert cuts(NEWEST, 2) == [NEWEST - timedelta(weeks=n) for n in (3, 2, 1)]


def test_taste_beats_popularity_and_the_blend_keeps_it(folds: list[Fold]) -> None:
    assert len(folds) == 2
    assert mean(folds, "item_knn") > 1.3 * mean(folds, "popularity")
    assert mean(folds, "blend") > 0.95 * max(mean(folds, name) for name in NAMES)
    assert sum(folds[-1].weights.values()) == pytest.approx(1.0)


def test_a_track_of_the_future_never_appears(folds: list[Fold]) -> None:
    """It is played in the judged week, so its listeners' discoveries hold it, and no list may."""
    last = folds[-1]
    assert FUTURE_TRACK in last.cut.track
    held = last.cut.block.log.track_idx
    assert FUTURE_TRACK not in held
    for name in NAMES:
        lists = backtest._ask(name, last.cut, catalogue(last.cut), SETTINGS).lists.ids
        assert FUTURE_TRACK not in lists


def test_permuted_histories_score_like_chance(folds: list[Fold]) -> None:
    """Every listener with the past of another: what was learned fits nobody, and taste must fall to what popularity knows."""
    rng = np.random.default_rng(4)
    mixed = []
    for cut in past(replay_of(plays_of_two_tastes())):
        log = cut.block.log
        tracks = log.track_idx.copy()
        for row in range(len(log)):
            mine = slice(log.indptr[row], log.indptr[row + 1])
            tracks[mine] = np.sort(rng.permutation(TRACKS - 2)[: log.indptr[row + 1] - log.indptr[row]])
        mixed.append(replace(cut, block=replace(cut.block, log=replace(log, track_idx=tracks))))
    permuted = backtest.run(mixed, catalogue, SETTINGS, NAMES, lambda _: None)
    chance = mean(permuted, "popularity")
    assert mean(permuted, "item_knn") < 1.15 * chance
    assert mean(permuted, "mf") < 1.15 * chance


def test_the_judged_week_changes_no_training_byte() -> None:
    """Another week behind the cut: the same artefacts, bit for bit."""
    made = plays_of_two_tastes()
    edge = datetime(NEWEST.year, NEWEST.month, NEWEST.day, tzinfo=UTC) - timedelta(days=7)
    other = [(who, (what + 2) % (TRACKS - 2) if at >= edge else what, at) for who, what, at in made]
    one, two = (past(replay_of(log))[-1] for log in (made, other))
    assert one.track.tolist() != two.track.tolist()
    for name in NAMES:
        first, second = (backtest._ask(name, cut, catalogue(cut), SETTINGS).saved.arrays for cut in (one, two))
        assert {n: a.tobytes() for n, a in first.items()} == {n: a.tobytes() for n, a in second.items()}


def test_a_source_that_fails_is_reported_and_the_others_go_on() -> None:
    folds = run(replay_of(plays_of_two_tastes()), ["item_knn", "content"]) if "content" in backtest.SOURCES else []
    if not folds:
        pytest.skip("no source here needs texts")
    assert "texts" in folds[-1].failed["content"] or "artists" in folds[-1].failed["content"]
    assert list(folds[-1].weights) == ["item_knn"]


def test_rows_have_intervals_and_name_the_best_single_source(folds: list[Fold]) -> None:
    card = ScoreCard(NEWEST, backtest_report.SURFACE, NEWEST, 200, 7, simulated=True)
    rows = backtest_report.rows(folds, card)
    found = {(row["model"], row["metric"]): row for row in rows}
    best = max(NAMES, key=lambda name: mean(folds, name))
    assert {f"blend_minus_{best}", "blend_minus_popularity"} <= {model for model, _ in found}
    row = found["blend", "ndcg@30"]
    assert row["low"] < row["value"] < row["high"]
    assert {"coverage", "cpu_s", "peak_mb", "popularity_lift"} <= {metric for _, metric in found}
    assert [line["model"] for line in backtest_report.summary(rows)][-1] == "popularity"


# --- the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(tmp_path / "warehouse")
    listens = [
        {"listen_id": f"l{n}", "user_id": f"u{who:03d}", "track_id": f"t{what:03d}", "started_at": at,
         "started_date": at.date(), "ms_played": 200_000, "simulated": True, "file_id": "f"}
        for n, (who, what, at) in enumerate(plays_of_two_tastes())
    ]  # fmt: skip
    tracks = [
        {"track_id": f"t{i:03d}", "track_idx": i, "title": f"Song {i}", "artist_ids": [f"a{i % 8}"], "duration_ms": 200_000,
         "release_date": NEWEST if i == FUTURE_TRACK else date(2020, 1, 1), "blocked": False, "simulated": True}
        for i in range(TRACKS)
    ]  # fmt: skip
    for table, rows in ((t.LISTENS, listens), (t.TRACKS, tracks)):
        blank: dict[str, Any] = {c.name: None for c in table.columns}
        made.write_arrow(table, pa.Table.from_pylist([blank | row for row in rows], schema=arrow_schema(table)), "true")
    return made


def test_the_command_writes_metrics_a_plot_and_a_page(warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--warehouse", str(warehouse.root), "backtest", "--weeks", "2", "--sources", "item_knn,popularity"]
    assert main([*where, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    stored = warehouse.rows(t.METRICS).table().to_pylist()
    assert {row["surface"] for row in stored} == {"backtest"}
    assert len(stored) == len(document["rows"])
    image, page = map(Path, document["files"])
    assert image.read_bytes().startswith(b"\x89PNG")
    assert "item_knn" in page.read_text() and "simulated" in page.read_text()
    assert main(where) == 0  # twice: the rows are replaced
    assert warehouse.rows(t.METRICS).count() == len(stored)
    assert "blend over" in capsys.readouterr().out


def test_a_log_that_is_too_short_is_told(warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--warehouse", str(warehouse.root), "backtest", "--weeks", "9"]) == 65
    assert "give fewer --weeks" in capsys.readouterr().err
    assert main(["--warehouse", str(warehouse.root), "backtest", "--sources", "nothing"]) == 64
