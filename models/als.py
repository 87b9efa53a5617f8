"""confidence matrix -> factors of both sides: alternating least squares on every core, to the byte.

The objective is that of models/fold_in.py (Hu, Koren & Volinsky 2008, https://doi.org/10.1109/ICDM.2008.22, regularised as
in Rendle et al. 2022, https://doi.org/10.1145/3523227.3548486). In turns each side is held fixed and every row of the other
takes a few steps of conjugate gradients from where it stands (Takacs, Pilaszy & Tikk 2011,
https://doi.org/10.1145/2043932.2043987): three take a quarter of Cholesky's time and lose nothing over the epochs.

irspack does the same, but sums its Gram matrix in whichever order its threads come, so that byte-identical factors cost all
cores but one. Here a row depends on the fixed side alone and the Gram matrix is made before the threads start. One core
takes .34 s an epoch for 2.6 M pairs at d=64, irspack .45 s.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from models.cores import one_blas_thread
from models.fold_in import gram, unheard_weights
from models.frozen import frozen

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

CG_STEPS = 3
_CHUNK = 256  # rows that a thread takes at a time
# Sums may be regrouped so that they vectorise: always the same way, as the code is compiled once for a machine.
_jit: Any = numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"})


@dataclass(frozen=True)
class Objective:
    """Weights of the objective in models/fold_in.py."""

    alpha0: float
    reg: float
    nu: float
    unheard_exponent: float = 0.0

    def base(self, fixed: Float32s, unheard: Float64s | None = None) -> Float32s:
        """alpha0 V'WV of the fixed side V, float32 [d, d]."""
        with one_blas_thread():
            return (self.alpha0 * gram(fixed, unheard)).astype(np.float32)

    def ridge(self, counts: npt.NDArray[Any], others: float | Float64s) -> Float64s:
        """Regularisation of rows with `counts` observed pairs against unobserved ones that weigh `others`, float64 [n]."""
        return np.asarray(self.reg * (self.alpha0 * others + counts) ** self.nu, np.float64)


def factorize(
    confidence: Any, dimensions: int, objective: Objective, epochs: int, seed: int, threads: int = 1, std: float = 0.1
) -> tuple[Float32s, Float32s]:
    """Factors of rows and columns.

    Parameters
    ----------
    confidence : scipy sparse float32 [n, m], positive weights of the observed pairs.
    threads : how many cores; no bit of the result depends on it.
    std : standard deviation of a row's first guess, over all dimensions.

    Returns
    -------
    float32 [n, d] and float32 [m, d].
    """
    rng = np.random.default_rng(seed)
    n, m = confidence.shape
    scale = np.float32(std / dimensions**0.5)
    rows, columns = (scale * rng.standard_normal((size, dimensions), dtype=np.float32) for size in (n, m))
    by_row, by_column = confidence.tocsr(), confidence.T.tocsr()
    heard = np.diff(by_column.indptr)
    unheard = unheard_weights(heard, objective.unheard_exponent)
    row_ridge = objective.ridge(np.diff(by_row.indptr), float(m))
    # A column's loss over its own weight: unobserved pairs then weigh alpha0 for all of them, and one Gram matrix serves all.
    column_ridge = objective.ridge(heard, n * unheard) / unheard
    by_column.data = (by_column.data / np.repeat(unheard, heard)).astype(np.float32)
    for _ in range(epochs):
        improve(rows, by_row, columns, objective.base(columns, unheard), row_ridge, threads)
        improve(columns, by_column, rows, objective.base(rows), column_ridge, threads)
    return rows, columns


def improve(
    target: Float32s, confidence: Any, fixed: Float32s, base: Float32s, ridge: Float64s, threads: int, steps: int = CG_STEPS
) -> None:
    """Take `steps` conjugate gradients from `target` float32 [n, d] towards its best for `fixed` float32 [m, d], in place.

    `base` : float32 [d, d], what all rows' systems share; `ridge` : float64 [n].
    """
    shared, ridges = frozen(base), frozen(ridge.astype(np.float32))
    indptr, known = frozen(confidence.indptr.astype(np.int64)), frozen(fixed)
    columns, weights = frozen(confidence.indices.astype(np.int32)), frozen(confidence.data)

    def work(start: int) -> None:
        part = slice(start, start + _CHUNK)
        _improve_rows(indptr[start : start + _CHUNK + 1], columns, weights, known, shared, ridges[part], steps, target[part])

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, range(0, len(target), _CHUNK)):
            pass


@_jit
def _improve_rows(
    indptr: Int64s,
    columns: Int32s,
    weights: Float32s,
    fixed: Float32s,
    base: Float32s,
    ridge: Float32s,
    steps: int,
    target: Float32s,
) -> None:
    """Conjugate gradients on A x = b, A = base + ridge I + sum_j c_j v_j v_j' and b = sum_j c_j v_j, row by row."""
    zero, one = np.float32(0.0), np.float32(1.0)
    d = target.shape[1]
    rest, way, fall = np.empty(d, np.float32), np.empty(d, np.float32), np.empty(d, np.float32)
    for row in range(len(target)):
        x = target[row]
        pairs = slice(indptr[row], indptr[row + 1])
        rest[:] = zero
        _add_pairs(columns[pairs], weights[pairs], fixed, one, x, rest)
        _subtract_dense(base, ridge[row], x, rest)  # b - A x
        way[:] = rest
        size = _dot(rest, rest)
        for _ in range(steps):
            if size <= np.float32(1e-20):
                break
            fall[:] = zero
            _add_pairs(columns[pairs], weights[pairs], fixed, zero, way, fall)
            _subtract_dense(base, ridge[row], way, fall)  # -A way
            length = -size / _dot(way, fall)
            for i in range(d):
                x[i] += length * way[i]
                rest[i] += length * fall[i]
            before, size = size, _dot(rest, rest)
            for i in range(d):
                way[i] = rest[i] + size / before * way[i]


@_jit
def _add_pairs(columns: Int32s, weights: Float32s, fixed: Float32s, wanted: np.float32, x: Float32s, out: Float32s) -> None:
    """Add sum_j c_j (wanted - v_j.x) v_j to `out`; four pairs at a time hide the latency of their sums."""
    d = len(x)
    whole = len(columns) // 4 * 4
    for at in range(0, whole, 4):
        v0, v1, v2, v3 = fixed[columns[at]], fixed[columns[at + 1]], fixed[columns[at + 2]], fixed[columns[at + 3]]
        t0 = t1 = t2 = t3 = np.float32(0.0)
        for i in range(d):
            t0 += v0[i] * x[i]
            t1 += v1[i] * x[i]
            t2 += v2[i] * x[i]
            t3 += v3[i] * x[i]
        t0, t1 = weights[at] * (wanted - t0), weights[at + 1] * (wanted - t1)
        t2, t3 = weights[at + 2] * (wanted - t2), weights[at + 3] * (wanted - t3)
        for i in range(d):
            out[i] += t0 * v0[i] + t1 * v1[i] + t2 * v2[i] + t3 * v3[i]
    for at in range(whole, len(columns)):
        v = fixed[columns[at]]
        t = weights[at] * (wanted - _dot(v, x))
        for i in range(d):
            out[i] += t * v[i]


@_jit
def _subtract_dense(base: Float32s, ridge: np.float32, x: Float32s, out: Float32s) -> None:
    """Subtract (base + ridge I) x from `out`; `base` is symmetric."""
    d = len(x)
    whole = d // 4 * 4
    for i in range(d):
        out[i] -= ridge * x[i]
    for at in range(0, whole, 4):
        x0, x1, x2, x3 = x[at], x[at + 1], x[at + 2], x[at + 3]
        g0, g1, g2, g3 = base[at], base[at + 1], base[at + 2], base[at + 3]
        for i in range(d):
            out[i] -= g0[i] * x0 + g1[i] * x1 + g2[i] * x2 + g3[i] * x3
    for at in range(whole, d):
        for i in range(d):
            out[i] -= base[at, i] * x[at]


@_jit
def _dot(a: Float32s, b: Float32s) -> np.float32:
    total = np.float32(0.0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total
