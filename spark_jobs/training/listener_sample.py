"""histories -> a deterministic sample of listeners, in order of user_id, for trainers that need them all in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.histories import COLUMNS, Histories
from spark_jobs.contract import Rows


def sample(histories: Rows, size: int) -> Histories:
    """The `size` listeners with the lowest crc32(user_id), or all where there are fewer.

    The order of the result depends on no file layout, so the same rows train the same bytes. Only the chosen listeners'
    rows are held: the others are streamed past.
    """
    kept: Iterable[pa.RecordBatch] = histories.batches(columns=COLUMNS)
    if histories.count() > size:
        chosen = lowest_checksums(histories.table(columns=["user_id"]).column("user_id"), size)
        kept = (batch.filter(pc.is_in(batch.column("user_id"), chosen)) for batch in kept)
    schema = pa.schema([histories.schema.field(name) for name in COLUMNS])
    table = pa.Table.from_batches(kept, schema).combine_chunks()
    return Histories.from_arrow(table.take(pc.sort_indices(table, [("user_id", "ascending")])))


def lowest_checksums(names: pa.ChunkedArray[Any], size: int) -> pa.Array[Any]:
    """The `size` ids with the lowest crc32, or all where there are fewer; lowest first, equal ones by id."""
    ids = names.combine_chunks()
    checksum = np.fromiter((zlib.crc32(name.encode()) for name in ids.to_pylist()), np.int64, len(ids))
    order = pc.sort_indices(pa.table({"checksum": checksum, "id": ids}), [("checksum", "ascending"), ("id", "ascending")])
    return ids.take(order[:size])
