"""candidate listens -> verdicts: one row per listen that falls to a rule about other listens.

Only narrow rows are shuffled, once by id and once by listener; the wide ones wait and learn their verdict in a join against
the few that fell. New rows are known by (file, line), accepted ones (file -1) by listen_id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from conf.settings import IngestListens
from spark_jobs.intake.listen_rules import ACCEPTED, DAY_US, duplicate_plays, hours_of_day
from spark_jobs.intake.listener_blocks import changes, whole_listeners

VERDICTS = "file int, line bigint, listen_id string, reason string, detail string"
_SCHEMA = pa.schema(
    {"file": pa.int32(), "line": pa.int64(), "listen_id": pa.string(), "reason": pa.string(), "detail": pa.string()}
)
_KEYS = ("file", "line", "listen_id", "user_id", "track_id", "started_at", "ms_played")


def verdicts(
    candidates: DataFrame, accepted: DataFrame, listens: DataFrame, banned: DataFrame, params: IngestListens
) -> DataFrame:
    """Rows of VERDICTS, one per row of `candidates` or `accepted` that falls.

    Parameters
    ----------
    candidates : new rows that no earlier rule refused, the columns of _KEYS.
    accepted : rows of table `listens` around the candidates' dates, of their listeners.
    listens : the whole table; a listen_id is unique in all of it.
    banned : (user_id, day) that an earlier run found impossible; day counts from 1970-01-01.
    """
    started = F.unix_micros("started_at")
    new = candidates.select(*_KEYS).withColumn("started_at", started)
    old = accepted.select(
        F.lit(ACCEPTED).alias("file"), F.lit(0).cast("bigint").alias("line"), "listen_id", "user_id", "track_id",
        started.alias("started_at"), "ms_played",
    )  # fmt: skip
    plays = _with_repeated_id(new, listens).unionByName(old.withColumn("repeated_id", F.lit(False)))
    day = F.floor(F.col("started_at") / DAY_US).cast("int")
    marked = plays.withColumn("day", day).join(banned.withColumn("banned", F.lit(True)), ["user_id", "day"], "left")
    narrow = marked.select(*_KEYS, "repeated_id", F.coalesce("banned", F.lit(False)).alias("banned"))
    order: list[str | Column] = ["user_id", "track_id", "started_at", "file", "line"]
    return narrow.repartition("user_id").sortWithinPartitions(*order).mapInArrow(_judge(params), VERDICTS)


def _with_repeated_id(new: DataFrame, listens: DataFrame) -> DataFrame:
    """`new` with `repeated_id`: its listen_id came before, in the table or in the order of file, start and line."""
    known = listens.select("listen_id").join(new.select("listen_id"), "listen_id", "left_semi")
    both = new.unionByName(known.withColumn("file", F.lit(ACCEPTED)), allowMissingColumns=True)
    first = Window.partitionBy("listen_id").orderBy("file", "started_at", "line")
    ranked = both.withColumn("repeated_id", F.row_number().over(first) > 1)
    return ranked.where(F.col("file") != ACCEPTED)


def _judge(params: IngestListens) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    within_us, most_hours = int(params.same_play_seconds * 1_000_000), params.max_hours_per_day

    def judge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for block in whole_listeners(batches):
            yield judge_block(block, within_us, most_hours)

    return judge


def judge_block(block: pa.RecordBatch, within_us: int, most_hours: float) -> pa.RecordBatch:
    """Verdicts on whole listeners: duplicate_id, then duplicate_play among the rest, then impossible_day."""
    repeated = block.filter(block.column("repeated_id"))
    rest = block.filter(pc.invert(block.column("repeated_id")))
    started, file, line = (rest.column(c).to_numpy() for c in ("started_at", "file", "line"))
    pair = changes(rest.column("user_id"), rest.column("track_id"))
    again = duplicate_plays(pair, started, file.astype(np.int64), line, within_us)
    kept = rest.filter(pa.array(~again))
    listener = np.cumsum(changes(kept.column("user_id")))
    ms_played = pc.fill_null(kept.column("ms_played"), 0).to_numpy()
    hours = hours_of_day(listener, kept.column("started_at").to_numpy(), ms_played)
    impossible = (hours > most_hours) | kept.column("banned").to_numpy(zero_copy_only=False)
    # A listen accepted before falls too; one accepted on a date banned before cannot be.
    too_much = kept.filter(pa.array(impossible))
    fallen = [
        _fallen(repeated, "duplicate_id", repeated.column("listen_id").to_pylist()),
        _fallen(rest.filter(pa.array(again)), "duplicate_play", None),
        _fallen(too_much, "impossible_day", _day_details(too_much, hours[impossible])),
    ]
    return pa.concat_batches(fallen)


def _fallen(rows: pa.RecordBatch, reason: str, details: list[str] | None) -> pa.RecordBatch:
    n = rows.num_rows
    place = [rows.column(name) for name in ("file", "line", "listen_id")]
    words = [pa.array([reason] * n, pa.string()), pa.array(details or [None] * n, pa.string())]
    return pa.RecordBatch.from_arrays([*place, *words], schema=_SCHEMA)


def _day_details(rows: pa.RecordBatch, hours: np.ndarray) -> list[str]:
    """JSON that `banned_days` reads again: whose date, and how many hours this run saw on it."""
    days = rows.column("started_at").to_numpy() // DAY_US
    users = rows.column("user_id").to_pylist()
    parts = zip(users, days.tolist(), np.round(hours, 2).tolist(), strict=True)
    return [orjson.dumps({"user_id": user, "day": day, "hours": h}).decode() for user, day, h in parts]


def banned_days(quarantine: DataFrame) -> DataFrame:
    """(user_id, day) of every impossible day in table `quarantine`: late rows of such a date fall as well."""
    days = quarantine.where("reason = 'impossible_day' AND NOT refused_run")
    parsed = F.from_json("detail", "user_id string, day int").alias("seen")
    return days.select(parsed).select("seen.user_id", "seen.day").distinct()
