"""listens -> sessions: the plays of a listener without a pause longer than `gap_minutes`, on the UTC date of the first.

A pause is counted from the latest end so far to the next start. Where the log has no milliseconds heard, or no reason why
a play ended, both are inferred from timing (models.plays). Only the dates around changed listens are rebuilt: a session
reaches at most into the next date, save for one of more than a day, which makes the run rebuild everything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from conf.settings import Sessionize
from conf.tables import SESSIONS
from models.plays import SKIP_REASONS
from spark_jobs.contract import Output, Run
from spark_jobs.intake.listener_blocks import whole_listeners
from spark_jobs.intake.session_blocks import session_block

log = logging.getLogger(__name__)
_ROWS = (
    "user_id string, start_us bigint, end_us bigint, listens int, completed int, skips int, ms_played bigint,"
    " device string, playlist_context string, track_ids array<string>, simulated boolean"
)
_DAY_US = 86_400_000_000


def transform(*, listens: DataFrame, tracks: DataFrame, params: Sessionize, run: Run) -> dict[str, Output]:
    """Sessions of the dates whose listens changed since the job last finished, or of all."""
    changed = run.changed("listens")
    if changed is None:
        return {"sessions": Output(_sessions(listens, tracks, params))}
    if not changed:
        log.info("job=sessionize state=nothing_new")
        return {}
    rebuilt = _around(changed)
    near = listens.where(F.col("started_date").isin(_around(rebuilt)))
    sessions = _sessions(near, tracks, params).persist(StorageLevel.MEMORY_AND_DISK)
    if not sessions.where(_longer_than_a_day(params)).isEmpty():
        log.info("job=sessionize state=rebuild_all reason=session_longer_than_a_day")
        sessions.unpersist()
        return {"sessions": Output(_sessions(listens, tracks, params))}
    dates = ", ".join(f"DATE '{d.isoformat()}'" for d in rebuilt)
    return {"sessions": Output(sessions.where(F.col("session_date").isin(rebuilt)), f"session_date IN ({dates})")}


def _around(days: list[date]) -> list[date]:
    """The days, the one before and the one after each."""
    return sorted({d + timedelta(days=shift) for d in days for shift in (-1, 0, 1)})


def _longer_than_a_day(params: Sessionize) -> Column:
    """True for sessions that may have begun before, or go on behind, the dates that were read."""
    span = F.unix_micros("ended_at") - F.unix_micros("started_at")
    return span + int(params.gap_minutes * 60_000_000) >= _DAY_US


def _sessions(listens: DataFrame, tracks: DataFrame, params: Sessionize) -> DataFrame:
    """Rows of table `sessions` for these listens."""
    plays = listens.join(tracks.select("track_id", "duration_ms"), "track_id", "left").select(
        "user_id",
        "listen_id",
        "track_id",
        F.unix_micros("started_at").alias("started_at"),
        F.coalesce("ms_played", F.lit(-1)).cast("bigint").alias("ms_played"),
        F.coalesce("duration_ms", F.lit(-1)).cast("bigint").alias("duration_ms"),
        F.coalesce(F.col("reason_end").isin(*SKIP_REASONS), F.lit(False)).alias("button"),
        "device",
        "playlist_context",
        "simulated",
    )
    order = ("user_id", "started_at", "listen_id")
    rows = plays.repartition("user_id").sortWithinPartitions(*order).mapInArrow(_cut(params), _ROWS)
    started = F.timestamp_micros("start_us")
    digest = F.sha2(F.concat_ws("\x1f", "user_id", F.col("start_us").cast("string")), 256)
    named = {
        "session_id": F.substring(digest, 1, 16),
        "session_date": F.to_date(started),
        "started_at": started,
        "ended_at": F.timestamp_micros("end_us"),
    }
    return rows.withColumns(named).select(*SESSIONS.column_names)


def _cut(params: Sessionize) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def sessions(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for block in whole_listeners(batches):
            yield session_block(block, params)

    return sessions
