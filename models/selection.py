"""Best k of a row of scores: one vectorised comparison for each score, constant time for each that passes.

A score enters a pool only where it beats the floor, the k-th best at the last cut, and that is asked of 64 scores at a time.
A full pool is cut to its best k by quickselect (Hoare 1961, https://doi.org/10.1145/366622.366647), which raises the floor.
A heap of k entries moves log k of them for each score that passes; with k = 500 that costs several times a cut's share.

An entry of the pool is an item and its key, an int64 that orders as lists do: by score, of equal scores by the lower tie
rank. Whole numbers spare the second comparison, and -0.0 counts as 0.0.
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
_LANES = 64
_MANTISSA = np.int32(0x7FFFFFFF)
_RANKS = np.int64(0xFFFFFFFF)
# Key of -inf with the best rank there is: what must not be proposed never beats it.
NOTHING = -(np.int64(0x7F800000) << np.int64(32)) - np.int64(1)


@jit
def best(scores: Float32s, tie_rank: Int32s, ids: Int32s, values: Float32s) -> None:
    """Fill `ids` and `values` with the best of `scores`, best first.

    Parameters
    ----------
    scores : float32 [items]; -inf and NaN are never chosen, so exclusions are struck out to -inf beforehand.
    tie_rank : int32 [items], position in order of external ids: of two equal scores the lower rank wins.
    ids : int32 [k], out: item numbers; -1 pads.
    values : float32 [k], out: their scores; -inf pads.
    """
    k = len(ids)
    keys, items = np.empty(capacity(k), np.int64), np.empty(capacity(k), np.int32)
    size, _ = pour(scores, tie_rank, 0, keys, items, 0, NOTHING, k)
    size = cut(keys, items, size, k)
    ids[:], values[:] = -1, -np.inf
    for at, entry in enumerate(np.argsort(keys[:size])[::-1]):
        ids[at], values[at] = items[entry], scores[items[entry]]


@jit
def capacity(k: int) -> int:
    """Entries of a pool for the best `k`: twice as many, and room for one run of lanes."""
    return 2 * k + _LANES


@jit
def pour(
    scores: Float32s, tie_rank: Int32s, first: int, keys: Int64s, items: Int32s, size: int, floor: int, k: int
) -> tuple[int, int]:
    """Offer items `first`, `first` + 1, ... to a pool of which `size` entries are filled.

    Parameters
    ----------
    scores : float32 [n]; tie_rank : int32 [n].
    keys : int64 [capacity(k)]; items : int32 [capacity(k)]: the pool.
    floor : key that an entry must beat; NOTHING in the beginning.

    Returns
    -------
    The new size and floor.
    """
    for start in range(0, len(scores), _LANES):
        stop = min(start + _LANES, len(scores))
        worst = score_of(floor)
        passing = 0
        for at in range(start, stop):
            passing += scores[at] >= worst
        if passing == 0:
            continue
        if size + _LANES > len(keys):
            size = cut(keys, items, size, k)
            floor = max(floor, keys[:size].min()) if size == k else floor
        for at in range(start, stop):
            key = key_of(scores[at], tie_rank[at])
            if key > floor and scores[at] >= worst:
                keys[size], items[size] = key, first + at
                size += 1
    return size, floor


@jit
def cut(keys: Int64s, items: Int32s, size: int, k: int) -> int:
    """Move the best `k` of `size` entries to the front, in no order; returns how many of them there are."""
    low, high = 0, size - 1
    while low < high and size > k:
        left, right = _part(keys, items, low, high)
        if k <= right:
            high = right
        elif k >= left:
            low = left
        else:
            break
    return min(size, k)


@jit
def _part(keys: Int64s, items: Int32s, low: int, high: int) -> tuple[int, int]:
    """(left, right): entries `low` to `right` are no worse than those from `left` to `high`; between are equals."""
    a, b, c = keys[low], keys[(low + high) // 2], keys[high]
    middle = max(min(a, b), min(max(a, b), c))
    left, right = low, high
    while left <= right:
        while keys[left] > middle:
            left += 1
        while keys[right] < middle:
            right -= 1
        if left <= right:
            keys[left], keys[right] = keys[right], keys[left]
            items[left], items[right] = items[right], items[left]
            left, right = left + 1, right - 1
    return left, right


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
