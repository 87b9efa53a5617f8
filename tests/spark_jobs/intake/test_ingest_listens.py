"""Intake of listens on Spark: the world's dirt to the row, and the same table however the files came."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pytest

from conf.settings import IngestListens
from conf.tables import LANDING_FILES, LISTENS, QUARANTINE, TRACKS
from spark_jobs.contract import Output, Refused, Run
from spark_jobs.intake.ingest_listens import transform
from spark_jobs.intake.simulate import simulate
from spark_jobs.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
LAST_DAY = date(2026, 9, 5)
TABLES = {t.name: t for t in (LANDING_FILES, LISTENS, QUARANTINE, TRACKS)}
# Small planted logs are mostly dirt, on purpose.
ANY_DIRT = IngestListens(max_quarantined=1.0)


class Shelf:
    """Tables as Arrow, and what the runner does with a job's outputs: replace the rows that the condition names."""

    def __init__(self, spark: SparkSession, tracks: list[str]) -> None:
        self.spark = spark
        self.rows = {name: arrow_schema(table).empty_table() for name, table in TABLES.items()}
        known = [{"track_id": t, "track_idx": i, "title": t, "artist_ids": []} for i, t in enumerate(tracks)]
        made = [row | {"blocked": False, "simulated": True} for row in known]
        self.rows["tracks"] = pa.Table.from_pylist(made, schema=arrow_schema(TRACKS))

    def take_in(self, landing: Path, run_date: date = LAST_DAY, params: IngestListens = ANY_DIRT) -> dict[str, Output]:
        run = Run(run_date=run_date, cut=run_date, landing=landing, warehouse=landing)
        frames = {name: self.frame(name) for name in TABLES}
        try:
            outputs = transform(**frames, params=params, run=run)
        except Refused as refused:
            self.write(refused.outputs)
            raise
        self.write(outputs)
        self.spark.catalog.clearCache()
        return outputs

    def write(self, outputs: dict[str, Output]) -> None:
        written = {}
        for name, output in outputs.items():
            data = output.data if isinstance(output.data, pa.Table) else output.data.toArrow()
            kept = self.frame(name).where(f"NOT ({output.replace})").toArrow()
            schema = arrow_schema(TABLES[name])
            written[name] = pa.concat_tables([kept.select(schema.names).cast(schema), data.select(schema.names).cast(schema)])
        self.rows |= written

    def frame(self, name: str) -> DataFrame:
        return self.spark.createDataFrame(self.rows[name])

    def reasons(self) -> dict[str, int]:
        return dict(Counter(self.rows["quarantine"]["reason"].to_pylist()))

    def listens(self) -> list[dict[str, Any]]:
        return self.rows["listens"].sort_by("listen_id").to_pylist()

    def listen_ids(self) -> list[str]:
        return sorted(self.rows["listens"]["listen_id"].to_pylist())


def play(listen_id: str, start: str, user: str = "u", track: str = "t1", ms_played: int = 1000) -> bytes:
    row = {"listen_id": listen_id, "user_id": user, "track_id": track, "started_at": start, "ms_played": ms_played}
    return orjson.dumps(row)


def landed(landing: Path, name: str, *lines: bytes) -> None:
    (landing / "listens").mkdir(exist_ok=True)
    (landing / "listens" / name).write_bytes(b"\n".join(lines))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny world with its dirt: landing and truth."""
    root = tmp_path_factory.mktemp("world")
    simulate("tiny", 1, root / "landing", root / "truth")
    return root


@pytest.fixture(scope="module")
def full(world: Path, spark: SparkSession) -> Shelf:
    """The world taken in at once."""
    shelf = Shelf(spark, world_tracks(world))
    shelf.take_in(world / "landing", params=IngestListens())
    return shelf


def world_tracks(world: Path) -> list[str]:
    lines = (world / "landing" / "tracks" / "tracks.jsonl").read_bytes().splitlines()
    return [orjson.loads(line)["track_id"] for line in lines]


def test_the_quarantine_holds_the_planted_dirt_to_the_row(world: Path, full: Shelf) -> None:
    planted = orjson.loads((world / "truth" / "dirt.json").read_bytes())
    planted.pop("late")  # rows that come days after their play are no dirt: they find their date
    assert full.reasons() == planted
    ledger = full.rows["landing_files"]
    assert sum(ledger["quarantined"].to_pylist()) == sum(planted.values())
    assert sum(ledger["rows"].to_pylist()) == len(full.listens()) + sum(planted.values())
    assert len(set(full.listen_ids())) == len(full.listens())


def test_days_taken_in_one_after_the_other_give_the_same_listens(world: Path, full: Shelf, tmp_path: Path) -> None:
    spark = full.spark
    shelf = Shelf(spark, world_tracks(world))
    files = sorted((world / "landing" / "listens").iterdir())
    (tmp_path / "listens").mkdir()
    for batch in (files[:14], files[14:22], files[22:]):
        for file in batch:
            shutil.copy(file, tmp_path / "listens")
        shelf.take_in(tmp_path)
    assert shelf.listens() == full.listens()
    assert shelf.reasons() == full.reasons()


def test_a_second_run_writes_nothing(world: Path, full: Shelf) -> None:
    assert full.take_in(world / "landing") == {}


def test_each_row_falls_to_the_first_rule_it_breaks(spark: SparkSession, tmp_path: Path) -> None:
    landed(
        tmp_path,
        "a.jsonl",
        play("good", "2026-09-01T10:00:00Z"),
        b"{",
        play("negative and unknown", "2026-09-01T10:00:00Z", track="t9", ms_played=-1),
        play("unknown and ancient", "1990-09-01T10:00:00Z", track="t9"),
        play("ancient", "1990-09-01T10:00:00Z"),
        play("last moment", "2026-09-06T23:59:59.999999Z"),
        play("future", "2026-09-07T00:00:00Z"),
        play("good", "2026-09-02T10:00:00Z"),  # the id again, at another time
        play("same play", "2026-09-01T10:00:07Z"),
        play("too long", "2026-09-03T10:00:00Z", ms_played=86_400_001),
    )
    shelf = Shelf(spark, ["t1"])
    shelf.take_in(tmp_path)
    rows = {r["line"]: r["reason"] for r in shelf.rows["quarantine"].to_pylist()}
    assert rows == {
        2: "malformed",
        3: "bad_value",
        4: "unknown_track",
        5: "ancient",
        7: "future",
        8: "duplicate_id",
        9: "duplicate_play",
        10: "impossible_day",
    }
    assert shelf.listen_ids() == ["good", "last moment"]


def test_a_late_row_rebuilds_its_date_and_no_other(spark: SparkSession, tmp_path: Path) -> None:
    shelf = Shelf(spark, ["t1"])
    landed(tmp_path, "1.jsonl", play("a", "2026-09-01T10:00:00Z"), play("b", "2026-09-02T10:00:00Z"))
    shelf.take_in(tmp_path)
    # "late" is of yesterday; "again" repeats b; "night" repeats nothing although a day's border lies between
    landed(
        tmp_path,
        "2.jsonl",
        play("late", "2026-09-01T09:00:00Z"),
        play("again", "2026-09-02T09:59:55Z"),
        play("b", "2026-09-02T10:00:00Z"),
    )
    outputs = shelf.take_in(tmp_path)
    assert outputs["listens"].replace == "started_date IN (DATE '2026-09-01')"
    assert shelf.listen_ids() == ["a", "b", "late"]
    assert shelf.reasons() == {"duplicate_play": 1, "duplicate_id": 1}


def test_a_day_that_becomes_impossible_falls_whole_and_for_good(spark: SparkSession, tmp_path: Path) -> None:
    shelf = Shelf(spark, ["t1"])
    hours = 3_600_000
    landed(tmp_path, "1.jsonl", play("bot1", "2026-09-01T01:00:00Z", ms_played=20 * hours), b"{")
    shelf.take_in(tmp_path)
    landed(tmp_path, "2.jsonl", play("bot2", "2026-09-01T02:00:00Z", ms_played=5 * hours), play("x", "2026-09-02T02:00:00Z"))
    shelf.take_in(tmp_path)
    landed(tmp_path, "3.jsonl", play("bot3", "2026-09-01T03:00:00Z", ms_played=hours))
    shelf.take_in(tmp_path)
    assert shelf.listen_ids() == ["x"]
    fallen = {(r["path"], r["line"] > 0, r["reason"]) for r in shelf.rows["quarantine"].to_pylist()}
    assert fallen == {
        ("listens/1.jsonl", True, "malformed"),
        ("listens/1.jsonl", False, "impossible_day"),
        ("listens/2.jsonl", True, "impossible_day"),
        ("listens/3.jsonl", True, "impossible_day"),
    }


def test_too_much_dirt_refuses_the_run_and_only_quarantine_moves(spark: SparkSession, tmp_path: Path) -> None:
    shelf = Shelf(spark, ["t1"])
    landed(tmp_path, "1.jsonl", play("a", "2026-09-01T10:00:00Z"), b"{", b"[")
    with pytest.raises(Refused, match="refuses 2 of 3 new rows"):
        shelf.take_in(tmp_path, params=IngestListens(max_quarantined=0.5))
    assert (shelf.listen_ids(), shelf.rows["landing_files"].num_rows) == ([], 0)
    assert shelf.rows["quarantine"]["refused_run"].to_pylist() == [True, True]
    shelf.take_in(tmp_path, params=IngestListens(max_quarantined=0.7))  # somebody looked and let it pass
    assert shelf.listen_ids() == ["a"]
    assert shelf.rows["quarantine"]["refused_run"].to_pylist() == [False, False]


def test_without_an_id_listener_track_and_start_name_a_play(spark: SparkSession, tmp_path: Path) -> None:
    shelf = Shelf(spark, [])
    bare = b'{"user_id":"u","track_id":"t","started_at":"2026-09-01T10:00:00Z"}'
    landed(tmp_path, "1.jsonl", bare)
    landed(tmp_path, "2.jsonl", bare.replace(b"10:00:00Z", b"12:00:00+02:00"))  # the same instant
    shelf.take_in(tmp_path)
    [listen] = shelf.listens()
    assert len(listen["listen_id"]) == 32
    assert shelf.reasons() == {"duplicate_id": 1}
