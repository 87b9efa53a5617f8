"""The matrix's loops over vectors, compiled: one listener at a time over their candidates.

Candidates lie side by side where many vectors are compared with them: the inner loop then runs over them and is vectorised, and
sums run over the vector in order. A single vector meets each candidate by itself, in eight lanes. Either way a row has the same
bits whoever else is in the block.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.selection import NOTHING, best, jit, key_of

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
# Heard tracks that a candidate is compared with, those of most weight first; and how many of the nearest are averaged.
COMPARED, NEAR = 100, 5
# How sharply a search prefers what is near, per unit of cosine.
SHARPNESS = 5.0
# Below the keys of all numbers, -inf with the worst rank included.
_UNKNOWN = NOTHING - (np.int64(1) << np.int64(32))


@jit
def side_by_side(vectors: Float32s, track: Int32s, start: int, stop: int) -> Float32s:
    """Vectors of candidates start to stop, float32 [d, candidates]."""
    out = np.empty((vectors.shape[1], stop - start), np.float32)
    for at in range(stop - start):
        for d in range(vectors.shape[1]):
            out[d, at] = vectors[track[start + at], d]
    return out


@jit
def products(columns: Float32s, vector: Float32s, out: Float32s) -> None:
    """Inner product of each column with `vector`, summed over d in order."""
    out[:] = 0.0
    for d in range(len(columns)):
        factor = vector[d]
        for at in range(len(out)):
            out[at] += columns[d, at] * factor


@jit
def two_products(columns: Float32s, vectors: Float32s, first: int, second: int, out: Float32s) -> None:
    """The same of two rows of `vectors` into `out` [2, candidates], to the last bit, where most of the time goes.

    Columns are fetched once for both, and a sum once for four dimensions: 38.6 instead of 16.8 G multiply-adds a second.
    """
    u, v, top, bottom = vectors[first], vectors[second], out[0], out[1]
    out[:] = 0.0
    whole = len(columns) // 4 * 4
    for d in range(0, whole, 4):
        a, b, c, e = u[d], u[d + 1], u[d + 2], u[d + 3]
        f, g, h, i = v[d], v[d + 1], v[d + 2], v[d + 3]
        for at in range(len(top)):
            p, q, r, s = columns[d, at], columns[d + 1, at], columns[d + 2, at], columns[d + 3, at]
            top[at] = top[at] + p * a + q * b + r * c + s * e
            bottom[at] = bottom[at] + p * f + q * g + r * h + s * i
    for d in range(whole, len(columns)):
        for at in range(len(top)):
            top[at] += columns[d, at] * u[d]
            bottom[at] += columns[d, at] * v[d]


@jit
def keep_nearest(near: Float32s, term: Float32s) -> None:
    """Push `term` [candidates] into the NEAR largest of each candidate, `near` [NEAR, candidates], descending.

    Each place keeps the larger value and hands the smaller one down, without a branch, so that it is vectorised; what is left
    in `term` is what fell out.
    """
    for place in range(NEAR):
        held = near[place]
        for at in range(len(term)):
            larger, smaller = held[at], term[at]
            if smaller > larger:
                larger, smaller = smaller, larger
            held[at], term[at] = larger, smaller


@jit
def write_nearest(near: Float32s, found: int, x: Float32s, start: int, column: int) -> None:
    """Write the largest and the mean of the largest few; NaN where nothing was compared."""
    held = min(found, NEAR)
    for at in range(near.shape[1]):
        if held == 0:
            x[start + at, column], x[start + at, column + 1] = np.nan, np.nan
            continue
        total = np.float32(0.0)
        for place in range(held):
            total += near[place, at]
        x[start + at, column], x[start + at, column + 1] = near[0, at], total / held


@jit
def compare_heard(
    columns: Float32s, meaning: Float32s, chosen: Int32s, heard: Int32s, x: Float32s, start: int, column: int, term: Float32s
) -> None:
    """Fill two columns from the heard tracks heard[chosen], up to the first -1; `term` is scratch [2, candidates]."""
    near = np.full((NEAR, columns.shape[1]), np.float32(-2.0), np.float32)
    found = 0
    while found < len(chosen) and chosen[found] >= 0:
        found += 1
    for place in range(0, found - 1, 2):
        two_products(columns, meaning, heard[chosen[place]], heard[chosen[place + 1]], term)
        keep_nearest(near, term[0])
        keep_nearest(near, term[1])
    if found % 2:
        products(columns, meaning[heard[chosen[found - 1]]], term[0])
        keep_nearest(near, term[0])
    write_nearest(near, found, x, start, column)


@jit
def fill_meanings(
    indptr: Int64s, heard: Int32s, completions: Int32s, skips: Int32s, weight: Float32s, tie_rank: Int32s,
    meaning: Float32s, mean: Float32s, share: Float32s, modes: Float32s,
    first: Int64s, track: Int32s, x: Float32s, column: int,
) -> None:  # fmt: skip
    """Fill `meaning_cosine` (at `column`) and the columns behind it up to `mode_found`.

    Parameters
    ----------
    meaning : float32 [tracks, d], of length 1 or zeros. mean : float32 [n, d], the listeners', likewise.
    share : float32 [n, contexts]; modes : float32 [n, contexts, d], zeros where there is none.
    """
    chosen, values = np.empty(COMPARED, np.int32), np.empty(COMPARED, np.float32)
    for row in range(len(first) - 1):
        start, stop = first[row], first[row + 1]
        columns, term = side_by_side(meaning, track, start, stop), np.empty((2, stop - start), np.float32)
        known = np.any(mean[row] != 0)
        products(columns, mean[row], term[0])
        for at in range(stop - start):
            x[start + at, column] = term[0, at] if known else np.nan
        own = heard[indptr[row] : indptr[row + 1]]
        liked, disliked, ranks = np.empty(len(own), np.float32), np.empty(len(own), np.float32), np.empty(len(own), np.int32)
        for h in range(len(own)):
            there = indptr[row] + h
            liked[h] = weight[there] if weight[there] > 0.0 else -np.inf
            more = np.float32(skips[there] - completions[there])
            disliked[h] = more if more > 0.0 else -np.inf
            ranks[h] = tie_rank[own[h]]
        best(liked, ranks, chosen, values)
        compare_heard(columns, meaning, chosen, own, x, start, column + 1, term)
        best(disliked, ranks, chosen, values)
        compare_heard(columns, meaning, chosen, own, x, start, column + 3, term)
        compare_modes(columns, share[row], modes[row], x, start, column + 5, term[0])


@jit
def compare_modes(
    columns: Float32s, share: Float32s, modes: Float32s, x: Float32s, start: int, column: int, term: Float32s
) -> None:
    """Fill `mode_nearest` and `mode_found`."""
    nearest, found = np.full(len(term), -2.0, np.float32), np.zeros(len(term))
    any_mode = False
    for c in range(len(modes)):
        if not np.any(modes[c] != 0) or not share[c] > 0.0:
            continue
        any_mode = True
        products(columns, modes[c], term)
        for at in range(len(term)):
            nearest[at] = max(nearest[at], term[at])
            found[at] += share[c] * np.exp(SHARPNESS * np.float64(term[at]))
    for at in range(len(term)):
        x[start + at, column] = nearest[at] if any_mode else np.nan
        x[start + at, column + 1] = np.log(found[at]) if any_mode else np.nan


@jit
def product(a: Float32s, b: Float32s) -> np.float32:
    """Inner product, summed in eight lanes: one order on every machine."""
    p, q, r, s = np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0)
    t, u, v, w = np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0)
    whole = len(a) // 8 * 8
    for d in range(0, whole, 8):
        p += a[d] * b[d]
        q += a[d + 1] * b[d + 1]
        r += a[d + 2] * b[d + 2]
        s += a[d + 3] * b[d + 3]
        t += a[d + 4] * b[d + 4]
        u += a[d + 5] * b[d + 5]
        v += a[d + 6] * b[d + 6]
        w += a[d + 7] * b[d + 7]
    for d in range(whole, len(a)):
        p += a[d] * b[d]
    return np.float32(((p + q) + (r + s)) + ((t + u) + (v + w)))


@jit
def fill_products(vectors: Float32s, of: Float32s, first: Int64s, track: Int32s, x: Float32s, column: int) -> None:
    """Fill `column` with the inner product of each candidate's vector and the listener's (`of`, [n, d]); NaN for zeros."""
    for row in range(len(first) - 1):
        known = np.any(of[row] != 0)
        for at in range(first[row], first[row + 1]):
            x[at, column] = product(vectors[track[at]], of[row]) if known else np.nan


@jit
def weighted_means(indptr: Int64s, heard: Int32s, weight: Float32s, values: Float32s, out: Float64s) -> None:
    """Mean of `values` [tracks, c] over each history by its weights, leaving out NaN; NaN where nothing is known."""
    width = values.shape[1]
    mass = np.empty(width)
    for row in range(len(out)):
        mass[:] = 0.0
        out[row] = 0.0
        for h in range(indptr[row], indptr[row + 1]):
            for c in range(width):
                value = values[heard[h], c]
                if weight[h] > 0.0 and value == value:
                    out[row, c] += np.float64(weight[h]) * np.float64(value)
                    mass[c] += weight[h]
        for c in range(width):
            out[row, c] = out[row, c] / mass[c] if mass[c] > 0.0 else np.nan


@jit
def fill_places(first: Int64s, x: Float32s, by: int, tie_rank: Int32s, track: Int32s, column: int) -> None:
    """Fill `column` with each candidate's place by column `by`, descending: 0 the first, below 1; NaN comes last."""
    for row in range(len(first) - 1):
        start, stop = first[row], first[row + 1]
        keys = np.empty(stop - start, np.int64)
        for at in range(stop - start):
            value, rank = x[start + at, by], tie_rank[track[start + at]]
            keys[at] = _UNKNOWN - rank if np.isnan(value) else key_of(value, rank)
        rising = np.sort(keys)
        for at in range(stop - start):
            x[start + at, column] = np.float32((len(keys) - 1 - np.searchsorted(rising, keys[at])) / len(keys))
