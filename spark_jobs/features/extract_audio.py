"""tracks, audio files -> track_audio, audio_quarantine: how every track sounds, or why its file cannot be heard.

A file is heard once: its row is copied from week to week until the file's bytes, the ears (audio.hearing.EXTRACTOR) or the
network change; a week without a network changes nothing. Size and time of change decide whether a file is read again at all,
its hash whether it is heard again, so a catalogue that rests costs a look at each file. What has to be heard is committed
`files_per_commit` at a time: a killed run goes on where it was. Files are decoded in a killable child of each worker
(audio/decoder_process.py); no file ends a task.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import functions as F

from audio.hearing import EXTRACTOR
from conf.contract import Table
from conf.ears import ExtractAudio
from conf.errors import ArtefactError
from conf.tables import AUDIO_QUARANTINE, TRACK_AUDIO
from spark_jobs.contract import Output, Run
from spark_jobs.features.audio_rows import HEARING, SEEN, Listener, nothing_in, seen_rows
from spark_jobs.hearing.network import Network, network_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

log = logging.getLogger(__name__)
_TABLES = (TRACK_AUDIO, AUDIO_QUARANTINE)
_IDENTITY = ("track_id", "path", "file_id", "bytes", "modified_ns", "simulated")


def transform(
    *, tracks: DataFrame, track_audio: DataFrame, audio_quarantine: DataFrame, params: ExtractAudio, run: Run
) -> dict[str, Output]:
    """What is known of unchanged files first, then, commit by commit, what the others turn out to be."""
    network = _network(params, run)
    before = {table.name: newest(rows, run) for table, rows in zip(_TABLES, (track_audio, audio_quarantine), strict=True)}
    seen = looked_at(tracks, before, network.sha256 if network else None, params, run).persist(StorageLevel.DISK_ONLY)
    if nothing_in(run.landing / "audio") and not before[TRACK_AUDIO.name].isEmpty():
        run.warn(f"{run.landing / 'audio'} is empty or not there: what was heard before stands; is its disk mounted?")
    for table in _TABLES:
        run.write(table.name, Output(copied(before[table.name], seen.where(F.col("home") == table.name), table, run)))
    unheard = seen.where("home IS NULL").drop("home")
    files = unheard.count()
    commits = -(-files // params.files_per_commit)
    listener = Listener(str(run.landing / "audio"), run.run_date, params, network)
    for number in range(commits):
        mine = unheard.where(F.pmod(F.crc32(F.col("track_id").cast("binary")), F.lit(commits)) == number)
        _commit(mine, _tasks(files / commits, params.files_per_task, run), listener, run)
    log.info("job=extract_audio files_heard=%d commits=%d network=%s", files, commits, network.sha256[:12] if network else None)
    return {}


def _network(params: ExtractAudio, run: Run) -> Network | None:
    """The week's network; None with a warning where its artefact is damaged: tracks are heard all the same."""
    try:
        return network_of(run.artefacts.get("audio"), params.precision)
    except ArtefactError as damaged:
        run.warn(f"new tracks get no embedding: {damaged}")
        return None


def _tasks(files: float, each: int, run: Run) -> int:
    """Tasks of about `each` files, so many that no core waits for another one's last task."""
    cores = int(run.spark.sparkContext.defaultParallelism) if run.spark else 1
    return max(1, cores * math.ceil(files / each / cores))


def newest(rows: DataFrame, run: Run) -> DataFrame:
    """Rows of the newest week that is not after this one: this week's own, where an attempt wrote some before it was killed."""
    past = rows.where(F.col("run_date") <= F.lit(run.run_date))
    weeks = [row[0] for row in past.select("run_date").distinct().collect()]
    # Of two weeks both count: a killed attempt may have written a part of this one.
    latest = past.where(F.col("run_date").isin(sorted(weeks)[-2:]))
    last = latest.groupBy("track_id").agg(F.max("run_date").alias("run_date"))
    return latest.join(last, ["track_id", "run_date"], "left_semi")


def looked_at(
    tracks: DataFrame, before: dict[str, DataFrame], network: str | None, params: ExtractAudio, run: Run
) -> DataFrame:
    """Every track with a file, what the file is today, and which table's row of `before` still holds (`home`)."""
    kept = [
        before[table.name].select(
            "track_id", "run_date", "file_id", "bytes", "modified_ns", "path", F.lit(table.name).alias("home"),
            ((F.col("extractor") == F.lit(EXTRACTOR)) & _still(table, network)).alias("same_ears"),
        )
        for table in _TABLES
    ]  # fmt: skip
    known = reduce(lambda a, b: a.unionByName(b), kept)
    # A track stands in one of the two tables; in both only where weeks differ, and then the newer row counts.
    known = known.groupBy("track_id").agg(F.max_by(F.struct(*known.columns[2:]), "run_date").alias("was"))
    wanted = tracks.where("audio IS NOT NULL").select("track_id", F.col("audio").alias("path"), "simulated")
    return wanted.join(known, "track_id", "left").mapInArrow(_look(str(run.landing / "audio"), params.max_bytes), SEEN)


def _still(table: Table, network: str | None) -> Column:
    """Whether a row of this extractor still says what would be heard today."""
    if table is AUDIO_QUARANTINE:
        return F.col("reason") != "timeout"  # a busy night says nothing of the file
    return F.lit(True) if network is None else F.col("network").eqNullSafe(F.lit(network))


def _look(root: str, max_bytes: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    return lambda batches: (seen_rows(batch, Path(root), max_bytes) for batch in batches)


def copied(rows: DataFrame, known: DataFrame, table: Table, run: Run) -> DataFrame:
    """Rows of `known` tracks, as they were, under this week's date and today's path, size and time."""
    left = [name for name in table.column_names if name not in (*_IDENTITY, "run_date")]
    joined = rows.select("track_id", *left).join(known.drop("home"), "track_id")
    return joined.withColumn("run_date", F.lit(run.run_date)).select(*table.column_names)


def _commit(files: DataFrame, tasks: int, listener: Listener, run: Run) -> None:
    """Hear files and append them to both tables."""
    heard = files.repartition(tasks).mapInArrow(listener.rows, HEARING).persist(StorageLevel.DISK_ONLY)
    for table, is_ours in ((TRACK_AUDIO, "reason IS NULL"), (AUDIO_QUARANTINE, "reason IS NOT NULL")):
        run.write(table.name, Output(heard.where(is_ours).select(*table.column_names), replace=""))
    heard.unpersist()
