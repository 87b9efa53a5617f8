"""listens -> histories: one row per listener, every track ever heard, arrays in order of track_idx.

Plays are shuffled once, into buckets of listeners (crc32 of the id: Python's hash is salted), sorted there, and weighed by
models.gather in blocks of whole listeners; what plays of somebody else's taste count is a setting (own_taste.py).
generate_candidates folds the rows into factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from conf.settings import BuildHistories
from conf.tables import HISTORIES
from models.gather import Gathered, gather
from models.histories import PER_TRACK
from models.plays import SKIP_REASONS, Plays
from spark_jobs.contract import Output, Run
from spark_jobs.features import own_taste
from spark_jobs.features.own_taste import Judges
from spark_jobs.intake.listener_blocks import changes, whole_listeners

_LISTS = ", ".join(f"{name} array<{'float' if kind is np.float32 else 'int'}>" for name, kind in PER_TRACK.items())
_ROWS = f"user_id string, {_LISTS}, listens bigint, last_listen_us bigint, simulated boolean"


def transform(
    *, listens: DataFrame, tracks: DataFrame, users: DataFrame, params: BuildHistories, run: Run
) -> dict[str, Output]:
    """Histories of everybody who played a track of the catalogue before the cut, in order of (bucket, user_id)."""
    judges = own_taste.judges(params, run)
    beside = ["device", "playlist_context", "timezone"] if judges else []
    if judges:
        listens = listens.join(users.select("user_id", "timezone"), "user_id", "left")
    plays = listens.join(tracks.select("track_id", "track_idx", "duration_ms"), "track_id").select(
        "user_id",
        bucket(params.buckets).alias("bucket"),
        "track_idx",
        F.unix_micros("started_at").alias("started_at"),
        "listen_id",
        F.coalesce("ms_played", F.lit(-1)).cast("bigint").alias("ms_played"),
        F.coalesce("duration_ms", F.lit(-1)).cast("bigint").alias("duration_ms"),
        F.coalesce(F.col("reason_end").isin(*SKIP_REASONS), F.lit(False)).alias("button"),
        "simulated",
        *beside,
    )
    order: list[str | Column] = ["bucket", "user_id", "started_at", "listen_id"]
    rows = plays.repartition("bucket").sortWithinPartitions(*order).mapInArrow(_gather(params, judges), _ROWS)
    dated = rows.withColumns(
        {
            "run_date": F.lit(run.run_date),
            "bucket": bucket(params.buckets),
            "last_listen_at": F.timestamp_micros("last_listen_us"),
        }
    )
    return {"histories": Output(dated.select(*HISTORIES.column_names))}


def bucket(buckets: int) -> Column:
    """crc32(user_id) modulo the number of buckets."""
    return F.pmod(F.crc32(F.col("user_id").cast("binary")), F.lit(buckets)).cast("int")


def _gather(params: BuildHistories, judges: Judges | None) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for block in whole_listeners(batches):
            yield gather_block(block, params, judges)

    return rows


def gather_block(block: pa.RecordBatch, params: BuildHistories, judges: Judges | None = None) -> pa.RecordBatch:
    """History rows of a block of whole listeners, each in order of time, in the block's order of listeners."""
    new_listener = changes(block.column("user_id"))
    first = np.flatnonzero(new_listener)
    plays = Plays(
        listener=np.cumsum(new_listener) - 1,
        **{name: block.column(name).to_numpy() for name in ("track_idx", "started_at", "ms_played", "duration_ms")},
        button=block.column("button").to_numpy(zero_copy_only=False),
    )
    simulated = block.column("simulated").to_numpy(zero_copy_only=False)
    counted = own_taste.counted(plays, first, block, judges, params) if judges else None
    users = block.column("user_id").take(pa.array(first))
    return _rows(gather(plays, users, params, counted), np.logical_or.reduceat(simulated, first))


def _rows(gathered: Gathered, simulated: npt.NDArray[np.bool_]) -> pa.RecordBatch:
    histories = gathered.histories
    offsets = pa.array(histories.indptr.astype(np.int32))
    lists = {name: pa.ListArray.from_arrays(offsets, pa.array(getattr(histories, name))) for name in PER_TRACK}
    columns = {
        "user_id": histories.user_ids,
        **lists,
        "listens": pa.array(gathered.listens.astype(np.int64)),
        "last_listen_us": pa.array(gathered.last_listen_at),
        "simulated": pa.array(simulated),
    }
    return pa.RecordBatch.from_pydict(columns)
