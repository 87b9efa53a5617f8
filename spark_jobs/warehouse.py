"""The only module that names Delta: tables are made, read at a version and written here, by Spark or by delta-rs.

Tables are created by delta-rs with the contract's schema and CHECK constraints (50 ms instead of the seconds a JVM needs);
after that each table has one writer engine. Reader version stays 1: no column mapping, no deletion vectors.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as fs
from deltalake import DeltaTable, Schema, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from conf.contract import Table
from conf.errors import BusyError, ContractError, DiskError
from spark_jobs import block_files
from spark_jobs.block_files import BlockWriter
from spark_jobs.contract import Blocks
from spark_jobs.rows import Condition, TableRows, equalities, sql
from spark_jobs.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)
# A past week is rebuilt from recorded versions: keep them at least this long.
BACKFILL_DAYS = 60
# Spark lists so many on the driver; conf/spark/local.conf sets its threshold to the same number.
FILES_READ_DIRECTLY = 256
_PROPERTIES = {
    "delta.logRetentionDuration": f"interval {BACKFILL_DAYS} days",
    "delta.deletedFileRetentionDuration": f"interval {BACKFILL_DAYS} days",
    "delta.checkpointInterval": "20",
}


@dataclass(frozen=True)
class TableState:
    """What a log says: `files` are paths with their bytes, `newest` is the newest value of the first partition column."""

    version: int
    dataset: ds.Dataset
    checks: dict[str, str]
    files: dict[str, int]
    rows: int
    newest: Any


class Warehouse:
    """A folder of Delta tables named by the contracts."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def path(self, table: Table) -> Path:
        """Folder of the table."""
        return self.root / table.name

    def exists(self, table: Table) -> bool:
        """True where the table has a log."""
        return DeltaTable.is_deltatable(str(self.path(table)))

    def ensure(self, table: Table) -> None:
        """Create the table where it is missing; ContractError where an existing one keeps an older contract."""
        if not self.exists(table):
            self._create(table)
            return
        there = {field.name for field in self._open(table).schema().fields}  # once: it reads the log
        if lacking := ", ".join(name for name in table.column_names if name not in there):
            raise ContractError(f"table {table.name} lacks {lacking}, it keeps an older contract: run `plant migrate`")

    def _create(self, table: Table) -> None:
        path = self.path(table)
        path.mkdir(parents=True, exist_ok=True)
        made = DeltaTable.create(
            str(path),
            arrow_schema(table),
            mode="ignore",
            partition_by=list(table.partition) or None,
            configuration=_PROPERTIES,
            description=table.meaning,
        )
        if table.checks:
            made.alter.add_constraint(dict(table.checks))

    def version(self, table: Table) -> int:
        """Newest version of the table, which is created where it is missing."""
        self.ensure(table)
        return self._open(table).version()

    def rows(self, table: Table, version: int | None = None, conditions: Iterable[Condition] = ()) -> TableRows:
        """Reader of the table at `version` (None: the newest) without a JVM."""
        self.ensure(table)
        return TableRows(table, self._dataset(table, self._open(table, version)), tuple(conditions))

    def frame(
        self, spark: SparkSession, table: Table, version: int | None = None, conditions: Iterable[Condition] = ()
    ) -> DataFrame:
        """DataFrame of the table at `version` (None: the newest), its columns in contract order."""
        self.ensure(table)
        delta = self._open(table, version)
        frame = self._of_files(spark, table, delta)
        if frame is None:
            frame = spark.read.format("delta").option("versionAsOf", delta.version()).load(str(self.path(table)))
        lacking = [c for c in table.columns if c.name not in frame.columns]  # a version from before a migration
        frame = frame.selectExpr("*", *(f"CAST({c.default or 'NULL'} AS {c.type}) AS {c.name}" for c in lacking))
        frame = frame.select(*table.column_names)
        for condition in conditions:
            frame = frame.where(sql(condition))
        return frame

    def _of_files(self, spark: SparkSession, table: Table, delta: DeltaTable) -> DataFrame | None:
        """DataFrame over a version's Parquet files; None where they are many or another contract's.

        Spark's Delta reader runs jobs of its own to plan each scan: .25 CPU seconds a table, five tables a job.
        """
        known = {field.name: field.type for field in pa.schema(delta.schema().to_arrow())}
        paths = pa.table(delta.get_add_actions(flatten=True)).column("path").to_pylist()
        contract = {field.name: field.type for field in arrow_schema(table)}
        as_today = all(contract.get(name) == kind for name, kind in known.items())
        if len(paths) > FILES_READ_DIRECTLY or not as_today or any("%" in path for path in paths):
            return None
        ddl = ", ".join(f"{c.name} {c.type}" for c in table.columns if c.name in known)
        if not paths:  # a filter that is false lets the planner strike all that hangs on the table
            return spark.createDataFrame([], ddl).where("false")
        root = self.path(table)
        return spark.read.schema(ddl).option("basePath", str(root)).parquet(*(str(root / path) for path in paths))

    def write_frame(self, table: Table, frame: DataFrame, replace: str) -> int:
        """Write a DataFrame over the rows that `replace` names ("" appends, "true" replaces all); returns rows written."""
        self.ensure(table)
        _check_types(table, {f.name: f.dataType.simpleString() for f in frame.schema.fields})
        if table.clock in table.partition:  # one file a date instead of one per date and task
            frame = frame.repartition(*table.partition)
        writer = frame.select(*table.column_names).write.format("delta").mode("overwrite" if replace else "append")
        if replace and replace != "true":
            writer = writer.option("replaceWhere", replace)
        before = self.version(table)
        writer.save(str(self.path(table)))
        return self._rows_written(table, before)

    def write_arrow(self, table: Table, data: pa.Table | Blocks, replace: str) -> int:
        """Write an Arrow table, or blocks that workers make; `replace` as in `write_frame`."""
        self.ensure(table)
        if isinstance(data, Blocks):
            return self._commit_blocks(table, data, replace)
        schema = arrow_schema(table)
        _check_types(table, {name: "" for name in data.schema.names}, names_only=True)
        try:
            typed = data.select(schema.names).cast(schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as refused:
            raise ContractError(f"table {table.name} refuses rows: {refused}") from None
        predicate = None if replace in ("", "true") else replace
        try:
            write_deltalake(
                str(self.path(table)),
                typed,
                mode="overwrite" if replace else "append",
                predicate=predicate,
                writer_properties=WriterProperties(compression="ZSTD"),
            )
        except CommitFailedError as lost:
            raise BusyError(f"table {table.name}: another writer won the commit; try again ({lost})") from None
        except DeltaError as refused:
            raise ContractError(f"table {table.name} refuses rows: {refused}") from None
        return typed.num_rows

    def _commit_blocks(self, table: Table, blocks: Blocks, replace: str) -> int:
        """Let workers write the files, then name them in one commit."""
        writer = BlockWriter(table, str(self.path(table)), blocks.make, blocks.apart)
        files = blocks.frame.mapInArrow(writer.files, block_files.DDL).collect()
        modified = int(datetime.now(UTC).timestamp() * 1000)
        added = [AddAction(f.path, f.bytes, json.loads(f.partition), modified, True, f.stats) for f in files]
        filters = [(name, "=", value) for name, value in equalities(replace)] if replace not in ("", "true") else None
        delta = self._open(table)
        try:
            delta.create_write_transaction(
                added, "overwrite" if replace else "append", delta.schema(), list(table.partition), filters
            )
        except CommitFailedError as lost:
            raise BusyError(f"table {table.name}: another writer won the commit; try again ({lost})") from None
        return sum(f.rows for f in files)

    def changed_partitions(self, table: Table, since: int, until: int) -> list[date]:
        """Dates of the table's partition column whose files differ between two versions, ascending."""
        before, after = (self._files(table, v) for v in (since, until))
        return sorted({before.get(f) or after[f] for f in before.keys() ^ after.keys()})

    def state(self, table: Table) -> TableState:
        """State of an existing table, whatever contract it keeps."""
        delta = self._open(table)
        dataset, actions = self._dataset(table, delta), pa.table(delta.get_add_actions(flatten=True))
        files = dict(zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True))
        counts = actions["num_records"] if "num_records" in actions.column_names else None
        counted = counts is not None and counts.null_count == 0
        rows = int(pc.sum(counts).as_py() or 0) if counted else int(dataset.count_rows())
        newest = pc.max(actions[f"partition.{table.partition[0]}"]).as_py() if table.partition and files else None
        prefix = "delta.constraints."
        checks = {k.removeprefix(prefix): v for k, v in delta.metadata().configuration.items() if k.startswith(prefix)}
        return TableState(delta.version(), dataset, checks, files, rows, newest)

    def partitions(self, table: Table) -> dict[Any, int]:
        """Value of the first partition column -> files, of an existing table."""
        actions = pa.table(self._open(table).get_add_actions(flatten=True))
        return dict(Counter(actions[f"partition.{table.partition[0]}"].to_pylist()))

    def compact(self, table: Table, days: list[date] | None = None) -> int:
        """Pack the files of each of these days (of the first partition column), or of the table, into one; how many went.

        Under the lease alone: two who pack at once both succeed, and each row stands there twice (seen with delta-rs 1.6.6).
        """
        chosen = None if days is None else [(table.partition[0], "in", list(map(str, days)))]
        packing = {"writer_properties": WriterProperties(compression="ZSTD")}
        return 0 if days == [] else int(self._open(table).optimize.compact(chosen, **packing)["numFilesRemoved"])

    def add_nullable(self, table: Table, names: Iterable[str]) -> None:
        """Add contract columns to the log alone: rows that are there read as null."""
        fields = Schema.from_arrow(pa.schema([arrow_schema(table).field(name) for name in names])).fields
        self._open(table).alter.add_columns(fields)

    def constrain(self, table: Table, name: str) -> None:
        """Add check `name` of the contract, or drop it where the contract has none; ContractError where rows break it."""
        alter = self._open(table).alter
        if name not in table.checks:
            alter.drop_constraint(name)
            return
        try:
            alter.add_constraint({name: table.checks[name]})
        except DeltaError:
            shown = f'plant sql "select * from {table.name} where not ({table.checks[name]})"'
            raise ContractError(f"table {table.name} has rows that break check {name}: `{shown}` lists them") from None

    def rebuild(self, table: Table, batches: pa.RecordBatchReader) -> None:
        """Write the whole table anew under the contract's schema, as a stream; its older versions stay readable."""
        parts = list(table.partition) or None
        properties = WriterProperties(compression="ZSTD")
        place = str(self.path(table))
        write_deltalake(
            place, batches, mode="overwrite", schema_mode="overwrite", partition_by=parts, writer_properties=properties
        )

    def drop_rows(self, table: Table, predicate: str) -> int:
        """Delete the rows that `predicate` names; returns how many."""
        return int(self._open(table).delete(predicate)["num_deleted_rows"] or 0)

    def drop_files(self, table: Table, older_hours: int, keep: list[int], dry_run: bool) -> list[str]:
        """Delete files that no version needs since `older_hours`, save those of versions `keep`; returns their paths."""
        delta = self._open(table)
        return delta.vacuum(older_hours, dry_run=dry_run, enforce_retention_duration=False, full=True, keep_versions=keep)

    def _dataset(self, table: Table, delta: DeltaTable) -> ds.Dataset:
        # Arrow's own file system: delta-rs's calls back into Python, and a read-ahead thread that does so while the
        # interpreter ends aborts the process (seen once in a dozen weeks: exit -6 after the last line was printed).
        return delta.to_pyarrow_dataset(filesystem=fs.SubTreeFileSystem(str(self.path(table)), fs.LocalFileSystem()))

    def _files(self, table: Table, version: int) -> dict[str, date]:
        actions = pa.table(self._open(table, version).get_add_actions(flatten=True))
        dates = actions.column(f"partition.{table.partition[0]}").to_pylist()
        return dict(zip(actions.column("path").to_pylist(), dates, strict=True))

    def _rows_written(self, table: Table, before: int) -> int:
        """Rows of the newest version; nothing in the place of nothing makes none, and `before` counts somebody else's rows."""
        delta = self._open(table)
        if delta.version() == before:
            return 0
        newest = delta.history(1)[0]
        return int(newest.get("operationMetrics", {}).get("numOutputRows", 0))

    def _open(self, table: Table, version: int | None = None) -> DeltaTable:
        try:
            return DeltaTable(str(self.path(table)), version=version)
        except TableNotFoundError:
            raise
        except (DeltaError, OSError) as torn:
            at, why = "" if version is None else f" at version {version}", str(torn).splitlines()[0]
            raise DiskError(f"table {table.name}{at} cannot be opened: {why}; `plant doctor` looks closer") from None


def _check_types(table: Table, got: dict[str, str], names_only: bool = False) -> None:
    """Delta casts in silence on write, so names and types are compared first."""
    wanted = {c.name: c.type for c in table.columns}
    if got.keys() != wanted.keys():
        missing, extra = sorted(wanted.keys() - got.keys()), sorted(got.keys() - wanted.keys())
        raise ContractError(f"table {table.name}: rows lack {missing or 'nothing'} and bring {extra or 'nothing'} too much")
    wrong = [f"{n} is {got[n]}, contract says {t}" for n, t in wanted.items() if not names_only and got[n] != t]
    if wrong:
        raise ContractError(f"table {table.name}: " + "; ".join(wrong))
