"""Read-only views for compiled kernels."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", bound=np.generic)


def frozen(array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """View of `array` that cannot be written, contiguous.

    Numba compiles a kernel again for read-only arrays, which Arrow and memory-mapped files give and numpy does not: handing
    it nothing else halves the seconds of compilation in a fresh checkout and in every new worker.
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
