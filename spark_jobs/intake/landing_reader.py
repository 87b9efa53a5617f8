"""landing files -> typed rows: every row of a file with its line number, and the reason where it cannot be read.

Python parses (orjson a line at a time, pyarrow a row group at a time) inside `mapInArrow`: columns come out, no rows cross
Py4J, and a task holds one batch however big its file is. Reasons given here: `malformed`, `missing_field`, `bad_value`.
A file that breaks off (a torn .gz or .parquet) refuses the run: half of it would come back as duplicates of the whole.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from conf.errors import LandingError
from conf.landing import ENTITIES, Entity
from spark_jobs.intake.landing_files import PIECE_BYTES, LandingFile, Piece
from spark_jobs.intake.landing_lines import LINE_BYTES, numbered_lines
from spark_jobs.intake.landing_values import ARROW_TYPES, typed, typed_arrow

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS_PER_BATCH = 8192
# A small day or catalogue is parsed on the driver: starting workers for it would take longer than the parsing.
LOCAL_BYTES = 8 << 20
ROW_CHARACTERS, DETAIL_CHARACTERS = 4000, 200
_DDL = {"long": "bigint", "list<string>": "array<string>"}
# `file` numbers the files of a run in order of path; `row` is the text of a refused row, null for the others.
PLACE = {"file": "int", "line": "bigint", "reason": "string", "detail": "string", "row": "string"}


def read(spark: SparkSession, landing: Path, files: list[LandingFile]) -> DataFrame:
    """Rows of `files` (of one entity): the columns of PLACE, then the entity's fields, null where a row is refused.

    Raises
    ------
    LandingError
        Inside the workers, for a file that breaks off or changed since it was hashed.
    """
    entity = ENTITIES[files[0].entity]
    if sum(file.bytes for file in files) <= LOCAL_BYTES:
        pieces = ((number, piece) for number, file in enumerate(files) for piece in file.pieces)
        batches = [batch for number, piece in pieces for batch in read_piece(landing, files[number], piece, number)]
        return spark.createDataFrame(pa.Table.from_batches(batches, _schema(entity)))
    bins = _bins(files, spark.sparkContext.defaultParallelism)
    ddl = ", ".join(f"{n} {t}" for n, t in {**PLACE, **{f.name: _DDL.get(f.type, f.type) for f in entity.fields}}.items())

    def parse(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                for file, piece in bins[number]:
                    yield from read_piece(landing, files[file], piece, file)

    return spark.range(0, len(bins), 1, len(bins)).mapInArrow(parse, ddl)


def read_piece(landing: Path, file: LandingFile, piece: Piece, number: int = 0) -> Iterator[pa.RecordBatch]:
    """Rows of one piece as batches in the schema of `read`; `number` fills column `file`."""
    path, entity = landing / file.path, ENTITIES[file.entity]
    batches = _parquet_batches if file.path.endswith(".parquet") else _json_batches
    try:
        for batch in batches(path, piece, entity):
            yield batch.arrow(entity, number)
    except (EOFError, zlib.error, gzip.BadGzipFile, pa.ArrowException) as torn:
        raise LandingError(f"{path} breaks off or is damaged ({torn}): send it again, or name it _{path.name}") from None
    except OSError as away:
        raise LandingError(f"{path} cannot be read ({away.strerror}): it was there when the run began") from None


def _schema(entity: Entity) -> pa.Schema:
    place = zip(PLACE, (pa.int32(), pa.int64(), pa.string(), pa.string(), pa.string()), strict=True)
    return pa.schema([*place, *((f.name, ARROW_TYPES[f.type]) for f in entity.fields)])


def _bins(files: list[LandingFile], cores: int) -> list[list[tuple[int, Piece]]]:
    """Pieces dealt out to tasks of similar size, biggest first."""
    sized = []
    for number, file in enumerate(files):
        sized += [(file.bytes / len(file.pieces), number, piece) for piece in file.pieces]
    count = min(len(sized), max(cores, int(sum(s for s, _, _ in sized) / PIECE_BYTES))) or 1
    bins: list[list[tuple[int, Piece]]] = [[] for _ in range(count)]
    for rank, (_, number, piece) in enumerate(sorted(sized, key=lambda s: (-s[0], s[1], s[2].start))):
        bins[rank % count].append((number, piece))
    return bins


@dataclass
class _Batch:
    """Rows of one batch: typed columns, line numbers, and what was found wrong with which row."""

    lines: npt.NDArray[np.int64]
    columns: list[pa.Array] = field(default_factory=list)
    reasons: dict[int, tuple[str, str]] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)

    def fill(self, entity: Entity, columns: Iterator[tuple[pa.Array, npt.NDArray[np.int64]]], value: Any) -> None:
        """Take the typed columns; a missing field is named before a bad value. `value(row, name)` shows what came."""
        bad_values: dict[int, str] = {}
        missing: dict[int, list[str]] = {}
        for spec, (array, bad) in zip(entity.fields, columns, strict=True):
            self.columns.append(array)
            for row in bad.tolist():
                bad_values.setdefault(row, f"{spec.name}: {value(row, spec.name)!r}"[:DETAIL_CHARACTERS])
            if spec.required and array.null_count > len(bad):
                absent = np.setdiff1d(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)), bad)
                for row in absent.tolist():
                    missing.setdefault(row, []).append(spec.name)
        self.reasons = (
            {row: ("bad_value", detail) for row, detail in bad_values.items()}
            | {row: ("missing_field", ", ".join(names)) for row, names in missing.items()}
            | self.reasons
        )

    def arrow(self, entity: Entity, number: int) -> pa.RecordBatch:
        """The batch in the schema of `read`."""
        n = len(self.lines)
        reason, detail, text = ([None] * n for _ in range(3))
        for row, (why, what) in self.reasons.items():
            reason[row], detail[row], text[row] = why, what, self.texts.get(row)
        place = [pa.array(np.full(n, number, np.int32)), pa.array(self.lines)]
        place += [pa.array(values, pa.string()) for values in (reason, detail, text)]
        return pa.RecordBatch.from_arrays(place + self.columns, schema=_schema(entity))


def _json_batches(path: Path, piece: Piece, entity: Entity) -> Iterator[_Batch]:
    with _open(path) as stream:
        stream.seek(piece.start)
        limit = None if path.name.endswith(".gz") else piece.stop - piece.start
        for numbers, lines in numbered_lines(stream, limit, piece.first_line, ROWS_PER_BATCH):
            yield _json_batch(numbers, lines, entity)


def _open(path: Path) -> BinaryIO:
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _json_batch(numbers: list[int], lines: list[bytes], entity: Entity) -> _Batch:
    batch, rows = _Batch(np.array(numbers, np.int64)), []
    for position, line in enumerate(lines):
        row = _json_object(line)
        if type(row) is str:
            batch.reasons[position] = ("malformed", row[:DETAIL_CHARACTERS])
            row = {}
        rows.append(row)
    columns = (typed([row.get(f.name) for row in rows], f.type) for f in entity.fields)
    batch.fill(entity, columns, lambda row, name: rows[row][name])
    batch.texts = {row: lines[row][: 4 * ROW_CHARACTERS].decode(errors="replace")[:ROW_CHARACTERS] for row in batch.reasons}
    return batch


def _json_object(line: bytes) -> Any:
    """The line's object, or a string that says why there is none."""
    if len(line) > LINE_BYTES:
        return f"longer than {LINE_BYTES} bytes"
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as broken:
        return str(broken)
    return row if type(row) is dict else f"no object but {type(row).__name__}"


def _parquet_batches(path: Path, piece: Piece, entity: Entity) -> Iterator[_Batch]:
    groups, line = range(piece.start, piece.stop), piece.first_line
    with pq.ParquetFile(path) as file:
        known = set(file.schema_arrow.names)
        wanted = [f.name for f in entity.fields if f.name in known]
        for rows in file.iter_batches(batch_size=ROWS_PER_BATCH, row_groups=list(groups), columns=wanted):
            yield _parquet_batch(rows, line, entity)
            line += rows.num_rows


def _parquet_batch(rows: pa.RecordBatch, first_line: int, entity: Entity) -> _Batch:
    batch = _Batch(np.arange(first_line, first_line + rows.num_rows, dtype=np.int64))

    def column(name: str, kind: str) -> tuple[pa.Array, npt.NDArray[np.int64]]:
        if name not in rows.schema.names:
            return pa.nulls(rows.num_rows, ARROW_TYPES[kind]), np.empty(0, np.int64)
        return typed_arrow(rows.column(name), kind)

    columns = (column(f.name, f.type) for f in entity.fields)
    batch.fill(entity, columns, lambda row, name: rows.column(name)[row].as_py())
    batch.texts = {row: str(rows.slice(row, 1).to_pylist()[0])[:ROW_CHARACTERS] for row in batch.reasons}
    return batch
