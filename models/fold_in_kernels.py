"""Dense linear algebra of one listener at a time, compiled; `models/fold_in.py` says what it is for.

LAPACK through numba would load scipy in every worker (0.3 s) and run its own threads. The loops below vectorise because
each inner one runs from 0 over whole contiguous rows, even where half a row is thrown away, and adds four rows in one
pass: at d=64 and 90 heard tracks that is 17 microseconds for the normal matrix (37 over its triangle), 10 for Cholesky and
34 for the reasons of 96 candidates on one core with AVX-512. A listener's system is made and solved in float64; the reasons
are an argmax over its terms, for which float32 is enough.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

# Sums may be regrouped so that they vectorise: always the same way, as the code is compiled once for a machine.
jit: Any = numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"})
_ROWS = 4  # rows added in one pass; eight are no faster


@jit
def solve_block(
    indptr: Int64s,
    tracks: Int32s,
    confidence: Float64s,
    factors: Float32s,
    base: Float64s,
    ridge: Float64s,
    roots: Float32s,
    out: Float32s,
) -> None:
    """Listener factors: out[u] = A_u^-1 b_u, float32 [n, d]. `base` is alpha0 V'V; rows without confidence get zeros.

    `roots` : float32 [n, d, d] takes R of each A = R'R; [0, d, d] where nobody wants them.
    """
    d = factors.shape[1]
    a, b, rows = np.empty((d, d)), np.empty(d), np.zeros((_ROWS, d))  # a row left over is finite: 0 times it is 0
    for user in range(len(out)):
        heard = slice(indptr[user], indptr[user + 1])
        normal_equations(tracks[heard], confidence[heard], factors, base, ridge[user], rows, a, b)
        cholesky(a)
        substitute(a, b)
        out[user] = b
        if len(roots) > 0:
            roots[user] = a


@jit
def explain_block(
    indptr: Int64s,
    tracks: Int32s,
    confidence: Float64s,
    factors: Float32s,
    base: Float64s,
    ridge: Float64s,
    roots: Float32s,
    tie_rank: Int32s,
    candidates: Int32s,
    because: Int32s,
) -> None:
    """Heard track that adds most to each candidate's score, int32 [n, candidates]; -1 where none adds anything.

    `roots` : as `solve_block` filled them; [0, d, d] makes them again.
    """
    d, width = factors.shape[1], candidates.shape[1]
    a, b, rows = np.empty((d, d)), np.empty(d), np.zeros((_ROWS, d))  # a row left over is finite: 0 times it is 0
    upper, directions = np.empty((d, d), np.float32), np.empty((d, width), np.float32)
    for user in range(len(candidates)):
        heard = slice(indptr[user], indptr[user + 1])
        if len(roots) > 0:
            upper[:] = roots[user]
        else:
            normal_equations(tracks[heard], confidence[heard], factors, base, ridge[user], rows, a, b)
            cholesky(a)
            upper[:] = a
        for at in range(width):
            if candidates[user, at] >= 0:
                directions[:, at] = factors[candidates[user, at]]
            else:
                directions[:, at] = 0.0
        substitute_many(upper, directions)
        largest_terms(tracks[heard], confidence[heard], factors, directions, tie_rank, because[user])


@jit
def normal_equations(
    tracks: Int32s,
    confidence: Float64s,
    factors: Float32s,
    base: Float64s,
    ridge: float,
    rows: Float64s,
    a: Float64s,
    b: Float64s,
) -> None:
    """A = base + ridge I + sum_j c_j v_j v_j', both triangles, and b = sum_j c_j v_j."""
    d = len(b)
    a[:] = base
    b[:] = 0.0
    for i in range(d):
        a[i, i] += ridge
    weight = np.empty(_ROWS)
    for first in range(0, len(tracks), _ROWS):
        for r in range(_ROWS):
            if first + r < len(tracks):
                weight[r] = confidence[first + r]
                rows[r] = factors[tracks[first + r]]
            else:
                weight[r] = 0.0
        for i in range(d):
            w0, w1, w2, w3 = (
                weight[0] * rows[0, i], weight[1] * rows[1, i], weight[2] * rows[2, i], weight[3] * rows[3, i]
            )  # fmt: skip
            b[i] += w0 + w1 + w2 + w3
            for j in range(d):
                a[i, j] += w0 * rows[0, j] + w1 * rows[1, j] + w2 * rows[2, j] + w3 * rows[3, j]


@jit
def cholesky(a: Float64s) -> None:
    """Replace the upper triangle of a symmetric `a` by R with a = R'R; what is left below the diagonal means nothing."""
    d = len(a)
    for top in range(0, d, _ROWS):
        end = min(top + _ROWS, d)
        for i in range(top, end):
            for k in range(top, i):
                weight = a[k, i]
                for j in range(d):
                    a[i, j] -= weight * a[k, j]
            scale = 1.0 / np.sqrt(a[i, i])
            for j in range(d):
                a[i, j] *= scale
        for i in range(end, d):  # only after four whole rows
            w0, w1, w2, w3 = a[top, i], a[top + 1, i], a[top + 2, i], a[top + 3, i]
            for j in range(d):
                a[i, j] -= w0 * a[top, j] + w1 * a[top + 1, j] + w2 * a[top + 2, j] + w3 * a[top + 3, j]


@jit
def substitute(upper: Float64s, b: Float64s) -> None:
    """Replace `b` by the solution of R'R x = b."""
    d = len(b)
    for i in range(d):
        b[i] /= upper[i, i]
        for j in range(i + 1, d):
            b[j] -= upper[i, j] * b[i]
    for i in range(d - 1, -1, -1):
        dot = 0.0
        for j in range(i + 1, d):
            dot += upper[i, j] * b[j]
        b[i] = (b[i] - dot) / upper[i, i]


@jit
def substitute_many(upper: Float32s, x: Float32s) -> None:
    """Replace each column of `x` [d, n] by the solution of R'R x = column."""
    d, n = x.shape
    for i in range(d):
        for k in range(0, i - i % _ROWS, _ROWS):
            w0, w1, w2, w3 = upper[k, i], upper[k + 1, i], upper[k + 2, i], upper[k + 3, i]
            for t in range(n):
                x[i, t] -= w0 * x[k, t] + w1 * x[k + 1, t] + w2 * x[k + 2, t] + w3 * x[k + 3, t]
        for k in range(i - i % _ROWS, i):
            for t in range(n):
                x[i, t] -= upper[k, i] * x[k, t]
        for t in range(n):
            x[i, t] /= upper[i, i]
    for i in range(d - 1, -1, -1):
        odd = i + 1 + (d - 1 - i) % _ROWS
        for k in range(i + 1, odd):
            for t in range(n):
                x[i, t] -= upper[i, k] * x[k, t]
        for k in range(odd, d, _ROWS):
            w0, w1, w2, w3 = upper[i, k], upper[i, k + 1], upper[i, k + 2], upper[i, k + 3]
            for t in range(n):
                x[i, t] -= w0 * x[k, t] + w1 * x[k + 1, t] + w2 * x[k + 2, t] + w3 * x[k + 3, t]
        for t in range(n):
            x[i, t] /= upper[i, i]


@jit
def largest_terms(
    tracks: Int32s, confidence: Float64s, factors: Float32s, directions: Float32s, tie_rank: Int32s, because: Int32s
) -> None:
    """Per candidate, the heard track j with the largest c_j v_j' A^-1 v_t; equal ones go to the lower tie rank."""
    n = directions.shape[1]
    term, best = np.empty(n, np.float32), np.zeros(n, np.float32)
    because[:] = -1
    for heard in range(len(tracks)):
        track, share = tracks[heard], np.float32(confidence[heard])
        products(factors, track, directions, term)
        ties = 0
        for t in range(n):
            term[t] *= share
            ties += term[t] == best[t]
        if ties > 0:
            for t in range(n):
                if term[t] == best[t] and because[t] >= 0 and tie_rank[track] < tie_rank[because[t]]:
                    because[t] = track
        for t in range(n):
            larger = term[t] > best[t]
            best[t] = term[t] if larger else best[t]
            because[t] = track if larger else because[t]


@jit
def products(factors: Float32s, track: int, directions: Float32s, out: Float32s) -> None:
    """Inner product of a track's factors with each column of `directions` [d, n]."""
    d, n = directions.shape
    out[:] = 0.0
    for i in range(0, d - d % _ROWS, _ROWS):
        w0, w1, w2, w3 = factors[track, i], factors[track, i + 1], factors[track, i + 2], factors[track, i + 3]
        for t in range(n):
            out[t] += w0 * directions[i, t] + w1 * directions[i + 1, t] + w2 * directions[i + 2, t] + w3 * directions[i + 3, t]
    for i in range(d - d % _ROWS, d):
        for t in range(n):
            out[t] += factors[track, i] * directions[i, t]
