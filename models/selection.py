"""Best k of rows of scores: a vectorised comparison for each score, a few nanoseconds for each that passes.

A score enters a row's pool only where it beats the floor, a score that enough have reached so far. A pool is cut by
bisection: it finds the key that exactly k entries reach by counting them, and that key is the new floor. Counts are
vectorised, so a cut of 232 entries to 116 takes .4 microseconds and of 1,032 to 516 takes 1.5, where quickselect took 2.4
and 11.4, and a heap moves log k entries for each score that passes.

An entry of a pool is an item and its key, an int64 that orders as lists do: by score, of equal scores by the lower tie
rank. Whole numbers spare the second comparison, and -0.0 counts as 0.0. Tie ranks must differ.

Numba keeps compiled kernels by the date of the file of the outermost one: after a change here, touch the files of kernels
that call these.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

jit: Any = numba.njit(nogil=True, cache=True)
# Scores compared at a time: their marks and they themselves stay in the first-level cache.
PIECE = 512
_ONES = np.int64(0x0101010101010101)
_MANTISSA = np.int32(0x7FFFFFFF)
_RANKS = np.int64(0xFFFFFFFF)
# Key of -inf with the best rank there is: what must not be proposed never beats it.
NOTHING = -(np.int64(0x7F800000) << np.int64(32)) - np.int64(1)


@jit
def best(scores: Float32s, tie_rank: Int32s, ids: Int32s, values: Float32s) -> None:
    """Fill `ids` and `values` with the best of one row of `scores`, best first.

    Parameters
    ----------
    scores : float32 [items]; -inf and NaN are never chosen, so exclusions are struck out to -inf beforehand.
    tie_rank : int32 [items], position in order of external ids: of two equal scores the lower rank wins.
    ids : int32 [k], out: item numbers; -1 pads.
    values : float32 [k], out: their scores; -inf pads.
    """
    k = len(ids)
    keys, items = np.empty((1, capacity(k)), np.int64), np.empty((1, capacity(k)), np.int32)
    sizes, floors = np.zeros(1, np.int64), np.full(1, NOTHING)
    pour(scores.reshape(1, -1), np.zeros(1, np.int64), tie_rank, 0, k, keys, items, sizes, floors)
    size, _ = _cut(keys[0], items[0], sizes[0], k)
    ids[:], values[:] = -1, -np.inf
    for at, entry in enumerate(np.argsort(keys[0, :size])[::-1]):
        ids[at] = items[0, entry]
        values[at] = scores[ids[at]]


@jit
def capacity(k: int) -> int:
    """Entries of a pool for the best `k`: when it is cut, and a piece that passes whole."""
    return k + k // 2 + PIECE


@jit
def pour(
    scores: Float32s,
    rows: Int64s,
    tie_rank: Int32s,
    first: int,
    k: int,
    keys: Int64s,
    items: Int32s,
    sizes: Int64s,
    floors: Int64s,
) -> None:
    """Offer the same items `first`, `first` + 1, ... to some pools.

    Parameters
    ----------
    scores : float32 [>= m, >= width]; NaN and -inf never enter.
    rows : int64 [m], the pool of each row of scores.
    tie_rank : int32 [width].
    keys, items : int64 and int32 [n, capacity(k)], the pools.
    sizes : int64 [n], how many entries of each are filled.
    floors : int64 [n], key that an entry must beat; NOTHING in the beginning.
    """
    passing = np.zeros(PIECE, np.uint8)
    eights = passing.view(np.int64)
    for at_row in range(len(rows)):
        row = rows[at_row]
        size, floor = sizes[row], floors[row]
        for start in range(0, len(tie_rank), PIECE):
            if size > k + k // 2:
                size, floor = _cut(keys[row], items[row], size, k)
            piece = scores[at_row, start : min(start + PIECE, len(tie_rank))]
            worst = score_of(floor)
            passing[len(piece) :] = 0
            for at in range(len(piece)):
                passing[at] = piece[at] >= worst
            for eight in range((len(piece) + 7) // 8):
                left = eights[eight]
                while left != 0:  # no branch on each of eight: a wrongly guessed one costs more than all of them
                    lowest = left & -left
                    left ^= lowest
                    at = 8 * eight + ((((lowest - 1) & _ONES) * _ONES) >> 56)  # counts the bytes below the lowest mark
                    key = key_of(piece[at], tie_rank[start + at])
                    keys[row, size], items[row, size] = key, first + start + at
                    size += key > floor
        sizes[row], floors[row] = size, floor


@jit
def lift(keys: Int64s, items: Int32s, sizes: Int64s, floors: Int64s, wanted: int) -> None:
    """Cut the pools to their best `wanted` and raise their floors.

    With fewer than k this is a bet that enough others will pass: a pool that ends with fewer than k entries under a raised
    floor has lost it and is not to be used.
    """
    for row in range(len(sizes)):
        if sizes[row] > wanted:
            sizes[row], floors[row] = _cut(keys[row], items[row], sizes[row], wanted)


@jit
def draw(keys: Int64s, items: Int32s, sizes: Int64s, drawn: Int32s) -> None:
    """Empty the pools into `drawn`, int32 [n, k]: the best items of each row in no order; -1 pads."""
    drawn[:] = -1
    for row in range(len(drawn)):
        size, _ = _cut(keys[row], items[row], sizes[row], drawn.shape[1])
        drawn[row, :size] = items[row, :size]


def order(scores: Float32s, tie_rank: Int32s) -> Int64s:
    """Places of each row's `scores` best first, int64 [n, k]; `tie_rank` is int32 [n, k]. Places of -inf come last."""
    keys = np.empty(scores.shape, np.int64)
    _keys_of(scores, tie_rank, keys)
    return np.argsort(~keys, axis=1)


@jit
def _keys_of(scores: Float32s, tie_rank: Int32s, keys: Int64s) -> None:
    for row in range(len(keys)):
        for at in range(keys.shape[1]):
            keys[row, at] = key_of(scores[row, at], tie_rank[row, at])


@jit
def _cut(keys: Int64s, items: Int32s, size: int, k: int) -> tuple[int, np.int64]:
    """Keep the best `k` of `size` entries, in the order they came: (how many are left, a key that they all reach)."""
    if size <= k:
        return size, NOTHING
    low, high = keys[0], keys[0]
    for at in range(size):
        low, high = min(low, keys[at]), max(high, keys[at])
    high += 1
    while low + 1 < high:  # at least k entries reach `low`, fewer reach `high`
        middle = (low >> 1) + (high >> 1) + (low & high & 1)  # high - low may leave 64 bits
        reaching = 0
        for at in range(size):
            reaching += keys[at] >= middle
        if reaching < k:
            high = middle
        else:
            low = middle
        if reaching == k:
            break
    kept = 0
    for at in range(size):
        key = keys[at]
        keys[kept], items[kept] = key, items[at]
        kept += key >= low
    return min(kept, k), low


@jit
def key_of(score: np.float32, rank: int) -> np.int64:
    """Key of an entry; a NaN's has no meaning."""
    bits = np.int64(np.float32(score + np.float32(0.0)).view(np.int32))  # -0.0 + 0.0 is 0.0
    ordered = bits if bits >= 0 else bits ^ _MANTISSA
    return np.int64((ordered << np.int64(32)) | (_RANKS - np.int64(rank)))


@jit
def score_of(key: np.int64) -> np.float32:
    """Score of an entry."""
    ordered = np.int64(key) >> np.int64(32)
    bits = ordered if ordered >= 0 else ordered ^ _MANTISSA
    return np.float32(np.int32(bits).view(np.float32))
