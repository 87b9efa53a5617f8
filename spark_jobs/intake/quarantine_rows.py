"""judged landing rows -> quarantine: refused rows with their file, line and text, counted and weighed against the run.

A row that a reader refused keeps its text as it came; one that a later rule refused is written as JSON of its typed fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import reduce

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from conf.contract import Table
from conf.landing import ENTITIES
from conf.tables import QUARANTINE
from spark_jobs.contract import Output, Refused
from spark_jobs.intake.landing_files import LandingFile, Tally
from spark_jobs.intake.landing_reader import ROW_CHARACTERS


def file_numbers(spark: SparkSession, files: list[LandingFile]) -> DataFrame:
    """(file, file_id, path) of a run's files, `file` as landing_reader numbers them."""
    columns = {
        "file": pa.array(range(len(files)), pa.int32()),
        "file_id": [f.file_id for f in files],
        "path": [f.path for f in files],
    }
    return spark.createDataFrame(pa.table(columns))


def tally(parts: Iterable[tuple[DataFrame, list[LandingFile]]]) -> dict[str, Tally]:
    """file_id -> rows and refused rows of each part's files; one counting pass, one row per file comes back."""
    files: list[LandingFile] = []
    frames = []
    for rows, found in parts:
        frames.append(rows.select((F.col("file") + len(files)).alias("file"), "reason"))
        files += found
    counts = reduce(DataFrame.unionByName, frames).groupBy("file")
    counted = counts.agg(F.count("*").alias("rows"), F.count("reason").alias("quarantined")).collect()
    return {files[c.file].file_id: Tally(c.rows, c.quarantined) for c in counted}


def of_new(spark: SparkSession, rows: DataFrame, files: list[LandingFile], job: str, taken_on: date) -> DataFrame:
    """Rows of table `quarantine` for the rows with a reason."""
    entity = ENTITIES[files[0].entity]
    typed = F.to_json(F.struct(*(f.name for f in entity.fields)))
    refused = rows.where(F.col("reason").isNotNull()).join(F.broadcast(file_numbers(spark, files)), "file")
    text = F.substring(F.coalesce("row", typed), 1, ROW_CHARACTERS)
    return _in_contract(refused.withColumn("row", text), entity.name, job, taken_on)


def of_fallen(fallen: DataFrame, job: str, taken_on: date) -> DataFrame:
    """Rows of table `quarantine` for accepted listens that fell; `fallen` has the columns of `listens`, path, reason, detail.

    Their line is not known any more: a negative number made from the listen_id keeps the key unique.
    """
    fields = [f.name for f in ENTITIES["listens"].fields]
    line = -1 - F.shiftrightunsigned(F.xxhash64("listen_id"), 1)
    text = F.substring(F.to_json(F.struct(*fields)), 1, ROW_CHARACTERS)
    rows = fallen.withColumns({"line": line, "row": text, "path": F.coalesce("path", F.lit(""))})
    return _in_contract(rows, "listens", job, taken_on)


def refuse_above(most: float, tallies: Mapping[str, Tally], job: str, refused: DataFrame, replace: str) -> None:
    """Raise Refused where more than the share `most` of the new rows is refused; only `refused` is written then."""
    rows = sum(t.rows for t in tallies.values())
    bad = sum(t.quarantined for t in tallies.values())
    if bad <= most * rows:
        return
    marked = refused.withColumn("refused_run", F.lit(True))
    raise Refused(
        f"{job} refuses {bad} of {rows} new rows ({bad / rows:.1%}), more than {job}.max_quarantined = {most:.1%}: look at"
        f" `select reason, detail, path, line from quarantine where job = '{job}' and refused_run`, then mend the files",
        {"quarantine": Output(marked, replace)},
    )


def empty(spark: SparkSession, table: Table) -> DataFrame:
    """No rows, the columns of `table`."""
    return spark.createDataFrame([], ", ".join(f"{c.name} {c.type}" for c in table.columns))


def _in_contract(rows: DataFrame, entity: str, job: str, taken_on: date) -> DataFrame:
    constants = {
        "job": F.lit(job),
        "entity": F.lit(entity),
        "taken_on": F.lit(taken_on),
        "refused_run": F.lit(False),
    }
    return rows.withColumns(constants).select(*QUARANTINE.column_names)
