"""Arrow blocks -> Parquet files, written by the workers that made the blocks; a warehouse then commits the files.

Rows that go back through the JVM are taken apart value by value, twice: 50,000 listeners x 2 sources x 200 proposals cost
Spark's own writer 7 CPU seconds beyond making them, and Arrow's half a second. Only a line per file goes back.

A task that fails leaves files that no version names; `plant vacuum` sweeps them.
"""

from __future__ import annotations

import json
import math
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from conf.contract import Table
from conf.errors import ContractError
from spark_jobs.schema import arrow_schema

DDL = "path string, partition string, bytes bigint, rows bigint, stats string"
_DESCRIPTION = pa.schema(
    {"path": pa.string(), "partition": pa.string(), "bytes": pa.int64(), "rows": pa.int64(), "stats": pa.string()}
)
# A reader takes a row group at a time and whole; a writer holds one per open file.
_GROUP_BYTES = 8 << 20
_FOLDER_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class BlockWriter:
    """What a worker needs to write a table's files.

    folder : the table's. make, apart : as in `spark_jobs.contract.Blocks`.
    """

    table: Table
    folder: str
    make: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
    apart: str | None = None

    def files(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Write what `make` makes of the batches of one task; yields a row for each file."""
        names = [*self.table.partition, *([self.apart] if self.apart else [])]
        schema, open_files = arrow_schema(self.table), dict[tuple[Any, ...], _File]()
        for block in self.make(batches):
            _check(self.table, schema, block)
            if not len(block):
                continue
            for values, rows in _split(block, names):
                if values not in open_files:
                    partition = dict(zip(self.table.partition, map(str, values), strict=False))
                    open_files[values] = _File(self.folder, partition)
                open_files[values].add(rows)
        yield pa.RecordBatch.from_pylist([each.close() for each in open_files.values()], schema=_DESCRIPTION)


@dataclass
class _File:
    """One Parquet file in the making, and what a log says of it."""

    folder: str
    partition: dict[str, str]
    rows: int = 0
    least: dict[str, Any] = field(default_factory=dict)
    most: dict[str, Any] = field(default_factory=dict)
    nulls: dict[str, int] = field(default_factory=dict)
    _waiting: list[pa.RecordBatch] = field(default_factory=list)
    _writer: pq.ParquetWriter | None = None

    def __post_init__(self) -> None:
        folders = [f"{name}={_folder_name(value)}" for name, value in self.partition.items()]
        self.path = "/".join([*folders, f"part-{uuid.uuid4()}.zstd.parquet"])

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows; they are written once a row group is full."""
        rows = rows.drop_columns(list(self.partition))
        self.rows += len(rows)
        for name, values in zip(rows.schema.names, rows.columns, strict=True):
            if not pa.types.is_nested(values.type):
                self._measure(name, values)
        self._waiting.append(rows)
        if sum(batch.nbytes for batch in self._waiting) >= _GROUP_BYTES:
            self._flush()

    def _measure(self, name: str, values: Any) -> None:
        """Widen the ends of a column. A reader takes a column without ends for one that nothing compares with, and skips the
        file: so every column that can be compared has them.
        """
        self.nulls[name] = self.nulls.get(name, 0) + values.null_count
        ends = pc.min_max(values).as_py()
        if ends["min"] is None:
            return
        self.least[name] = min(self.least.get(name, ends["min"]), ends["min"])
        self.most[name] = max(self.most.get(name, ends["max"]), ends["max"])

    def close(self) -> dict[str, Any]:
        """Finish the file; its description."""
        self._flush()
        assert self._writer is not None
        self._writer.close()
        least, most = ({name: _plain(value) for name, value in ends.items()} for ends in (self.least, self.most))
        stats = {"numRecords": self.rows, "minValues": least, "maxValues": most, "nullCount": self.nulls}
        size = (Path(self.folder) / self.path).stat().st_size
        said = {"partition": json.dumps(self.partition), "stats": json.dumps(stats)}
        return {"path": self.path, "bytes": size, "rows": self.rows, **said}

    def _flush(self) -> None:
        if not self._waiting:
            return
        group = pa.Table.from_batches(self._waiting)
        if self._writer is None:
            place = Path(self.folder) / self.path
            place.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(place, group.schema, compression="zstd")
        self._writer.write_table(group, row_group_size=len(group))
        self._waiting.clear()


def _plain(value: Any) -> Any:
    """An end as a log writes it: times as RFC 3339, the largest number for infinity.

    >>> _plain(datetime(2026, 9, 6, tzinfo=UTC)), _plain(math.inf), _plain(7)
    ('2026-09-06T00:00:00.000000Z', 1.7976931348623157e+308, 7)
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and math.isinf(value):
        return math.copysign(sys.float_info.max, value)
    return value


def _folder_name(value: str) -> str:
    if not _FOLDER_NAME.fullmatch(value):
        raise ContractError(f"partition value {value!r} cannot name a folder: use letters, digits, dots and dashes")
    return value


def _split(block: pa.RecordBatch, names: list[str]) -> Iterator[tuple[tuple[Any, ...], pa.RecordBatch]]:
    """(values of the columns `names`, the rows that hold them); blocks are rarely mixed."""
    if not names:
        yield (), block
        return
    column = block.column(names[0])
    found = pc.unique(column)
    for value in found:
        rows = block if len(found) == 1 else block.filter(pc.equal(column, value))
        for values, part in _split(rows, names[1:]):
            yield (value.as_py(), *values), part


def _check(table: Table, schema: pa.Schema, block: pa.RecordBatch) -> None:
    """Refuse a block that breaks the contract: no engine looks at these rows again."""
    if not block.schema.equals(schema):
        raise ContractError(f"table {table.name}: workers made {block.schema}, the contract says {schema}")
    for column, values in zip(schema, block.columns, strict=True):
        if values.null_count and not column.nullable:
            raise ContractError(f"table {table.name}: {values.null_count} rows have no {column.name}")
    for name, condition in table.checks.items():
        if broken := _breaking(block, condition):
            raise ContractError(f"table {table.name}: {broken} rows break check {name} ({condition})")


def _breaking(block: pa.RecordBatch, condition: str) -> int:
    import duckdb  # only tables with checks pay for it

    rows = pa.Table.from_batches([block])
    counted = duckdb.from_arrow(rows).filter(f"({condition}) is not true").aggregate("count(*)")
    return int(counted.fetchall()[0][0])
