"""landing files -> tracks, artists, users, follows, tags, feedback, listener_playlists, foreign_exposures.

Rows are upserted by their entity's key: what came last stands, so files may be sent again in any number of runs. A new
track gets the next `track_idx`, which is never given to another. Where no tracks were ever landed, the ids that listens
name become tracks, so that a bare listening log makes a week. The other jobs read these tables, never the files.
"""

from __future__ import annotations

import logging
from functools import reduce

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from conf.pipeline import BY_NAME
from conf.settings import IngestCatalogue
from conf.tables import QUARANTINE, TABLES
from spark_jobs.contract import Output, Run
from spark_jobs.intake import catalogue_rules, catalogue_tables, landing_reader, quarantine_rows
from spark_jobs.intake.landing_files import LandingFile, Tally, discover, ledger_rows, new_files, of_files

log = logging.getLogger(__name__)
JOB = "ingest_catalogue"
ENTITIES = BY_NAME[JOB].landing


def transform(
    *,
    landing_files: DataFrame,
    tracks: DataFrame,
    artists: DataFrame,
    users: DataFrame,
    follows: DataFrame,
    tags: DataFrame,
    feedback: DataFrame,
    listener_playlists: DataFrame,
    foreign_exposures: DataFrame,
    params: IngestCatalogue,
    run: Run,
) -> dict[str, Output]:
    """Take in the catalogue files that no earlier run took; only tables with new rows are returned.

    Raises
    ------
    LandingError
        For a file that leaves the landing folder or breaks off.
    Refused
        Where more than `params.max_quarantined` of the new rows are refused.
    """
    frames = (tracks, artists, users, follows, tags, feedback, listener_playlists, foreign_exposures)
    old = dict(zip((_table(entity) for entity in ENTITIES), frames, strict=True))
    spark = tracks.sparkSession
    ledger = landing_files.where(F.col("job") == JOB).select("file_id", "entity").collect()
    taken = {row.file_id for row in ledger}
    files = {entity: found for entity in ENTITIES if (found := new_files(run.landing, entity, taken))}
    plain_log = _log_without_tracks(run, {row.entity for row in ledger}, taken)
    if not files and not plain_log:
        log.info("job=%s state=nothing_new", JOB)
        return {}
    rows = {entity: _checked(spark, run, found) for entity, found in files.items()}
    tallies = quarantine_rows.tally((rows[entity], found) for entity, found in files.items()) if files else {}
    outputs = _quarantine(spark, run, files, rows, tallies, params)
    new = {_table(entity): _accepted(entity, judged) for entity, judged in rows.items()}
    if plain_log:
        listens = _checked(spark, run, plain_log).where(F.col("reason").isNull())
        new["tracks"] = catalogue_tables.tracks_of_listens(tracks, listens)
        log.warning("job=%s state=tracks_from_listens files=%d: title=track_id, no artists", JOB, len(plain_log))
    outputs |= {name: Output(frame, together=True) for name, frame in _merged(old, new).items()}
    taken_now = [file for found in files.values() for file in found] + plain_log
    entered = ledger_rows(JOB, taken_now, tallies, run.run_date)
    return outputs | {"landing_files": Output(entered, of_files(JOB, [f.file_id for f in taken_now]))}


def _table(entity: str) -> str:
    return catalogue_rules.TABLE_OF.get(entity, entity)


def _log_without_tracks(run: Run, entities_taken: set[str], taken: set[str]) -> list[LandingFile]:
    """New listens files, where neither this run nor an earlier one found a file of tracks."""
    if "tracks" in entities_taken or discover(run.landing, "tracks"):
        return []
    return new_files(run.landing, "listens", taken)


def _checked(spark: SparkSession, run: Run, files: list[LandingFile]) -> DataFrame:
    """Typed rows of one entity with their reason. Kept: counting, quarantine and table each read them."""
    rows = landing_reader.read(spark, run.landing, files)
    detail = catalogue_rules.bad_value(files[0].entity)
    found = F.col("reason").isNull() & detail.isNotNull()
    reasons = {
        "detail": F.when(found, detail).otherwise(F.col("detail")),
        "reason": F.when(found, F.lit("bad_value")).otherwise(F.col("reason")),
    }
    return rows.withColumns(reasons).persist(StorageLevel.MEMORY_AND_DISK)


def _accepted(entity: str, rows: DataFrame) -> DataFrame:
    return rows.where(F.col("reason").isNull()).withColumns(catalogue_rules.table_columns(entity))


def _quarantine(
    spark: SparkSession,
    run: Run,
    files: dict[str, list[LandingFile]],
    rows: dict[str, DataFrame],
    tallies: dict[str, Tally],
    params: IngestCatalogue,
) -> dict[str, Output]:
    """Refused rows of all entities that have some; without any, what an earlier try left there is still taken away."""
    if not files:
        return {}
    replace = of_files(JOB, [file.file_id for found in files.values() for file in found])
    dirty = {e: found for e, found in files.items() if any(tallies.get(f.file_id, Tally()).quarantined for f in found)}
    parts = [quarantine_rows.of_new(spark, rows[e], found, JOB, run.run_date) for e, found in dirty.items()]
    refused = reduce(DataFrame.unionByName, parts, quarantine_rows.empty(spark, QUARANTINE))
    quarantine_rows.refuse_above(params.max_quarantined, tallies, JOB, refused, replace)
    return {"quarantine": Output(refused, replace)}


def _merged(old: dict[str, DataFrame], new: dict[str, DataFrame]) -> dict[str, DataFrame]:
    """Every table that has new rows, as it will stand; artists whom only new tracks name get a row of their own."""
    named = new.get("tracks")
    if named is not None:
        new = new | {"tracks": catalogue_tables.number_tracks(old["tracks"], named)}
    merged = {name: catalogue_tables.upsert(TABLES[name], old[name], rows) for name, rows in new.items()}
    if named is not None:
        merged["artists"] = catalogue_tables.with_named_artists(merged.get("artists", old["artists"]), named)
    return merged
