"""SQL of analysts -> Arrow rows: DuckDB over the tables, read through delta-rs without a JVM.

DuckDB's own delta extension would have to be downloaded, and it would bring a second reader of the log; delta-rs hands
over datasets into which DuckDB pushes columns and conditions. One statement, which may only read: the data base lies in
memory, has no access to files or the network, and its settings are locked before the statement runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from conf.contract import Table
from conf.errors import DiskError, UsageError
from conf.tables import TABLES
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

_ROWS_PER_BATCH = 10_000


@dataclass(frozen=True)
class Answer:
    """Rows of a query as a stream of record batches: memory does not grow with their number."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    def rows(self) -> Iterator[dict[str, Any]]:
        """One dictionary a row; two columns of one name would share a place in it, so they are refused."""
        if len(set(self.schema.names)) < len(self.schema.names):
            raise UsageError(f"columns {', '.join(self.schema.names)} hold a name twice: rename one with `as`")
        for batch in self.batches:
            yield from batch.to_pylist(maps_as_pydicts="strict")


def ask(warehouse: Warehouse, statement: str, values: Mapping[str, Any] | None = None) -> Answer:
    """Answer to one SELECT (or EXPLAIN, DESCRIBE); `values` fill `$name` parameters.

    Raises
    ------
    UsageError
        For a statement that DuckDB refuses, with the place where it stopped, and for one that is not a query.
    """
    try:
        _check_is_query(statement)
        connection = _connect(warehouse, _named_in(statement))
        reader = _stream(connection, statement, dict(values or {}))
    except duckdb.Error as refused:
        raise UsageError(_explained(refused)) from None
    return Answer(reader.schema, _guarded(reader))


def rows(warehouse: Warehouse, statement: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """All rows of a query whose answer is small."""
    return list(ask(warehouse, statement, values).rows())


def _check_is_query(statement: str) -> None:
    statements = duckdb.extract_statements(statement)
    if len(statements) != 1:
        raise UsageError(f"give one statement, saw {len(statements)}: run `plant sql` once for each")
    kind = statements[0].type
    if kind not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise UsageError(f"tables are only read here, saw a {kind.name} statement: write a select")


def _named_in(statement: str) -> Iterable[Table]:
    """Tables whose names occur in the statement: a damaged table then spoils no query about another one."""
    words = {word.lower() for word in re.findall(r"\w+", statement)}
    return [table for table in TABLES.values() if table.name in words]


def _connect(warehouse: Warehouse, tables: Iterable[Table]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"enable_external_access": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET python_enable_replacements = false")  # else a table name may mean a variable of this module
    for table in tables:
        connection.register(table.name, _source(warehouse, table))
    connection.execute("SET lock_configuration = true")
    return connection


def _source(warehouse: Warehouse, table: Table) -> Any:
    """Dataset of a table; an empty one of the contract's schema before the first run has made it."""
    if not warehouse.exists(table):
        return arrow_schema(table).empty_table()
    return warehouse.rows(table).dataset()


def _stream(connection: duckdb.DuckDBPyConnection, statement: str, values: dict[str, Any]) -> pa.RecordBatchReader:
    # `execute` would hold the whole answer in memory; `sql` streams, but its errors leave out the position.
    try:
        return connection.sql(statement, params=values or None).to_arrow_reader(_ROWS_PER_BATCH)
    except duckdb.Error:
        connection.execute(statement, values)
        raise


def _guarded(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Batches of a running query; what fails half-way (a cast, a lost file) arrives as an OSError of Arrow."""
    try:
        yield from reader
    except OSError as failed:
        if re.match(r"(Conversion|Out of Range|Invalid Input|Not implemented) Error", str(failed)):
            raise UsageError(f"the statement failed: {failed}") from None
        raise DiskError(f"the tables could not be read: {failed}; `plant doctor` looks closer") from None


def _explained(refused: duckdb.Error) -> str:
    """DuckDB's message with the line and caret that it shows; a misspelt table brings the list of those that exist."""
    message = f"the statement is refused: {refused}"
    if isinstance(refused, duckdb.CatalogException) and "Table" in str(refused):
        message += f"\ntables are {', '.join(TABLES)}"
    return message
