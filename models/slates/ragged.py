"""Lists of different lengths as two flat arrays: what a kernel can walk without touching a Python object."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Ragged(NamedTuple):
    """n lists; list i holds values[start[i] : start[i + 1]].

    Attributes
    ----------
    start : int64 [n + 1], ascending from 0.
    values : int32 [start[-1]].
    """

    start: npt.NDArray[np.int64]
    values: npt.NDArray[np.int32]

    def row(self, i: int) -> npt.NDArray[np.int32]:
        """List i, sharing memory."""
        return self.values[self.start[i] : self.start[i + 1]]


def read_only(parts: Any) -> Any:
    """Return the same (nested) tuple over read-only views of its arrays.

    Memory-mapped arrays are read-only and computed ones are not; to numba these are two types, and each mixture of them
    in a tuple of eleven arrays would be compiled anew.
    """
    if isinstance(parts, tuple):
        frozen = [read_only(part) for part in parts]
        return type(parts)(*frozen) if hasattr(parts, "_fields") else tuple(frozen)
    view = parts.view()
    view.flags.writeable = False
    return view


def empty(n: int) -> Ragged:
    """Return n empty lists.

    >>> empty(2).start.tolist()
    [0, 0, 0]
    """
    return Ragged(np.zeros(n + 1, np.int64), np.empty(0, np.int32))


def from_lengths(lengths: npt.NDArray[Any], values: npt.NDArray[Any]) -> Ragged:
    """Lists of the given lengths, in order of `values`.

    >>> from_lengths(np.array([2, 0, 1]), np.array([7, 8, 9])).row(2).tolist()
    [9]
    """
    start = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=start[1:])
    return Ragged(start, np.ascontiguousarray(values, np.int32))


def from_arrow(column: Any) -> Ragged:
    """Lists of an Arrow list column of whole numbers; a null list is an empty one.

    >>> import pyarrow as pa
    >>> from_arrow(pa.array([[1, 2], None, [3]])).start.tolist()
    [0, 2, 2, 3]
    """
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return from_lengths(lengths, column.flatten().to_numpy(zero_copy_only=False))
