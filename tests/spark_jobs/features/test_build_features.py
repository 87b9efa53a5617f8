"""The two jobs on Spark: rows keep their contracts, no row from after the cut changes a byte, and a slice is as the whole."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from conf import tables as t
from conf.feature_jobs import BuildListenerFeatures, BuildTrackFeatures
from spark_jobs.contract import Blocks, Output, Run
from spark_jobs.features import build_listener_features, build_track_features
from spark_jobs.features.listener_rows import unpack
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MONDAY, CUT = date(2026, 9, 7), datetime(2026, 9, 6, tzinfo=UTC)
ZONES = ("Pacific/Kiritimati", "Pacific/Pago_Pago", None, "Nowhere/Land")
Row = dict[str, Any]


def listen(number: int, user: str, track: str, at: datetime, ms: int | None = None) -> Row:
    return {
        "listen_id": f"l{number:04d}", "user_id": user, "track_id": track, "started_at": at, "started_date": at.date(),
        "ms_played": ms, "device": "car", "platform": None, "playlist_context": "album", "reason_end": None, "simulated": True,
        "file_id": "f",
    }  # fmt: skip


def before_the_cut() -> list[Row]:
    rng = random.Random(5)
    plays = [
        listen(
            n, f"u{n % 9}", f"t{rng.randrange(8)}", CUT - timedelta(hours=rng.uniform(0.01, 2000)), rng.choice([None, 9_000])
        )
        for n in range(300)
    ]
    return [*plays, *(listen(900 + n, f"u{n}", "t1", CUT - timedelta(microseconds=1)) for n in range(3))]


def after_the_cut() -> list[Row]:
    return [listen(2000 + n, f"u{n % 9}", f"t{n % 8}", CUT + timedelta(minutes=7 * n)) for n in range(60)]


def frames(spark: SparkSession, listens: list[Row], saves: list[datetime]) -> dict[str, DataFrame]:
    def frame(table: Any, rows: list[Row]) -> DataFrame:
        return spark.createDataFrame(pa.Table.from_pylist(rows, schema=arrow_schema(table)))

    tracks = [
        {"track_id": f"t{n}", "track_idx": n, "title": "", "artist_ids": [f"a{n // 2}"] if n < 7 else [],
         "duration_ms": 200_000, "genres": ["pop"], "blocked": False, "release_date": date(2026, 1, 1), "simulated": True}
        for n in range(8)
    ]  # fmt: skip
    users = [
        {"user_id": f"u{n}", "timezone": ZONES[n % 4], "country": "KI" if n % 2 else None, "simulated": True} for n in range(8)
    ]
    history = {"run_date": MONDAY, "bucket": 0, "listens": 1, "last_listen_at": CUT, "simulated": True}
    per_track = ("track_idx", "plays", "completions", "skips", "last_day", "weight")
    histories = [history | {"user_id": f"u{n}"} | {name: [1] for name in per_track} for n in range(10)]
    feedback = [
        {"user_id": f"u{n}", "kind": "save", "entity": "track", "entity_id": "t3", "at": at, "simulated": True}
        for n, at in enumerate(saves)
    ]
    return {
        "listens": frame(t.LISTENS, listens), "tracks": frame(t.TRACKS, tracks), "users": frame(t.USERS, users),
        "histories": frame(t.HISTORIES, histories), "feedback": frame(t.FEEDBACK, feedback),
        "track_audio": frame(t.TRACK_AUDIO, []),
    }  # fmt: skip


def rows_of(output: Output, *order: str) -> pa.Table:
    data = output.data
    if isinstance(data, Blocks):
        data = pa.Table.from_batches(unpack(iter(data.frame.toArrow().to_batches())))
    assert isinstance(data, pa.Table)
    return data.sort_by([(name, "ascending") for name in order]).combine_chunks()


def listener_tables(given: dict[str, DataFrame], run: Run, shard: str | None = None) -> dict[str, pa.Table]:
    made = build_listener_features.transform(**given, params=BuildListenerFeatures(shard=shard), run=run)
    orders = {
        "listener_features": ("user_id",),
        "listener_contexts": ("user_id", "context"),
        "session_modes": ("user_id", "started_at"),
    }
    return {name: rows_of(made[name], *order) for name, order in orders.items()}


@pytest.fixture
def run_in(tmp_path: Path) -> Callable[[list[str]], Run]:
    return lambda told: Run(run_date=MONDAY, cut=CUT.date(), landing=tmp_path, warehouse=tmp_path, warn=told.append)


@pytest.mark.spark
def test_features_of_listeners(spark: SparkSession, run_in: Callable[[list[str]], Run]) -> None:
    told: list[str] = []
    run, saves = run_in(told), [CUT - timedelta(days=2)]
    whole = listener_tables(frames(spark, before_the_cut(), saves), run)
    assert [warning.split(":")[0] for warning in told] == [
        f"features go without {name}" for name in ("popularity", "mf", "content", "sequence", "contexts")
    ]
    for name, rows in whole.items():
        assert rows.schema.equals(arrow_schema(t.TABLES[name]))
    listeners = whole["listener_features"]
    assert listeners["user_id"].to_pylist() == [f"u{n}" for n in range(10)]
    assert listeners["bucket"].to_pylist() == [zlib.crc32(f"u{n}".encode()) % 64 for n in range(10)]
    by_user = {row["user_id"]: row for row in listeners.to_pylist()}
    assert (by_user["u9"]["plays_90d"], by_user["u9"]["skip_rate"], by_user["u9"]["artist_ids"]) == (0, None, [])
    assert (by_user["u0"]["saves_7d"], by_user["u1"]["saves_7d"]) == (1, 0)
    assert by_user["u0"]["embedding"] is by_user["u0"]["mainstreamness"] is None
    assert by_user["u0"]["artist_ids"][0].startswith("a")
    assert sum(listeners["plays_90d"].to_pylist()) == sum(
        row["started_at"] >= CUT - timedelta(days=90) for row in before_the_cut()
    )

    mixed = [*after_the_cut(), *before_the_cut()]
    random.Random(1).shuffle(mixed)
    later = [*saves, *([CUT] * 5), CUT + timedelta(days=1)]
    assert listener_tables(frames(spark, mixed, later), run) == whole

    shard = listener_tables(frames(spark, before_the_cut(), saves), run, "3/4")
    for name, rows in whole.items():
        own = [bucket % 4 == 3 for bucket in rows["bucket"].to_pylist()]
        assert any(own)
        assert shard[name].equals(rows.filter(pa.array(own)).combine_chunks()), name


@pytest.mark.spark
def test_features_of_tracks(spark: SparkSession, run_in: Callable[[list[str]], Run]) -> None:
    def made(listens: list[Row], saves: list[datetime]) -> dict[str, pa.Table]:
        given = frames(spark, listens, saves)
        given.pop("histories")
        outputs = build_track_features.transform(**given, params=BuildTrackFeatures(), run=run_in([]))
        return {
            "track": rows_of(outputs["track_features"], "track_idx"),
            "artist": rows_of(outputs["artist_features"], "artist_id"),
        }

    whole = made(before_the_cut(), [CUT - timedelta(days=2)])
    tracks, artists = whole["track"], whole["artist"]
    assert tracks["track_id"].to_pylist() == [f"t{n}" for n in range(8)]
    assert artists["artist_id"].to_pylist() == ["a0", "a1", "a2", "a3"]
    plays = [row for row in before_the_cut() if row["started_at"] >= CUT - timedelta(days=28)]
    wanted = [sum(row["track_id"] == f"t{n}" for row in plays) for n in range(8)]
    assert tracks["plays_28d"].to_pylist() == wanted
    assert artists["plays_28d"].to_pylist() == [wanted[0] + wanted[1], wanted[2] + wanted[3], wanted[4] + wanted[5], wanted[6]]
    fans = {row["user_id"] for row in plays if row["track_id"] in ("t0", "t1")}
    assert artists["listeners_28d"][0].as_py() == len(fans)
    at_home = {row["user_id"] for row in plays if int(row["user_id"][1:]) % 2}
    in_ki = sum(row["track_id"] == "t0" and row["user_id"] in at_home and row["user_id"] != "u9" for row in plays)
    assert dict(tracks["plays_by_country"][0].as_py())["KI"] == in_ki
    assert (tracks["saves_7d"].to_pylist()[3], tracks["age_days"].to_pylist()[0]) == (1, 248.0)
    assert set(tracks["simulated"].to_pylist()) == {True}

    mixed = [*after_the_cut(), *before_the_cut()]
    random.Random(1).shuffle(mixed)
    assert made(mixed, [CUT - timedelta(days=2), CUT]) == whole


def test_a_slice_takes_the_place_of_its_buckets_alone(tmp_path: Path) -> None:
    schema, warehouse = arrow_schema(t.LISTENER_FEATURES), Warehouse(tmp_path)
    rows = [
        {"run_date": monday, "bucket": bucket, "user_id": f"u{bucket}", "plays_7d": 1, "simulated": True}
        for monday in (MONDAY, MONDAY - timedelta(days=7))
        for bucket in range(4)
    ]
    warehouse.write_arrow(t.LISTENER_FEATURES, pa.Table.from_pylist(rows, schema=schema), "true")
    again = [row | {"plays_7d": 2} for row in rows[:4] if row["bucket"] in (1, 3)]
    replace = build_listener_features.replaced(BuildListenerFeatures(buckets=4, shard="1/2"), MONDAY)
    warehouse.write_arrow(t.LISTENER_FEATURES, pa.Table.from_pylist(again, schema=schema), replace)
    found = warehouse.rows(t.LISTENER_FEATURES).table().sort_by([("run_date", "descending"), ("bucket", "ascending")])
    assert found["plays_7d"].to_pylist() == [1, 2, 1, 2, 1, 1, 1, 1]
