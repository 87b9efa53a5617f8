"""Listening histories: one row per listener, a few parallel numbers per track ever heard.

Weight of a track = sum over its plays of completion * 2^(-age / half_life), less a penalty for plays that are no
listen, never below 0 (Hu, Koren & Volinsky 2008, https://doi.org/10.1109/ICDM.2008.22, with time decay). Age counts
back from the listener's own last play: a listener who did nothing new keeps byte-identical arrays. `gather` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf.errors import ContractError

if TYPE_CHECKING:  # scipy costs a worker 0.3 s, and workers never need the matrix
    from scipy import sparse

PER_TRACK: dict[str, Any] = {
    "track_idx": np.int32,
    "plays": np.int32,
    "completions": np.int32,
    "skips": np.int32,
    "last_day": np.int32,
    "weight": np.float32,
}
COLUMNS = ["user_id", *PER_TRACK]


@dataclass(frozen=True)
class Histories:
    """Histories of n listeners: listener i owns positions indptr[i] to indptr[i + 1] of the flat arrays.

    Attributes
    ----------
    user_ids : string [n].
    indptr : int64 [n + 1].
    track_idx : int32 [nnz], ascending within a listener.
    plays, completions, skips : int32 [nnz], counts.
    last_day : int32 [nnz], days since 1970-01-01 of the last play.
    weight : float32 [nnz], confidence >= 0.

    Raises
    ------
    ContractError
        Where the arrays do not fit together, tracks are not ascending, or a weight is negative or no number.
    """

    user_ids: pa.Array[Any]
    indptr: npt.NDArray[np.int64]
    track_idx: npt.NDArray[np.int32]
    plays: npt.NDArray[np.int32]
    completions: npt.NDArray[np.int32]
    skips: npt.NDArray[np.int32]
    last_day: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        self._check_shape()
        self._check_values()

    def __len__(self) -> int:
        return len(self.user_ids)

    def _check_shape(self) -> None:
        if len(self.indptr) != len(self.user_ids) + 1 or self.indptr[0] != 0 or np.any(np.diff(self.indptr) < 0):
            raise ContractError(f"histories: indptr does not frame {len(self.user_ids)} listeners; rebuild histories")
        for name, dtype in PER_TRACK.items():
            column = getattr(self, name)
            if column.dtype != dtype or column.shape != (self.indptr[-1],):
                wanted = f"{np.dtype(dtype)} [{self.indptr[-1]}]"
                raise ContractError(f"histories: {name} is {column.dtype} {column.shape}, wanted {wanted}")

    def _check_values(self) -> None:
        row_start = np.zeros(len(self.track_idx) + 1, bool)
        row_start[self.indptr] = True
        rising = np.diff(self.track_idx) > 0
        if not np.all(rising | row_start[1:-1]) or np.any(self.track_idx < 0):
            raise ContractError("histories: track_idx is not ascending from 0 within each listener; rebuild histories")
        if not np.all(np.isfinite(self.weight) & (self.weight >= 0)):
            raise ContractError("histories: a weight is negative or no number; rebuild histories")

    @classmethod
    def from_arrow(cls, rows: pa.RecordBatch | pa.Table) -> Histories:
        """View rows of table `histories` without copying: the arrays share the list columns' memory."""
        if isinstance(rows, pa.Table):
            rows = rows.select(COLUMNS).combine_chunks()
            columns: dict[str, Any] = {name: _single_chunk(rows.column(name)) for name in COLUMNS}
        else:
            columns = {name: rows.column(name) for name in COLUMNS}
        indptr, _ = _lists(columns, "track_idx")
        flat = {name: _lists(columns, name)[1] for name in PER_TRACK}
        return cls(user_ids=columns["user_id"].cast(pa.string()), indptr=indptr, **flat)

    def rows(self, start: int, stop: int) -> Histories:
        """Listeners `start` to `stop`, sharing memory."""
        stop = min(stop, len(self))
        first, last = self.indptr[start], self.indptr[stop]
        flat = {name: getattr(self, name)[first:last] for name in PER_TRACK}
        return Histories(self.user_ids.slice(start, stop - start), self.indptr[start : stop + 1] - first, **flat)

    def where(self, kept: npt.NDArray[np.bool_]) -> Histories:
        """The same listeners with the entries that `kept` (bool [nnz]) names."""
        indptr = np.concatenate([[0], np.cumsum(kept)])[self.indptr].astype(np.int64)
        return Histories(self.user_ids, indptr, **{name: getattr(self, name)[kept] for name in PER_TRACK})

    def row_sums(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Sum of `values` (integers, [nnz]) over each listener's tracks, int64 [n]."""
        running = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
        sums: npt.NDArray[np.int64] = np.diff(running[self.indptr])
        return sums

    def matrix(self, n_tracks: int, scale: float = 1.0) -> sparse.csr_array[np.float32]:
        """Listeners x tracks weights times `scale`, float32; tracks of weight 0 are left out."""
        from scipy import sparse

        heard = self.weight > 0
        indptr = np.concatenate([[0], np.cumsum(heard)])[self.indptr]
        values = self.weight[heard] * np.float32(scale)
        return sparse.csr_array((values, self.track_idx[heard], indptr), shape=(len(self), n_tracks))


def _single_chunk(column: pa.ChunkedArray[Any]) -> Any:
    return column.chunk(0) if column.num_chunks else pa.array([], type=column.type)


def _lists(columns: dict[str, Any], name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """(indptr, flat values) of a list column; a sliced column's offsets do not start at 0, nor do its values."""
    column = columns[name]
    if column.null_count:
        raise ContractError(f"histories: {name} has {column.null_count} nulls; rebuild histories")
    offsets = column.offsets.to_numpy().astype(np.int64)
    first, last = offsets[0], offsets[-1]
    values = column.values.slice(first, last - first)
    if values.null_count:
        raise ContractError(f"histories: lists of {name} hold {values.null_count} nulls; rebuild histories")
    flat = values.to_numpy(zero_copy_only=True)
    tracks = columns["track_idx"].offsets.to_numpy()
    if not np.array_equal(offsets - first, tracks - tracks[0]):
        raise ContractError(f"histories: lists of {name} are not as long as those of track_idx; rebuild histories")
    return offsets - first, flat
