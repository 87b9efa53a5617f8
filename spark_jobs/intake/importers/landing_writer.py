"""Rows -> LANDING/<entity>/<importer>-NNNNN.parquet: the one writer of all importers.

The whole folder is staged beside the landing and swapped in at the end, so a killed import leaves the landing as it was
and intake never meets half of one. `_import.json` in the landing (names with `_` are ignored by intake) says which
importer wrote it for whom; only that importer may replace it.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from conf.errors import LandingError
from conf.landing import ENTITIES
from spark_jobs import landing_note
from spark_jobs.intake.importers.contract import ImportReport

MARKER = "_import.json"
ROWS_PER_BATCH = 50_000  # rows held in memory per entity: about 20 MB of Python objects
ROWS_PER_GROUP = 100_000  # intake reads a file's row groups side by side
ROWS_PER_FILE = 1_000_000
ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "long": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "list<string>": pa.list_(pa.string()),
}


def schema_of(entity: str) -> pa.Schema:
    """Arrow schema of a landing entity, required fields not nullable."""
    fields = ENTITIES[entity].fields
    return pa.schema([pa.field(f.name, ARROW_TYPES[f.type], nullable=not f.required) for f in fields])


class LandingWriter:
    """Context manager around one import; leaving it without an error puts the landing in place.

    Parameters
    ----------
    landing : folder to make or to replace.
    importer : name in the registry.
    owner : whose data this is (listener of a personal export), "" where the source holds many listeners.

    Raises
    ------
    LandingError : on entry, when `landing` holds anything but this importer's own earlier output for the same owner.
    """

    def __init__(self, landing: Path, importer: str, owner: str = "") -> None:
        self.landing, self.importer, self.owner = landing, importer, owner
        self.written: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.facts: dict[str, int | float | str] = {}
        home = Path(os.path.abspath(landing))  # "." has no name to build a sibling's name from
        self._staging = home.with_name(f".{home.name}.importing")
        self._replaced = home.with_name(f".{home.name}.replaced")
        self._pending: dict[str, list[Mapping[str, Any]]] = {}
        self._files: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> LandingWriter:
        _refuse_foreign(self.landing, self.importer, self.owner)
        shutil.rmtree(self._staging, ignore_errors=True)  # of an import that was killed
        self._staging.mkdir(parents=True)
        return self

    def add(self, entity: str, row: Mapping[str, Any]) -> None:
        """Write one row, fields named as in `conf/landing.py`; those not given are null."""
        rows = self._pending.setdefault(entity, [])
        rows.append(row)
        if len(rows) >= ROWS_PER_BATCH:
            self._flush(entity)

    def add_batch(self, entity: str, rows: pa.RecordBatch | pa.Table) -> None:
        """Write an Arrow batch or table whose columns are fields of the entity; those not given are null.

        Raises
        ------
        LandingError : an unknown field, a value of another type, or a null in a required field.
        """
        schema = schema_of(entity)
        if unknown := set(rows.schema.names) - set(schema.names):
            raise LandingError(f"{self.importer}: {entity} has no fields {sorted(unknown)}; see conf/landing.py")
        table = pa.table([_column(rows, field) for field in schema], schema=schema)
        for field in schema:
            if not field.nullable and table[field.name].null_count:
                raise LandingError(f"{self.importer}: {entity}.{field.name} is null in {table[field.name].null_count} rows")
        self._note_newest(table)
        self._write(entity, table)

    def leave_out(self, reason: str, rows: int = 1) -> None:
        """Count `rows` of the source that do not come along."""
        if rows:
            self.left_out[reason] += rows

    def report(self) -> ImportReport:
        """What was written and left out."""
        left_out = dict(sorted(self.left_out.items()))
        return ImportReport(self.importer, self.landing, dict(sorted(self.written.items())), left_out, dict(self.facts))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is None:
                for entity in sorted(self._pending):
                    self._flush(entity)
                for file in self._files.values():
                    file.close()
                self._swap_in()
        finally:
            for file in self._files.values():
                with suppress(OSError, pa.ArrowException):  # a full disk fails again; the first error is the one to show
                    file.close()
            shutil.rmtree(self._staging, ignore_errors=True)  # nothing there after a swap

    def _note_newest(self, table: pa.Table) -> None:
        """Keep the fact `until`: the first day without listens, which tells the week which Monday to serve."""
        if "started_at" in table.column_names and table.num_rows:
            newest: datetime = pc.max(table["started_at"]).as_py()
            day = (newest.date() + timedelta(days=1)).isoformat()
            self.facts["until"] = max(day, str(self.facts.get("until", day)))

    def _flush(self, entity: str) -> None:
        """Write the rows gathered by `add`."""
        rows = self._pending.pop(entity, [])
        if not rows:
            return
        names = {name for row in rows for name in row}
        types = {field.name: field.type for field in schema_of(entity)}
        columns = {name: pa.array([row.get(name) for row in rows], type=types.get(name)) for name in sorted(names)}
        self.add_batch(entity, pa.table(columns))

    def _write(self, entity: str, table: pa.Table) -> None:
        """Append to the entity's open file; a full file is closed and the next one opened."""
        if entity not in self._files:
            number = self.written[entity] // ROWS_PER_FILE
            path = self._staging / entity / f"{self.importer}-{number:05d}.parquet"
            path.parent.mkdir(exist_ok=True)
            self._files[entity] = pq.ParquetWriter(path, table.schema, compression="zstd")
        space = ROWS_PER_FILE - self.written[entity] % ROWS_PER_FILE
        self._files[entity].write_table(table.slice(0, space), row_group_size=ROWS_PER_GROUP)
        self.written[entity] += min(space, table.num_rows)
        if table.num_rows >= space:
            self._files.pop(entity).close()
        if table.num_rows > space:
            self._write(entity, table.slice(space))

    def _swap_in(self) -> None:
        """Mark the staged folder as ours and rename it over the landing."""
        files = sorted(path.relative_to(self._staging).as_posix() for path in self._staging.rglob("*.parquet"))
        report = {"written": self.written, "left_out": self.left_out, "facts": self.facts}
        marker = {"importer": self.importer, "owner": self.owner, "files": files, **report}
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
        (self._staging / MARKER).write_bytes(orjson.dumps(marker, option=options))
        shutil.rmtree(self._replaced, ignore_errors=True)
        if self.landing.exists():
            self.landing.rename(self._replaced)
        try:
            self._staging.rename(self.landing)
        except OSError:
            if self._replaced.exists():
                self._replaced.rename(self.landing)
            raise
        shutil.rmtree(self._replaced, ignore_errors=True)


def _column(rows: pa.RecordBatch | pa.Table, field: pa.Field[Any]) -> pa.ChunkedArray[Any]:
    """The column of `field` in its landing type, nulls where `rows` lack it."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    return table.column(field.name).cast(field.type)


def _refuse_foreign(landing: Path, importer: str, owner: str) -> None:
    """Raise LandingError unless `landing` is absent, empty, or an earlier output of the same importer and owner."""
    if landing.is_symlink() or (landing.exists() and not landing.is_dir()):
        raise LandingError(f"{landing} is not a plain folder; give a new folder with --landing")
    present = {p.relative_to(landing).as_posix() for p in landing.rglob("*") if p.is_symlink() or not p.is_dir()}
    if not present:
        return
    advice = "give another folder with --landing, or remove this one"
    if MARKER not in present:
        raise LandingError(f"{landing} holds data that no importer wrote ({sorted(present)[0]}); {advice}")
    marker = _marker(landing)
    if (marker.get("importer"), marker.get("owner")) != (importer, owner):
        theirs = " ".join(filter(None, (str(marker.get("importer")), str(marker.get("owner", "")))))
        raise LandingError(f"{landing} was written by the import of {theirs}; {advice}")
    if extra := present - {MARKER, landing_note.NAME, *marker.get("files", [])}:
        raise LandingError(f"{landing} holds files besides the earlier import ({min(extra)}); {advice}")


def _marker(landing: Path) -> dict[str, Any]:
    """Parsed marker of a landing; LandingError where it is damaged."""
    try:
        marker = orjson.loads((landing / MARKER).read_bytes())
    except orjson.JSONDecodeError:
        marker = None
    if not isinstance(marker, dict):
        raise LandingError(f"{landing / MARKER} is damaged; remove {landing} and import again")
    return marker
