"""landing files -> listens, quarantine: every play once, and every refused row with one reason.

Rules, in the order in which they are asked: malformed, missing_field, bad_value (landing_reader); unknown_track, ancient,
future (here); duplicate_id, duplicate_play, impossible_day (listen_verdicts). What was accepted before stands against new
rows, save that a date which new rows make impossible falls as a whole. The dates touched are written anew, so late rows
find their date; sessionize sees which changed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from conf.settings import IngestListens
from conf.tables import LISTENS, QUARANTINE
from spark_jobs.contract import Output, Run
from spark_jobs.intake import landing_reader, quarantine_rows
from spark_jobs.intake.landing_files import LandingFile, ledger_rows, new_files, of_files
from spark_jobs.intake.listen_rules import ACCEPTED
from spark_jobs.intake.listen_verdicts import banned_days, verdicts

log = logging.getLogger(__name__)
JOB = "ingest_listens"
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Judged:
    """What the rules made of a run's rows.

    rows : every new row, `reason` null where it is accepted.
    fallen : accepted rows of earlier runs that fall now: rows of `listens` with reason and detail.
    dates : UTC dates whose listens change.
    """

    rows: DataFrame
    fallen: DataFrame
    fallen_files: list[str]
    dates: list[date]


def transform(
    *,
    landing_files: DataFrame,
    listens: DataFrame,
    tracks: DataFrame,
    quarantine: DataFrame,
    params: IngestListens,
    run: Run,
) -> dict[str, Output]:
    """Take in the files below LANDING/listens that no earlier run took.

    Raises
    ------
    LandingError
        For a file that leaves the landing folder or breaks off.
    Refused
        Where more than `params.max_quarantined` of the new rows are refused.
    """
    spark = listens.sparkSession
    taken = {row.file_id for row in landing_files.where(F.col("job") == JOB).select("file_id").collect()}
    files = new_files(run.landing, "listens", taken)
    if not files:
        log.info("job=%s state=nothing_new", JOB)
        return {}
    earlier = quarantine.where(F.col("job") == JOB)
    parsed = _parsed(spark, files, tracks, params, run)
    judged = _judged(parsed, listens, banned_days(earlier), params)
    tallies = quarantine_rows.tally([(judged.rows, files)])
    taken_now = [f.file_id for f in files]
    refused = quarantine_rows.of_new(spark, judged.rows, files, JOB, run.run_date)
    quarantine_rows.refuse_above(params.max_quarantined, tallies, JOB, refused, of_files(JOB, taken_now))
    if judged.fallen_files:
        refused = refused.unionByName(_of_fallen(judged, landing_files, earlier, run.run_date))
    outputs = {"quarantine": Output(refused, of_files(JOB, taken_now + judged.fallen_files))}
    if judged.dates:
        dates = ", ".join(f"DATE '{d.isoformat()}'" for d in judged.dates)
        outputs["listens"] = Output(_listens(spark, judged, listens, files), f"started_date IN ({dates})")
    ledger = ledger_rows(JOB, files, tallies, run.run_date)
    return outputs | {"landing_files": Output(ledger, of_files(JOB, taken_now))}


def _parsed(spark: SparkSession, files: list[LandingFile], tracks: DataFrame, params: IngestListens, run: Run) -> DataFrame:
    """Every new row, typed, with the reason of the rules that need no other listen."""
    rows = landing_reader.read(spark, run.landing, files)
    rows = rows.withColumns({"started_date": F.to_date("started_at"), "listen_id": _listen_id()})
    rows = rows.persist(StorageLevel.MEMORY_AND_DISK)  # read by half a dozen passes, parsed once
    # Joining all rows with the catalogue would shuffle them; the ids that it lacks are few and travel to the rows.
    lacking = rows.select("track_id").distinct().join(tracks.select("track_id"), "track_id", "left_anti")
    any_track = not tracks.isEmpty()
    unknown = lacking.where(F.lit(any_track)).withColumn("unknown", F.lit(True)).persist(StorageLevel.MEMORY_AND_DISK)
    rows = rows.join(F.broadcast(unknown), "track_id", "left")
    reason, detail = _early_rules(params, run.run_date)
    rows = rows.withColumns({"reason": F.coalesce("reason", reason), "detail": F.coalesce("detail", detail)})
    return rows.drop("unknown")


def _listen_id() -> Column:
    """The app's id, else one that the same listener, track and start always give."""
    start = F.unix_micros("started_at").cast("string")
    return F.coalesce("listen_id", F.substring(F.sha2(F.concat_ws("\x1f", "user_id", "track_id", start), 256), 1, 32))


def _early_rules(params: IngestListens, run_date: date) -> tuple[Column, Column]:
    """(reason, detail) by the first of bad_value, unknown_track, ancient and future that a row breaks, else null."""
    midnight = datetime.combine(run_date, time(), UTC)
    oldest = F.lit(midnight - timedelta(days=params.history_days))
    newest = F.lit(midnight + ONE_DAY + timedelta(hours=params.future_hours))
    start, heard = F.col("started_at"), F.col("ms_played")
    rules = (
        ("bad_value", heard < 0, F.format_string("ms_played: %d", heard)),
        ("unknown_track", F.col("unknown"), F.col("track_id")),
        ("ancient", start < oldest, start.cast("string")),
        ("future", start >= newest, start.cast("string")),
    )
    none = F.lit(None).cast("string")
    reason, detail = none, none
    for name, broken, seen in reversed(rules):
        reason = F.when(broken, F.lit(name)).otherwise(reason)
        detail = F.when(broken, seen).otherwise(detail)
    readable = F.col("reason").isNull()
    return F.when(readable, reason), F.when(readable, detail)


def _judged(parsed: DataFrame, listens: DataFrame, banned: DataFrame, params: IngestListens) -> Judged:
    candidates = parsed.where(F.col("reason").isNull())
    dates = _dates(candidates)
    around = sorted({d + shift for d in dates for shift in (-ONE_DAY, timedelta(0), ONE_DAY)})
    accepted = listens.where(F.col("started_date").isin(around)).join(candidates.select("user_id"), "user_id", "left_semi")
    # A dozen narrow columns of the few that fell: small enough to keep, dear to make.
    fell = verdicts(candidates, accepted, listens, banned, params).persist(StorageLevel.MEMORY_AND_DISK)
    new = fell.where(F.col("file") != ACCEPTED).select("file", "line", F.struct("reason", "detail").alias("fell"))
    rows = parsed.join(new, ["file", "line"], "left")
    rows = rows.withColumns(
        {"reason": F.coalesce("reason", "fell.reason"), "detail": F.coalesce("detail", "fell.detail")}
    ).drop("fell")
    old = fell.where(F.col("file") == ACCEPTED).select("listen_id", "reason", "detail")
    fallen = listens.where(F.col("started_date").isin(around)).join(old, "listen_id")
    lost = fallen.select("file_id", "started_date").distinct().collect()  # one row per file and date, not per listen
    touched = {*_dates(rows.where(F.col("reason").isNull())), *(row.started_date for row in lost)}
    return Judged(rows, fallen, sorted({row.file_id for row in lost}), sorted(touched))


def _dates(rows: DataFrame) -> list[date]:
    return [row.started_date for row in rows.select("started_date").distinct().collect()]


def _listens(spark: SparkSession, judged: Judged, listens: DataFrame, files: list[LandingFile]) -> DataFrame:
    """The touched dates as they will stand: what was there and did not fall, and the new rows."""
    numbers = quarantine_rows.file_numbers(spark, files).select("file", "file_id")
    new = judged.rows.where(F.col("reason").isNull()).join(F.broadcast(numbers), "file")
    new = new.withColumn("simulated", F.coalesce("simulated", F.lit(False)))
    old = listens.where(F.col("started_date").isin(judged.dates))
    if judged.fallen_files:
        old = old.join(judged.fallen.select("listen_id"), "listen_id", "left_anti")
    names = LISTENS.column_names
    return old.select(*names).unionByName(new.select(*names))


def _of_fallen(judged: Judged, landing_files: DataFrame, earlier: DataFrame, taken_on: date) -> DataFrame:
    """Quarantine rows of accepted listens that fall, and what is known of their files already: both are written anew."""
    paths = landing_files.where(F.col("job") == JOB).select("file_id", "path")
    fallen = quarantine_rows.of_fallen(judged.fallen.join(paths, "file_id", "left"), JOB, taken_on)
    known = earlier.where(F.col("file_id").isin(judged.fallen_files)).select(*QUARANTINE.column_names)
    return fallen.unionByName(known)
