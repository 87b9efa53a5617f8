"""Sessions on Spark: what changed is rebuilt, and equals a rebuild of everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from conf.settings import Sessionize
from conf.tables import LISTENS, SESSIONS
from spark_jobs.contract import Run
from spark_jobs.intake.sessionize import transform
from spark_jobs.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
FIRST = datetime(2026, 8, 1, tzinfo=UTC)
RUN = Run(run_date=date(2026, 9, 5), cut=date(2026, 9, 6), landing=Path(), warehouse=Path())


def listens(plays: list[tuple[str, float, str]]) -> pa.Table:
    """(user, start in hours after FIRST, listen_id) -> rows of `listens` without ms_played."""
    rows: list[dict[str, Any]] = []
    for user, hours, listen_id in plays:
        at = FIRST + timedelta(hours=hours)
        rows.append({"listen_id": listen_id, "user_id": user, "track_id": "t", "started_at": at, "started_date": at.date(),
                     "simulated": True, "file_id": "f"})  # fmt: skip
    return pa.Table.from_pylist(rows, schema=arrow_schema(LISTENS))


def sessions(spark: SparkSession, plays: pa.Table, changed: list[date] | None) -> tuple[list[dict[str, Any]], str | None]:
    tracks = spark.createDataFrame([("t", 240_000)], "track_id string, duration_ms bigint")
    run = replace(RUN, changed=lambda table: changed)
    output = transform(listens=spark.createDataFrame(plays), tracks=tracks, params=Sessionize(), run=run).get("sessions")
    assert output is not None
    rows = output.data.toArrow().cast(arrow_schema(SESSIONS)).sort_by([("user_id", "ascending"), ("started_at", "ascending")])
    return rows.to_pylist(), output.replace


def log_of_days(days: int) -> list[tuple[str, float, str]]:
    """Three listeners: an evening over midnight, a noon, and a play every eight hours."""
    plays = []
    for day in range(days):
        plays += [("night", day * 24 + 23.5 + n * 0.2, f"n{day}-{n}") for n in range(6)]
        plays += [("noon", day * 24 + 12 + n * 0.02, f"m{day}-{n}") for n in range(3)]
        plays += [("rare", day * 24 + h, f"r{day}-{h}") for h in (0, 8, 16)]
    return plays


def test_changed_days_are_rebuilt_as_a_full_run_would(spark: SparkSession) -> None:
    before = log_of_days(9)
    # On day 4: a night begins earlier, a noon disappears, and a play bridges the midnight of `rare`.
    after = [p for p in before if not p[2].startswith("m4")] + [("night", 4 * 24 + 23.2, "new"), ("rare", 4 * 24 + 23.8, "b")]
    old, replaces = sessions(spark, listens(before), None)
    assert replaces is None
    changed = [date(2026, 8, 5)]
    rebuilt, condition = sessions(spark, listens(after), changed)
    days = {date(2026, 8, 4), date(2026, 8, 5), date(2026, 8, 6)}
    assert condition == "session_date IN (DATE '2026-08-04', DATE '2026-08-05', DATE '2026-08-06')"
    assert {s["session_date"] for s in rebuilt} == days
    merged = [s for s in old if s["session_date"] not in days] + rebuilt
    full, _ = sessions(spark, listens(after), None)
    assert sorted(merged, key=lambda s: s["session_id"]) == sorted(full, key=lambda s: s["session_id"])
    night = [s for s in full if s["user_id"] == "night"]
    assert {s["session_date"].day for s in night} == set(range(1, 10))  # the date of the first play
    assert [s["listens"] for s in night] == [6, 6, 6, 6, 7, 6, 6, 6, 6]


def test_a_session_of_days_rebuilds_everything(spark: SparkSession) -> None:
    marathon = [("m", n / 4, f"m{n:04d}") for n in range(4 * 24 * 5)]
    full, _ = sessions(spark, listens(marathon), None)
    assert [s["listens"] for s in full] == [480]
    rebuilt, condition = sessions(spark, listens(marathon), [date(2026, 8, 4)])
    assert (rebuilt, condition) == (full, None)


def test_nothing_changed_writes_nothing(spark: SparkSession) -> None:
    frame = spark.createDataFrame(listens(log_of_days(1)))
    run = replace(RUN, changed=lambda table: [])
    assert transform(listens=frame, tracks=frame, params=Sessionize(), run=run) == {}
