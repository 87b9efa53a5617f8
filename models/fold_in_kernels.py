"""Dense linear algebra of one listener at a time, compiled; `models/fold_in.py` says what it is for.

LAPACK through numba would load scipy in every worker (0.3 s) and run its own threads. At d=64 and 84 heard tracks these
loops take 18 microseconds for the normal matrix, 18 for Cholesky and 76 to explain 60 candidates on one core.
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
_ROWS = 4  # heard tracks added in one pass; eight spill registers and take twice as long


@jit
def solve_block(
    indptr: Int64s, tracks: Int32s, confidence: Float64s, factors: Float32s, base: Float64s, ridge: Float64s, out: Float32s
) -> None:
    """Listener factors: out[u] = A_u^-1 b_u, float32 [n, d]. `base` is alpha0 V'V; rows without confidence get zeros."""
    d = factors.shape[1]
    a, b, rows = np.empty((d, d)), np.empty(d), np.zeros((_ROWS, d))  # a row left over is finite: 0 times it is 0
    for user in range(len(out)):
        heard = slice(indptr[user], indptr[user + 1])
        normal_equations(tracks[heard], confidence[heard], factors, base, ridge[user], rows, a, b)
        cholesky(a)
        substitute(a, b)
        out[user] = b


@jit
def explain_block(
    indptr: Int64s,
    tracks: Int32s,
    confidence: Float64s,
    factors: Float32s,
    base: Float64s,
    ridge: Float64s,
    tie_rank: Int32s,
    candidates: Int32s,
    because: Int32s,
) -> None:
    """Heard track that adds most to each candidate's score, int32 [n, candidates]; -1 where none adds anything."""
    d, width = factors.shape[1], candidates.shape[1]
    a, b, rows = np.empty((d, d)), np.empty(d), np.zeros((_ROWS, d))  # a row left over is finite: 0 times it is 0
    directions, best = np.empty((d, width)), np.empty(width)
    for user in range(len(candidates)):
        heard = slice(indptr[user], indptr[user + 1])
        normal_equations(tracks[heard], confidence[heard], factors, base, ridge[user], rows, a, b)
        cholesky(a)
        for at in range(width):
            if candidates[user, at] >= 0:
                directions[:, at] = factors[candidates[user, at]]
            else:
                directions[:, at] = 0.0
        substitute_many(a, directions)
        best[:] = 0.0
        largest_terms(tracks[heard], confidence[heard], factors, directions, tie_rank, best, because[user])


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
    """Lower triangle of A = base + ridge I + sum_j c_j v_j v_j', and b = sum_j c_j v_j."""
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
            for j in range(i + 1):
                a[i, j] += w0 * rows[0, j] + w1 * rows[1, j] + w2 * rows[2, j] + w3 * rows[3, j]


@jit
def cholesky(a: Float64s) -> None:
    """Lower triangle of `a` replaced by L with a = L L'."""
    for i in range(len(a)):
        for j in range(i + 1):
            dot = 0.0
            for m in range(j):
                dot += a[i, m] * a[j, m]
            rest = a[i, j] - dot
            a[i, j] = np.sqrt(rest) if i == j else rest / a[j, j]


@jit
def substitute(lower: Float64s, b: Float64s) -> None:
    """Replace `b` by the solution of L L' x = b."""
    d = len(b)
    for i in range(d):
        dot = 0.0
        for j in range(i):
            dot += lower[i, j] * b[j]
        b[i] = (b[i] - dot) / lower[i, i]
    for i in range(d - 1, -1, -1):
        b[i] /= lower[i, i]
        for j in range(i):
            b[j] -= lower[i, j] * b[i]


@jit
def substitute_many(lower: Float64s, x: Float64s) -> None:
    """Replace each column of `x` [d, n] by the solution of L L' x = column."""
    d, n = x.shape
    for i in range(d):
        for j in range(i):
            for t in range(n):
                x[i, t] -= lower[i, j] * x[j, t]
        for t in range(n):
            x[i, t] /= lower[i, i]
    for i in range(d - 1, -1, -1):
        for t in range(n):
            x[i, t] /= lower[i, i]
        for j in range(i):
            for t in range(n):
                x[j, t] -= lower[i, j] * x[i, t]


@jit
def largest_terms(
    tracks: Int32s,
    confidence: Float64s,
    factors: Float32s,
    directions: Float64s,
    tie_rank: Int32s,
    best: Float64s,
    because: Int32s,
) -> None:
    """Per candidate, the heard track j with the largest c_j v_j' A^-1 v_t; equal ones go to the lower tie rank."""
    d, n = directions.shape
    term = np.empty(n)
    because[:] = -1
    for heard in range(len(tracks)):
        term[:] = 0.0
        track = tracks[heard]
        for i in range(d):
            share = confidence[heard] * factors[track, i]
            for t in range(n):
                term[t] += share * directions[i, t]
        for t in range(n):
            tied = term[t] == best[t] and because[t] >= 0 and tie_rank[track] < tie_rank[because[t]]
            if term[t] > best[t] or tied:
                best[t], because[t] = term[t], track
