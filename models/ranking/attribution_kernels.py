"""The attribution's loops, compiled: a leaf's shares for every set of satisfied columns, and their lookup by tiles of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.selection import jit

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
# Rows that meet a leaf at once: their columns and sums stay in the second-level cache.
TILE = 128


@jit
def fill_tables(value: Float64s, slots_of: Int64s, fraction: Float64s, begins: Int64s, shares: Float32s) -> None:
    """Fill `shares`: leaf l, set m of satisfied columns (a bit each), column j stands at begins[l] + m * columns + j.

    A column's share is value * (satisfied - fraction) * sum over sizes s of w(s) * [t^s] of the product over the others of
    (fraction + satisfied t), with w(s) = s! (D - s - 1)! / D!.
    """
    ways, weight = np.empty(64), np.empty(64)
    for leaf in range(len(value)):
        start = slots_of[leaf]
        width = slots_of[leaf + 1] - start
        if width == 0:
            continue
        weight[0] = 1.0 / width
        for size in range(1, width):
            weight[size] = weight[size - 1] * size / (width - size)
        for chosen in range(1 << width):
            for own in range(width):
                ways[:width] = 0.0
                ways[0] = 1.0
                held = 0
                for other in range(width):
                    if other == own:
                        continue
                    part = fraction[start + other]
                    if (chosen >> other) & 1:
                        held += 1
                        for size in range(held, 0, -1):
                            ways[size] = ways[size] * part + ways[size - 1]
                        ways[0] *= part
                    else:
                        for size in range(held + 1):
                            ways[size] *= part
                total = 0.0
                for size in range(held + 1):
                    total += weight[size] * ways[size]
                satisfied = (chosen >> own) & 1
                shares[begins[leaf] + chosen * width + own] = value[leaf] * (satisfied - fraction[start + own]) * total


@jit
def add_shares(
    x: Float32s,
    slots_of: Int64s,
    column: npt.NDArray[np.int32],
    above: Float32s,
    up_to: Float32s,
    takes_missing: npt.NDArray[np.bool_],
    shares: Float32s,
    begins: Int64s,
    out: Float64s,
) -> None:
    """Add to `out` (float64 [n, columns]) the shares of every leaf for every row."""
    columns = x.shape[1]
    turned, sums = np.empty((columns, TILE), np.float32), np.empty((columns, TILE))
    chosen = np.empty(TILE, np.int64)
    for start in range(0, len(x), TILE):
        rows = min(TILE, len(x) - start)
        sums[:] = 0.0
        for number in range(columns):
            for r in range(rows):
                turned[number, r] = x[start + r, number]
        for leaf in range(len(slots_of) - 1):
            first = slots_of[leaf]
            width = slots_of[leaf + 1] - first
            chosen[:] = 0
            for slot in range(width):
                values = turned[column[first + slot]]
                low, high = above[first + slot], up_to[first + slot]
                missing = takes_missing[first + slot]
                for r in range(TILE):
                    inside = (values[r] > low) & (values[r] <= high) | (missing & (values[r] != values[r]))
                    chosen[r] |= np.int64(inside) << slot
            for slot in range(width):
                total, place = sums[column[first + slot]], begins[leaf] + slot
                for r in range(rows):
                    total[r] += shares[place + chosen[r] * width]
        for r in range(rows):
            for number in range(columns):
                out[start + r, number] += sums[number, r]
