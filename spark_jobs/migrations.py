"""Contracts -> existing tables: what `plant migrate` does when a table keeps an older contract.

A new column that may be null is added to the log alone, in milliseconds. Any other difference (a column with a default, a
changed type, a column that is gone) rebuilds the table as a stream, batch by batch; the version before stays readable for
the backfill horizon. CHECK constraints that are gone are dropped first; new ones come last, verified against every row.
They are known by their names, since Delta keeps a condition in words of its own (`IN` becomes `OR`): a changed condition
needs a new name. Nothing happens to a table that keeps its contract, so migrating twice equals migrating once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from conf.contract import Column, Table
from conf.errors import ContractError
from conf.tables import TABLES
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import TableState, Warehouse

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Migration:
    """What brings one table to its contract.

    Attributes
    ----------
    add : columns that the log alone can take.
    rebuild : reasons why every row has to be written anew; with any of them, `add` is part of the rebuild.
    drop, constrain : names of checks that the contract has no more, and of those that the table lacks.
    """

    table: Table
    add: tuple[str, ...]
    rebuild: tuple[str, ...]
    drop: tuple[str, ...]
    constrain: tuple[str, ...]

    @property
    def steps(self) -> list[str]:
        """What is to be done, for people."""
        named = {"drop check": self.drop, "add column": self.add, "rebuild:": self.rebuild, "add check": self.constrain}
        return [f"{step} {name}" for step, names in named.items() for name in names]


def plan(warehouse: Warehouse) -> list[Migration]:
    """Migrations of the existing tables that do not keep their contract; empty when all do."""
    existing = (table for table in TABLES.values() if warehouse.exists(table))
    return [migration for table in existing if (migration := compare(table, warehouse.state(table))).steps]


def compare(table: Table, state: TableState) -> Migration:
    """Difference between a table's contract and its state."""
    missing = [c for c in table.columns if c.name not in state.dataset.schema.names]
    add = tuple(c.name for c in missing if c.nullable and c.default is None)
    rebuild = [f"column {c.name} is new, with default {c.default}" for c in missing if c.name not in add]
    rebuild += _changed(table, state.dataset.schema)
    drop = tuple(name for name in state.checks if name not in table.checks)
    constrain = tuple(name for name in table.checks if name not in state.checks)
    return Migration(table, add, tuple(rebuild), drop, constrain)


def apply(warehouse: Warehouse, migration: Migration) -> None:
    """Carry one migration out.

    Raises
    ------
    ContractError
        Where a value does not fit its new type, a required column has no default, or rows break a new check.
    """
    table = migration.table
    for name in migration.drop:
        warehouse.constrain(table, name)
    if migration.rebuild:
        dataset = warehouse.state(table).dataset
        for batch in dataset.to_batches():  # a refusal in the middle of the write would reach us wrapped by the writer
            _fitted(table, batch)
        fitted = (_fitted(table, batch) for batch in dataset.to_batches())
        warehouse.rebuild(table, pa.RecordBatchReader.from_batches(arrow_schema(table), fitted))
    elif migration.add:
        warehouse.add_nullable(table, migration.add)
    for name in migration.constrain:
        warehouse.constrain(table, name)
    log.info("table=%s migrated=%r", table.name, "; ".join(migration.steps))


def _changed(table: Table, stored: pa.Schema) -> Iterator[str]:
    wanted = arrow_schema(table)
    for name in stored.names:
        if name not in wanted.names:
            yield f"column {name} is gone"
        elif stored.field(name).type != wanted.field(name).type:
            yield f"column {name} is {stored.field(name).type}, the contract says {wanted.field(name).type}"
        elif stored.field(name).nullable and not wanted.field(name).nullable:
            yield f"column {name} may no longer be null"


def _fitted(table: Table, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Columns of the contract from a batch of the older one; casts must lose nothing."""
    schema = arrow_schema(table)
    try:
        arrays = [_column(batch, column, schema.field(column.name)) for column in table.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as refused:
        raise ContractError(
            f"table {table.name} cannot be migrated, the table is as it was: {refused}; mend the rows or the contract"
        ) from None


def _column(batch: pa.RecordBatch, column: Column, field: pa.Field) -> pa.Array:
    default = literal(column, field.type)
    if column.name not in batch.schema.names:
        values = pa.nulls(batch.num_rows, field.type)
    else:
        values = batch.column(column.name).cast(field.type)
    if values.null_count and default.is_valid:
        values = pc.fill_null(values, default)
    if values.null_count and not field.nullable:
        raise pa.ArrowInvalid(f"column {column.name} has {values.null_count} rows without a value and no default")
    return values


def literal(column: Column, kind: pa.DataType) -> pa.Scalar:
    """Default of a column as an Arrow scalar, null where it has none.

    >>> literal(Column("simulated", "boolean", "", default="false"), pa.bool_())
    <pyarrow.BooleanScalar: False>
    """
    if column.default is None:
        return pa.scalar(None, kind)
    text = column.default.strip("'")
    return pa.scalar(date.fromisoformat(text), kind) if pa.types.is_date(kind) else pa.scalar(text).cast(kind)
