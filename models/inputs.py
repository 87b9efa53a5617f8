"""history weights -> inputs: what each heard track says about its listener, on one of four scales.

A weight is a decayed number of plays, and plays are heavy-tailed: one favourite album can outweigh a year. `binary` and
`log` flatten that for everybody alike; `share` also puts a light listener beside a heavy one, whose favourites count the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt

from conf.values import Inputs
from models.frozen import frozen
from models.histories import Histories

if TYPE_CHECKING:  # workers never need the matrix
    from scipy import sparse

_CODES: dict[Inputs, int] = {"binary": 0, "log": 1, "linear": 2, "share": 3}
_jit: Any = numba.njit(nogil=True, cache=True)


def inputs_of(log: Histories, how: Inputs) -> npt.NDArray[np.float32]:
    """Input of each heard track, float32 [nnz], 0 where its weight is 0.

    `binary` is 1, `linear` the weight itself, `log` is log(1 + weight), and `share` is that over the listener's largest.
    """
    return _inputs(frozen(log.indptr), frozen(log.weight), _CODES[how])  # type: ignore[no-any-return]


def input_matrix(log: Histories, tracks: int, how: Inputs) -> sparse.csr_array[np.float32]:
    """Listeners x tracks of `inputs_of`, float32; tracks of weight 0 are left out."""
    matrix = log.matrix(tracks)
    matrix.data = _inputs(frozen(matrix.indptr.astype(np.int64)), frozen(matrix.data), _CODES[how])
    return matrix


@_jit
def _inputs(indptr: npt.NDArray[np.int64], weight: npt.NDArray[np.float32], how: int) -> npt.NDArray[np.float32]:
    """One by one: numpy's vectorised logarithm has other last bits at other places of an array."""
    out = np.zeros(len(weight), np.float32)
    for row in range(len(indptr) - 1):
        largest = np.float32(0.0)
        for at in range(indptr[row], indptr[row + 1]):
            largest = max(largest, weight[at])
        whole = np.log1p(np.float64(largest))
        for at in range(indptr[row], indptr[row + 1]):
            if weight[at] > 0:
                if how == 0:
                    out[at] = 1.0
                elif how == 1:
                    out[at] = np.log1p(np.float64(weight[at]))
                elif how == 2:
                    out[at] = weight[at]
                else:
                    out[at] = np.log1p(np.float64(weight[at])) / whole
    return out
