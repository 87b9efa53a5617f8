"""numpy arrays -> Arrow columns of a feature table: NaN becomes null, a missing vector too."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf.contract import Table
from spark_jobs.schema import arrow_schema


def vectors(values: npt.NDArray[np.float32] | None) -> Any:
    """List column of the rows of an array, float32 [n, d]; a row with a NaN is null, and so are all rows of None.

    >>> vectors(np.array([[0.5, 1.0], [np.nan, 0.0]], np.float32)).to_pylist()
    [[0.5, 1.0], None]
    """
    if values is None:
        return None
    known = ~np.isnan(values).any(axis=1)
    start = np.concatenate([[0], np.cumsum(known)]) * values.shape[1]
    return lists(start, np.ascontiguousarray(values[known]).reshape(-1), ~known)


def lists(start: npt.NDArray[Any], values: Any, null: npt.NDArray[np.bool_] | None = None) -> Any:
    """List column: list i holds values[start[i] : start[i + 1]]; null where `null` (bool [n]) says so."""
    mask = None if null is None else pa.array(null)
    return pa.ListArray.from_arrays(pa.array(start.astype(np.int32)), pa.array(values), mask=mask)


def rows_of(table: Table, run_date: date, columns: dict[str, Any], nullable: bool = False) -> pa.RecordBatch:
    """Rows under the table's contract; a column of None is null throughout. `nullable`: rows may wait for a key."""
    schema = arrow_schema(table)
    if nullable:
        schema = pa.schema([field.with_nullable(True) for field in schema])
    size = next(len(values) for values in columns.values() if values is not None)
    given = {**columns, "run_date": pa.repeat(pa.scalar(run_date, pa.date32()), size)}
    arrays = [_column(given[field.name], field.type, size) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(values: Any, kind: pa.DataType, size: int) -> pa.Array:
    if values is None:
        return pa.nulls(size, kind)
    if isinstance(values, np.ndarray):
        return pa.array(values, kind, mask=np.isnan(values) if values.dtype.kind == "f" else None)
    return values.cast(kind) if values.type != kind else values
