"""Histories of planted plays: the block function on arrays, the job on Spark."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from conf.settings import BuildHistories
from conf.tables import HISTORIES
from spark_jobs.contract import Run
from spark_jobs.features.build_histories import gather_block, transform
from spark_jobs.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DAY_US = 86_400_000_000


def block(*plays: tuple[str, int, int, int]) -> pa.RecordBatch:
    """(user, track_idx, day, ms_played) in order; tracks last 200 s."""
    users, tracks, days, heard = (list(c) for c in zip(*plays, strict=True))
    return pa.RecordBatch.from_pydict(
        {
            "user_id": users,
            "track_idx": pa.array(tracks, pa.int32()),
            "started_at": [d * DAY_US for d in days],
            "ms_played": heard,
            "duration_ms": [200_000] * len(plays),
            "button": [False] * len(plays),
            "simulated": [u == "sim" for u in users],
        }
    )


def test_a_listener_is_one_row_with_tracks_ascending() -> None:
    plays = [("sim", 7, 0, 200_000), ("sim", 2, 60, 100_000), ("sim", 7, 60, 1000), ("u", 3, 5, 200_000)]
    sim, other = gather_block(block(*plays), BuildHistories()).to_pylist()
    assert (sim["track_idx"], sim["plays"], sim["completions"], sim["skips"]) == ([2, 7], [1, 2], [1, 1], [0, 1])
    assert sim["last_day"] == [60, 60]
    # half heard today; heard whole a half-life ago, less the penalty for today's skip
    assert sim["weight"] == pytest.approx([0.5, 0.5 - 0.5])
    assert (sim["listens"], sim["last_listen_us"], sim["simulated"]) == (3, 60 * DAY_US, True)
    assert (other["user_id"], other["track_idx"], other["simulated"]) == ("u", [3], False)


def test_a_row_depends_on_its_listener_alone() -> None:
    one = [("b", 1, 3, 150_000), ("b", 2, 9, 20_000)]
    alone = gather_block(block(*one), BuildHistories())
    among = gather_block(block(("a", 1, 1, 99_000), *one, ("c", 5, 700, 10)), BuildHistories()).slice(1, 1)
    assert among.equals(alone)


def listens_frame(spark: SparkSession, rows: list[tuple[str, str, datetime, str]]) -> DataFrame:
    ddl = "listen_id string, user_id string, track_id string, started_at timestamp, ms_played bigint"
    ddl += ", reason_end string, simulated boolean"
    return spark.createDataFrame([(i, u, t, s, 200_000, None, True) for u, t, s, i in rows], ddl)


@pytest.mark.spark
def test_the_job_orders_listeners_and_gives_the_same_bytes_in_any_order(spark: SparkSession) -> None:
    start = datetime(2026, 8, 1, tzinfo=UTC)
    rows = [(f"u{n % 11}", f"t{n % 7}", start + timedelta(hours=n), f"l{n:03d}") for n in range(120)]
    tracks = spark.createDataFrame(
        [(f"t{n}", n, 200_000) for n in range(7)], "track_id string, track_idx int, duration_ms bigint"
    )
    run = Run(run_date=date(2026, 9, 7), cut=date(2026, 9, 6), landing=Path(), warehouse=Path())
    users = spark.createDataFrame([("u1", "Asia/Tokyo")], "user_id string, timezone string")

    def histories(order: list[Any]) -> pa.Table:
        output = transform(
            listens=listens_frame(spark, order), tracks=tracks, users=users, params=BuildHistories(buckets=4), run=run
        )
        return output["histories"].data.toArrow()

    made = histories(rows)
    assert made.equals(histories(rows[::-1]))
    assert made.schema.names == arrow_schema(HISTORIES).names
    keys = list(zip(made["bucket"].to_pylist(), made["user_id"].to_pylist(), strict=True))
    assert sorted(keys) == sorted((zlib.crc32(f"u{n}".encode()) % 4, f"u{n}") for n in range(11))
    for bucket in range(4):  # a bucket stands together, its listeners in order
        users = [u for b, u in keys if b == bucket]
        assert users == sorted(users)
    assert sum(made["listens"].to_pylist()) == 120
