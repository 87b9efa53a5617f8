"""The only module that names Delta: tables are made, read at a version and written here, by Spark or by delta-rs.

Tables are created by delta-rs with the contract's schema and CHECK constraints (50 ms instead of the seconds a JVM needs);
after that each table has one writer engine. Reader version stays 1: no column mapping, no deletion vectors.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, QueryBuilder, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from conf.contract import Table
from conf.errors import BusyError, ContractError, DiskError
from spark_jobs.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)
# A past week is rebuilt from recorded versions: keep them at least this long.
BACKFILL_DAYS = 60
_PROPERTIES = {
    "delta.logRetentionDuration": f"interval {BACKFILL_DAYS} days",
    "delta.deletedFileRetentionDuration": f"interval {BACKFILL_DAYS} days",
    "delta.checkpointInterval": "20",
}
Condition = tuple[str, str, Any]  # column, one of = < >=, value


@dataclass(frozen=True)
class DeltaRows:
    """Rows of one table version; see `spark_jobs.contract.Rows`."""

    name: str
    delta: DeltaTable
    conditions: tuple[Condition, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the table."""
        return self._dataset().schema

    def table(self, columns: list[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """All rows as one Arrow table."""
        return self._dataset().to_table(columns=columns, filter=self._filter(where))

    def batches(self, columns: list[str] | None = None, where: pc.Expression | None = None) -> Iterator[pa.RecordBatch]:
        """Rows as record batches, one file after the other: constant memory."""
        scanner = self._dataset().scanner(columns=columns, filter=self._filter(where), batch_size=4096, batch_readahead=2)
        return iter(scanner.to_batches())

    def count(self) -> int:
        """Number of rows."""
        return int(self._dataset().count_rows(filter=self._filter(None)))

    def _dataset(self) -> ds.Dataset:
        return self.delta.to_pyarrow_dataset()

    def _filter(self, where: pc.Expression | None) -> pc.Expression | None:
        parts = [_expression(c) for c in self.conditions] + ([where] if where is not None else [])
        return reduce(and_, parts) if parts else None


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
        elif lacking := [name for name in table.column_names if name not in _columns(self._open(table))]:
            raise ContractError(
                f"table {table.name} lacks {', '.join(lacking)}, it keeps an older contract: run `plant migrate`"
            )

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

    def rows(self, table: Table, version: int | None = None, conditions: Iterable[Condition] = ()) -> DeltaRows:
        """Reader of the table at `version` (None: the newest) without a JVM."""
        self.ensure(table)
        return DeltaRows(table.name, self._open(table, version), tuple(conditions))

    def frame(
        self, spark: SparkSession, table: Table, version: int | None = None, conditions: Iterable[Condition] = ()
    ) -> DataFrame:
        """DataFrame of the table at `version` (None: the newest), its columns in contract order."""
        self.ensure(table)
        reader = spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        frame = reader.load(str(self.path(table))).select(*table.column_names)
        for condition in conditions:
            frame = frame.where(sql(condition))
        return frame

    def write_frame(self, table: Table, frame: DataFrame, replace: str) -> int:
        """Write a DataFrame over the rows that `replace` names ("" appends, "true" replaces all); returns rows written."""
        self.ensure(table)
        _check_types(table, {f.name: f.dataType.simpleString() for f in frame.schema.fields})
        if table.clock in table.partition:  # one file a date instead of one per date and task
            frame = frame.repartition(*table.partition)
        writer = frame.select(*table.column_names).write.format("delta").mode("overwrite" if replace else "append")
        if replace and replace != "true":
            writer = writer.option("replaceWhere", replace)
        writer.save(str(self.path(table)))
        return self._rows_written(table)

    def write_arrow(self, table: Table, data: pa.Table, replace: str) -> int:
        """Write an Arrow table; `replace` as in `write_frame`."""
        self.ensure(table)
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

    def changed_partitions(self, table: Table, since: int, until: int) -> list[date]:
        """Dates of the table's partition column whose files differ between two versions, ascending."""
        before, after = (self._files(table, v) for v in (since, until))
        return sorted({before.get(f) or after[f] for f in before.keys() ^ after.keys()})

    def query(self, tables: Iterable[Table], statement: str) -> pa.Table:
        """Run SQL over whole tables with delta-rs's own engine."""
        builder = QueryBuilder()
        for table in tables:
            self.ensure(table)
            builder.register(table.name, self._open(table))
        return pa.table(builder.execute(statement).read_all())

    def _files(self, table: Table, version: int) -> dict[str, date]:
        actions = pa.table(self._open(table, version).get_add_actions(flatten=True))
        dates = actions.column(f"partition.{table.partition[0]}").to_pylist()
        return dict(zip(actions.column("path").to_pylist(), dates, strict=True))

    def _rows_written(self, table: Table) -> int:
        newest = self._open(table).history(1)[0]
        return int(newest.get("operationMetrics", {}).get("numOutputRows", 0))

    def _open(self, table: Table, version: int | None = None) -> DeltaTable:
        try:
            return DeltaTable(str(self.path(table)), version=version)
        except TableNotFoundError:
            raise
        except (DeltaError, OSError) as torn:
            at = "" if version is None else f" at version {version}"
            raise DiskError(f"table {table.name}{at} cannot be opened: {torn}; `plant doctor` looks closer") from None


def sql(condition: Condition) -> str:
    """SQL text of a condition.

    >>> sql(("run_date", "=", date(2026, 9, 7)))
    "run_date = DATE '2026-09-07'"
    """
    column, operator, value = condition
    if isinstance(value, date):
        return f"{column} {operator} DATE '{value.isoformat()}'"
    escaped = str(value).replace("'", "''")
    return f"{column} {operator} '{escaped}'"


def _expression(condition: Condition) -> pc.Expression:
    column, operator, value = condition
    field = pc.field(column)
    if operator == "=":
        return field == value
    return field < value if operator == "<" else field >= value


def _columns(delta: DeltaTable) -> list[str]:
    return [f.name for f in delta.schema().fields]


def _check_types(table: Table, got: dict[str, str], names_only: bool = False) -> None:
    """Delta casts in silence on write, so names and types are compared first."""
    wanted = {c.name: c.type for c in table.columns}
    if got.keys() != wanted.keys():
        missing, extra = sorted(wanted.keys() - got.keys()), sorted(got.keys() - wanted.keys())
        raise ContractError(f"table {table.name}: rows lack {missing or 'nothing'} and bring {extra or 'nothing'} too much")
    wrong = [f"{n} is {got[n]}, contract says {t}" for n, t in wanted.items() if not names_only and got[n] != t]
    if wrong:
        raise ContractError(f"table {table.name}: " + "; ".join(wrong))
