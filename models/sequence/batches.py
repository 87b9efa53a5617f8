"""histories -> tracks in the order they were heard, and their training windows packed into rows of one length.

A causal encoder learns from every position at once, so a history is cut into windows of `length` inputs that overlap by one
track: each step from a track to the next is learned exactly once. Histories are short and uneven (Beauty: 9 items on
average, a row has 50), so windows share rows; one row each would compute five empty slots for every full one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from conf.errors import ArtefactError
from models.frozen import frozen
from models.histories import Histories

# Gap buckets: same day, 1, 2-3, 4-7, ... days; the last holds everything from 1024 days on.
GAPS = 12

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sequences:
    """Tracks of n listeners, oldest first: listener i owns positions indptr[i] to indptr[i + 1].

    Attributes
    ----------
    indptr : int64 [n + 1].
    tracks : int32 [nnz].
    gaps : int32 [nnz], 0 to GAPS - 1: bucket of the days since the track before; 0 for a listener's first.
    """

    indptr: Int64s
    tracks: Int32s
    gaps: Int32s

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def newest(self, length: int) -> Sequences:
        """The last `length` tracks of each listener."""
        sizes = np.minimum(np.diff(self.indptr), length)
        return self._cut(self.indptr[1:] - sizes, sizes)

    def before_last(self, listeners: npt.NDArray[np.bool_]) -> Sequences:
        """Without the last track of those `listeners` (bool [n]) that have one."""
        sizes = np.diff(self.indptr)
        return self._cut(self.indptr[:-1], np.maximum(sizes - listeners, 0))

    def of(self, listeners: Int64s) -> Sequences:
        """Those `listeners` alone, in this order."""
        return self._cut(self.indptr[:-1][listeners], np.diff(self.indptr)[listeners])

    def _cut(self, starts: Int64s, sizes: Int64s) -> Sequences:
        taken = spans(starts, sizes)
        return Sequences(_bounds(sizes), self.tracks[taken], self.gaps[taken])


def in_order(log: Histories, tie_rank: Int32s) -> Sequences:
    """Tracks of positive weight by the day of their last play; those of one day in an order without meaning.

    That order must not be a track's rank: a model would learn that of one day the next track always ranks higher. It hashes
    rank and day, so no two days share it, and it depends on neither the rest of the row nor the block.

    Raises
    ------
    ArtefactError
        Where a history holds a track that `tie_rank` (int32 [tracks]) does not know.
    """
    if log.track_idx.max(initial=-1) >= len(tie_rank):
        got = f"a history holds track_idx {log.track_idx.max()}, the artefact knows {len(tie_rank)} tracks"
        raise ArtefactError(f"sequence: {got}; train this source on this catalogue")
    listener = np.repeat(np.arange(len(log)), np.diff(log.indptr))
    order = np.lexsort((_scrambled(tie_rank[log.track_idx], log.last_day), log.last_day, listener))
    order = order[log.weight[order] > 0]
    days, owner = log.last_day[order].astype(np.int64), listener[order]
    since = np.diff(days, prepend=days[:1])
    since[np.flatnonzero(np.diff(owner, prepend=-1))] = 0
    gaps = np.minimum(np.frexp(since.astype(np.float64))[1], GAPS - 1).astype(np.int32)  # frexp: 0, 1, 2, 2, 3, 3, 3, 3, 4
    return Sequences(np.searchsorted(owner, np.arange(len(log) + 1)), log.track_idx[order], gaps)


def _scrambled(rank: Int32s, day: Int32s) -> npt.NDArray[np.uint64]:
    """Steele, Lea & Flood's splitmix64 (https://doi.org/10.1145/2660193.2660195) of (day, rank)."""
    z = (day.astype(np.uint64) << np.uint64(32)) ^ rank.astype(np.uint64)
    z = (z + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def spans(starts: Int64s, sizes: Int64s) -> Int64s:
    """Positions starts[i], starts[i] + 1, ... (sizes[i] of them) of every i, one after the other.

    Examples
    --------
    >>> spans(np.array([4, 9]), np.array([2, 3])).tolist()
    [4, 5, 9, 10, 11]
    """
    return np.repeat(starts - _bounds(sizes)[:-1], sizes) + np.arange(sizes.sum())


def _bounds(sizes: Int64s) -> Int64s:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


@dataclass(frozen=True)
class Packed:
    """Pieces of sequences in rows of one length.

    Attributes
    ----------
    tracks : int32 [rows, length], inputs; 0 in empty slots.
    gaps : int32 [rows, length].
    places : int32 [rows, length], position within the piece, from 0.
    pieces : int32 [rows, length], which piece of its row a slot belongs to, from 1; 0 for an empty slot.
    targets : int32 [rows, length], the track after each input; -1 in empty slots and where none is known.
    ends : int64 [pieces], flat slot of the last input of each piece.
    """

    tracks: Int32s
    gaps: Int32s
    places: Int32s
    pieces: Int32s
    targets: Int32s
    ends: Int64s

    def batch(self, start: int, rows: int) -> dict[str, Int32s]:
        """What the encoder wants of rows `start` to `start + rows`, filled up with empty rows; `targets` beside it."""
        names = ("tracks", "gaps", "places", "pieces", "targets")
        parts = {name: getattr(self, name)[start : start + rows] for name in names}
        short = rows - len(parts["tracks"])
        return {n: np.pad(p, ((0, short), (0, 0)), constant_values=-1 if n == "targets" else 0) for n, p in parts.items()}


def windows(sequences: Sequences, length: int) -> tuple[Int64s, Int64s]:
    """(first position, inputs) of each training window: at most `length` inputs, each followed by its target.

    Windows are counted from the newest track back, so the newest is the one that the encoder serves.
    """
    steps = np.maximum(np.diff(sequences.indptr) - 1, 0)
    counts = -(-steps // length)
    nth = np.arange(counts.sum()) - np.repeat(_bounds(counts)[:-1], counts)
    left = np.repeat(steps, counts) - nth * length
    sizes = np.minimum(left, length)
    return np.repeat(sequences.indptr[:-1], counts) + left - sizes, sizes


def pack(sequences: Sequences, length: int, rng: np.random.Generator, most: int | None = None) -> Packed:
    """Training windows of `sequences`, packed, rows in random order: all of them, or a random part with `most` inputs."""
    starts, sizes = windows(sequences, length)
    if most is not None and sizes.sum() > most:
        order = rng.permutation(len(sizes))
        drawn = np.sort(order[np.cumsum(sizes[order]) <= max(most, length)])
        starts, sizes = starts[drawn], sizes[drawn]
    return _filled(sequences, starts, sizes, length, rng)


def pack_whole(sequences: Sequences, length: int) -> Packed:
    """Each listener's sequence, not empty and at most `length` long, as one piece; `ends` in the order of the listeners."""
    return _filled(sequences, sequences.indptr[:-1], np.diff(sequences.indptr), length, None)


def _filled(sequences: Sequences, starts: Int64s, sizes: Int64s, length: int, rng: np.random.Generator | None) -> Packed:
    # In random order: longest first would fill rows better by a hundredth, and give each row pieces of one length alone,
    # whose uneven batches learn slower (Beauty, one seed: loss 8.11 instead of 8.04 after five epochs).
    order = np.arange(len(sizes)) if rng is None else rng.permutation(len(sizes))
    row, offset, piece, rows = _fit(frozen(sizes[order]), length)
    if rng is not None:
        row = rng.permutation(rows)[row]
    first = np.empty(len(sizes), np.int64)
    number = np.empty(len(sizes), np.int32)
    first[order], number[order] = row * length + offset, piece
    slots, taken = spans(first, sizes), spans(starts, sizes)
    out = {name: np.zeros(rows * length, np.int32) for name in ("tracks", "gaps", "places", "pieces")}
    out["tracks"][slots], out["gaps"][slots] = sequences.tracks[taken], sequences.gaps[taken]
    out["places"][slots], out["pieces"][slots] = spans(np.zeros_like(sizes), sizes), np.repeat(number, sizes)
    targets = np.full(rows * length, -1, np.int32)
    if rng is not None:
        targets[slots] = sequences.tracks[taken + 1]
    flat = {name: values.reshape(rows, length) for name, values in out.items()}
    return Packed(**flat, targets=targets.reshape(rows, length), ends=first + sizes - 1)


_jit: Any = numba.njit(nogil=True, cache=True)


@_jit
def _fit(sizes: Int64s, length: int) -> tuple[Int64s, Int64s, Int32s, int]:
    """(row, offset, number in its row) of each piece, and how many rows: each goes where it leaves the least space."""
    row, offset = np.empty(len(sizes), np.int64), np.empty(len(sizes), np.int64)
    piece, held = np.empty(len(sizes), np.int32), np.zeros(len(sizes), np.int32)
    # The open rows of each free space are a stack: `newest` is its top, `older` the one below.
    newest, older = np.full(length + 1, -1, np.int64), np.empty(len(sizes), np.int64)
    rows = 0
    for at in range(len(sizes)):
        free = sizes[at]
        while free <= length and newest[free] < 0:
            free += 1
        if free > length:
            free, chosen, rows = length, rows, rows + 1
        else:
            chosen = newest[free]
            newest[free] = older[chosen]
        held[chosen] += 1
        row[at], offset[at], piece[at] = chosen, length - free, held[chosen]
        older[chosen] = newest[free - sizes[at]]
        newest[free - sizes[at]] = chosen
    return row, offset, piece, rows
