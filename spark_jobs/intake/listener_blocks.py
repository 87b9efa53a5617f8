"""stream of rows in order of listener -> blocks of whole listeners, so that numpy sees everything a listener did at once.

One shuffle by listener and this regrouping replace a Python function per listener: the cost per row is that of a slice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

BLOCK_ROWS = 1 << 16  # enough to hide numpy's cost per call, a few MB to hold


def whole_listeners(batches: Iterable[pa.RecordBatch], block_rows: int = BLOCK_ROWS) -> Iterator[pa.RecordBatch]:
    """Regroup `batches`, whose equal `user_id` stand together, into blocks of about `block_rows` with whole listeners.

    A listener with more rows than that makes a block of their own.
    """
    held: list[pa.RecordBatch] = []
    rows, wanted = 0, block_rows
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows < wanted:
            continue
        block = pa.concat_batches(held)
        cut = _first_row_of_last(block.column("user_id"))
        # One listener fills the block: look again only when it has doubled, or the looking would be quadratic.
        wanted = block_rows if cut else 2 * rows
        if cut:
            yield block.slice(0, cut)
        held, rows = [block.slice(cut)], block.num_rows - cut
    if rows:
        yield pa.concat_batches(held)


def changes(*columns: pa.Array | npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """True [n] where any of the columns differs from the row before; the first row is True.

    >>> changes(pa.array(["a", "a", "b"]), np.array([1, 2, 2])).tolist()
    [True, True, True]
    >>> changes(pa.array(["a", "a", "b"])).tolist()
    [True, False, True]
    """
    new = np.zeros(len(columns[0]), bool)
    new[:1] = True
    for column in columns:
        if isinstance(column, np.ndarray):
            new[1:] |= column[1:] != column[:-1]
        elif len(column):
            new[1:] |= pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)).to_numpy(zero_copy_only=False)
    return new


def _first_row_of_last(user_ids: pa.Array) -> int:
    others = pc.not_equal(user_ids, user_ids[len(user_ids) - 1]).to_numpy(zero_copy_only=False)
    before = np.flatnonzero(others)
    return int(before[-1]) + 1 if len(before) else 0
