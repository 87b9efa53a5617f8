"""Rows of a sparse product, one at a time, compiled; `models/item_item.py` and `models/neighbours.py` say what they are for.

Sums are made in float64: products of two float32 are exact there, so a score does not feel the order of its terms before it
is rounded to float32, and equal scores come out equal. That costs a sixth more time than float32 (160 M terms over 100k
tracks: 1.9 s instead of 1.6 s).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from models.selection import best

Bools = npt.NDArray[np.bool_]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

jit: Any = numba.njit(nogil=True, cache=True)


@jit
def top_of_product(
    indptr: Int64s,
    rows: Int32s,
    values: Float32s,
    right_indptr: Int64s,
    right_ids: Int32s,
    right_weights: Float32s,
    struck_indptr: Int64s,
    struck: Int32s,
    allowed: Bools,
    tie_rank: Int32s,
    ids: Int32s,
    scores: Float32s,
) -> None:
    """Largest entries of each row of left @ right, best first, into `ids` and `scores` [n, k]; -1 and -inf pad.

    `rows` and `values` are left's columns and entries; a row of -1 is left out. Zeros, entries in `struck` and those that
    are not `allowed` are no entries.
    """
    columns = len(tie_rank)
    total = np.full(columns, np.nan)  # NaN: not reached; sums of finite float32 products cannot become NaN
    reached = np.empty(columns + 1, np.int32)
    found, ranks = np.empty(columns, np.float32), np.empty(columns, np.int32)
    for n in range(len(ids)):
        count = _add_rows(
            rows[indptr[n] : indptr[n + 1]],
            values[indptr[n] : indptr[n + 1]],
            right_indptr,
            right_ids,
            right_weights,
            total,
            reached,
        )
        for column in struck[struck_indptr[n] : struck_indptr[n + 1]]:
            if not np.isnan(total[column]):
                total[column] = 0.0
        kept = _gather(count, total, reached, allowed, tie_rank, found, ranks)
        best(found[:kept], ranks[:kept], ids[n], scores[n])
        for at in range(ids.shape[1]):
            if ids[n, at] >= 0:
                ids[n, at] = reached[ids[n, at]]


@jit
def _add_rows(
    rows: Int32s, values: Float32s, indptr: Int64s, ids: Int32s, weights: Float32s, total: Float64s, reached: Int32s
) -> int:
    """Add values[j] * row rows[j] to `total`; how many columns were reached, listed in `reached`."""
    count = 0
    for at in range(len(rows)):
        row, value = rows[at], np.float64(values[at])
        if row < 0 or value == 0:
            continue
        for entry in range(indptr[row], indptr[row + 1]):
            column = ids[entry]
            before = total[column]
            fresh = np.isnan(before)
            reached[count] = column  # written over unless it was fresh: no branch to guess wrong
            count += fresh
            total[column] = (0.0 if fresh else before) + value * np.float64(weights[entry])
    return count


@jit
def _gather(
    count: int, total: Float64s, reached: Int32s, allowed: Bools, tie_rank: Int32s, found: Float32s, ranks: Int32s
) -> int:
    """Move what counts of the reached columns to the front of `reached`, `found` and `ranks`; clear `total` again."""
    kept = 0
    for at in range(count):
        column = reached[at]
        score = np.float32(total[column])
        total[column] = np.nan
        if score != 0 and allowed[column]:
            reached[kept], found[kept], ranks[kept] = column, score, tie_rank[column]
            kept += 1
    return kept


@jit
def strongest_terms(
    indptr: Int64s,
    rows: Int32s,
    values: Float32s,
    heard: Int32s,
    right_indptr: Int64s,
    right_ids: Int32s,
    right_weights: Float32s,
    tie_rank: Int32s,
    candidates: Int32s,
    because: Int32s,
) -> None:
    """Heard track with the largest positive term of each candidate's sum, int32 [n, width]; equal terms: lower tie rank."""
    width = candidates.shape[1]
    place = np.full(len(tie_rank), -1, np.int32)
    largest = np.empty(width)
    for n in range(len(candidates)):
        for at in range(width):
            largest[at] = 0.0
            if candidates[n, at] >= 0:
                place[candidates[n, at]] = at
        for j in range(indptr[n], indptr[n + 1]):
            row, value = rows[j], np.float64(values[j])
            if row < 0 or value == 0:
                continue
            for entry in range(right_indptr[row], right_indptr[row + 1]):
                at = place[right_ids[entry]]
                if at >= 0:
                    term = value * np.float64(right_weights[entry])
                    tied = term == largest[at] and because[n, at] >= 0 and tie_rank[heard[j]] < tie_rank[because[n, at]]
                    if term > largest[at] or tied:
                        largest[at], because[n, at] = term, heard[j]
        for at in range(width):
            if candidates[n, at] >= 0:
                place[candidates[n, at]] = -1


@jit
def entries_of(rows: Int32s, indptr: Int64s, ids: Int32s, weights: Float32s, column: int) -> Float32s:
    """Entry of `column` in each of `rows`, float32, 0 where there is none; `ids` are ascending within a row."""
    out = np.zeros(len(rows), np.float32)
    for at in range(len(rows)):
        if rows[at] >= 0:
            first, last = indptr[rows[at]], indptr[rows[at] + 1]
            entry = first + np.searchsorted(ids[first:last], column)
            if entry < last and ids[entry] == column:
                out[at] = weights[entry]
    return out


@jit
def strongest_of_rows(block: Float32s, tie_rank: Int32s, ids: Int32s, weights: Float32s) -> None:
    """Entries of largest magnitude of each row of `block`, largest first; 0 is no entry. -1 and 0 pad."""
    size = np.empty(block.shape[1], np.float32)
    largest = np.empty(ids.shape[1], np.float32)
    for n in range(len(block)):
        for at in range(len(size)):
            size[at] = abs(block[n, at]) if block[n, at] != 0 else -np.inf
            if np.isnan(block[n, at]):
                size[at] = np.inf  # kept, so that the caller sees and refuses it
        best(size, tie_rank, ids[n], largest)
        for at in range(ids.shape[1]):
            weights[n, at] = block[n, ids[n, at]] if ids[n, at] >= 0 else 0.0
