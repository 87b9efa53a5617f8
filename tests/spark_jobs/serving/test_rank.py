"""rank: the ranker's order where it may serve, the blend's wherever it is broken, and the same rows in any split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from conf.features.pair import COLUMNS
from conf.pipeline import cut
from conf.ranking import Rank, TrainRanker
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.contract import Output, Run
from spark_jobs.schema import arrow_schema
from spark_jobs.serving import rank, ranking_rows
from spark_jobs.serving.orderer import Orderer
from spark_jobs.training import train_ranker
from tests.spark_jobs import ranking_tables as planted

CUT = cut(planted.MONDAY)
PARAMS = Rank(kept=30, explained=5, context_share=0.2, block=16)
TAUGHT = TrainRanker(depth=60, negatives=20, rounds=30, step=10, seeds=1, min_in_leaf=10, threads=1, bootstrap=200)


@pytest.fixture(scope="module")
def rows() -> dict[str, list[planted.Row]]:
    return planted.planted()


@pytest.fixture(scope="module")
def trained(rows) -> Artefact:
    return train_ranker.train(**planted.past(rows), params=TAUGHT, run=Run(planted.MONDAY, CUT, Path(), Path()))


@pytest.fixture
def ranker(trained, tmp_path) -> ArtefactRef:
    return artefacts.save(tmp_path, "ranker", planted.MONDAY.isoformat(), trained)


def side(rows: dict[str, list[planted.Row]], folder: Path) -> ArtefactRef:
    def table(name: str) -> pa.Table:
        kept = [row for row in rows[name] if row.get("run_date", planted.MONDAY) == planted.MONDAY]
        return planted.MemoryRows(planted.table_of(name), kept).table()

    made = ranking_rows.tracks_of(
        table("track_features").select(ranking_rows.TRACK_FEATURES), table("artist_features"),
        table("tracks").select(ranking_rows.TRACK_COLUMNS), table("track_audio").select(ranking_rows.AUDIO_COLUMNS),
        planted.MONDAY,
    )  # fmt: skip
    return artefacts.save(folder, rank.TRACKS, planted.MONDAY.isoformat(), Artefact(made.save(), {}))


def ordered(rows: Any, ranker: ArtefactRef | None, tracks: ArtefactRef | None, failed: Any = None, size: int = 64) -> pa.Table:
    orderer = Orderer(ranker, tracks, PARAMS, planted.MONDAY, CUT, failed or (lambda blocks: None))
    batch = planted.gathered(rows, planted.MONDAY)
    batches = (batch.slice(start, size) for start in range(0, len(batch), size))
    return pa.Table.from_batches(orderer.rows(batches), arrow_schema(t.RANKED)).combine_chunks()


def in_order(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: (row["user_id"], row["context"]))


def test_every_listener_gets_an_order_for_any_and_for_contexts_that_they_play(rows, ranker, tmp_path) -> None:
    made = in_order(ordered(rows, ranker, side(rows, tmp_path)))
    assert {row["model"] for row in made} == {"ranker"}
    assert [row["user_id"] for row in made if row["context"] == "any"] == [f"u{i:02d}" for i in range(planted.LISTENERS)]
    told = {(row["user_id"], row["context"]) for row in made}
    shares = {(row["user_id"], row["context"]) for row in rows["listener_contexts"] if row["run_date"] == planted.MONDAY}
    assert {pair for pair in told if pair[1] != "any"} == {pair for pair in shares if pair[1] != "any"}


def test_an_order_is_by_score_and_says_what_moved_it(rows, ranker, tmp_path) -> None:
    blend = {
        row["user_id"]: row for row in rows["candidates"] if row["run_date"] == planted.MONDAY and row["source"] == "blend"
    }
    for row in in_order(ordered(rows, ranker, side(rows, tmp_path))):
        assert len(row["track_idx"]) == len(set(row["track_idx"])) == PARAMS.kept
        assert row["score"] == sorted(row["score"], reverse=True)
        listed = blend[row["user_id"]]["track_idx"]
        assert row["blend_rank"] == [listed.index(track) + 1 if track in listed else 0 for track in row["track_idx"]]
        assert set(row["via"]) <= set(planted.SOURCES)
        told = [[driver["feature"] for driver in drivers] for drivers in row["drivers"]]
        assert all(1 <= len(names) <= 3 and set(names) <= set(COLUMNS) for names in told[: PARAMS.explained])
        assert not any(told[PARAMS.explained :])
    # Listeners of the planted weeks pick what has the highest number, which the ranker has learned.
    best = [np.mean(row["track_idx"][:6]) for row in in_order(ordered(rows, ranker, side(rows, tmp_path)))]
    assert np.mean(best) > np.mean([np.mean(row["track_idx"][:6]) for row in blend.values()]) + 20


@pytest.mark.parametrize("size", [1, 7, 50])
def test_any_split_of_listeners_gives_the_same_rows(rows, ranker, tmp_path, size: int) -> None:
    tracks = side(rows, tmp_path)
    assert in_order(ordered(rows, ranker, tracks, size=size)) == in_order(ordered(rows, ranker, tracks))


def test_the_blend_serves_as_it_is_without_a_ranker(rows) -> None:
    made = in_order(ordered(rows, None, None))
    blend = {
        row["user_id"]: row for row in rows["candidates"] if row["run_date"] == planted.MONDAY and row["source"] == "blend"
    }
    assert len(made) == planted.LISTENERS
    for row in made:
        theirs = blend[row["user_id"]]
        assert (row["model"], row["context"]) == ("blend", "any")
        assert row["track_idx"] == theirs["track_idx"]
        assert row["via"] == theirs["via"]
        assert row["because"] == theirs["because"]
        assert row["blend_rank"] == list(range(1, len(theirs["track_idx"]) + 1))
        assert not any(row["drivers"])


def broken(how: str, trained: Artefact, folder: Path) -> dict[str, ArtefactRef]:
    """A ranker's artefact, spoiled in one way."""
    arrays, params = dict(trained.arrays), dict(trained.params)
    if how == "missing":
        return {}
    if how == "wrong columns":
        params["columns"] = params["columns"][:-1]
    if how == "NaN scores":
        arrays["leaves"] = np.full_like(arrays["leaves"], np.nan)
    if how == "closed gate":
        params |= {"serves": False, "why": "its gate is closed: no gain"}
    if how == "no week yet":
        arrays, params = {}, {"serves": False, "why": train_ranker.NO_WEEK}
    ref = artefacts.save(folder, "ranker", planted.MONDAY.isoformat(), Artefact(arrays, params))
    if how == "damaged file":
        (Path(ref.uri) / "threshold.npy").write_bytes(b"gone")
    return {"ranker": ref}


BREAKS = ["missing", "wrong columns", "NaN scores", "damaged file", "closed gate", "no week yet"]


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_ranker_is_told_and_the_blend_serves(trained, tmp_path, how: str) -> None:
    warned: list[str] = []
    found = broken(how, trained, tmp_path)
    run = Run(planted.MONDAY, CUT, tmp_path, tmp_path, artefacts=found, warn=warned.append)
    assert rank.usable(run) is None
    assert len(warned) == 1
    assert warned[0].startswith("the blend serves: ")


def test_a_whole_ranker_is_usable_and_nothing_is_told(ranker, tmp_path) -> None:
    warned: list[str] = []
    run = Run(planted.MONDAY, CUT, tmp_path, tmp_path, artefacts={"ranker": ranker}, warn=warned.append)
    assert rank.usable(run) == ranker
    assert not warned


def test_a_block_at_which_the_ranker_fails_goes_to_the_blend_and_is_counted(rows, ranker, tmp_path) -> None:
    gone = artefacts.save(tmp_path, rank.TRACKS, "2026-09-07", Artefact({"artist": np.zeros(1, np.int32)}, {}))
    failed: list[int] = []
    made = ordered(rows, ranker, gone, failed.append)
    assert set(made["model"].to_pylist()) == {"blend"}
    assert len(made) == planted.LISTENERS
    assert sum(failed) == 4  # blocks of 16 of 60 listeners


def frames(spark: Any, rows: dict[str, list[planted.Row]]) -> dict[str, Any]:
    """Frames of the week's tables, as the runner gives them."""
    reads = (
        "candidates", "histories", "listener_features", "listener_contexts", "track_features", "artist_features", "track_audio",
        "tracks", "users",
    )  # fmt: skip
    made = {}
    for name in reads:
        kept = [row for row in rows[name] if row.get("run_date", planted.MONDAY) == planted.MONDAY]
        contract = planted.table_of(name)
        types = ", ".join(f"{column.name} {column.type}" for column in contract.columns)
        made[name] = spark.createDataFrame(planted.MemoryRows(contract, kept).table() if kept else [], None if kept else types)
    return made


def collected(output: Output) -> pa.Table:
    batches = output.data.frame.toArrow().to_batches()  # type: ignore[union-attr]
    return pa.Table.from_batches(output.data.make(iter(batches)), arrow_schema(t.RANKED))  # type: ignore[union-attr]


@pytest.mark.spark
@pytest.mark.parametrize("missing", [None, "listener_features", "track_features"])
def test_the_job_writes_the_same_rows_as_its_workers_or_the_blends(spark, rows, ranker, tmp_path, missing: str | None) -> None:
    written: dict[str, pa.Table] = {}
    warned: list[str] = []
    run = Run(
        planted.MONDAY, CUT, tmp_path, tmp_path, artefacts={"ranker": ranker}, warn=warned.append,
        write=lambda name, output: written.update({name: collected(output)}),
    )  # fmt: skip
    given = rows if missing is None else rows | {missing: []}
    assert rank.transform(**frames(spark, given), params=PARAMS, run=run) == {}
    if missing:
        assert set(written["ranked"]["model"].to_pylist()) == {"blend"}
        assert "no features of" in warned[0]
    else:
        assert not warned
        assert in_order(written["ranked"]) == in_order(ordered(rows, ranker, side(rows, tmp_path)))
