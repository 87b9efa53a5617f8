"""External ids of the world's listeners, tracks and artists. They say nothing about popularity or taste."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.str_]


def user_ids(n: int) -> Ids:
    """Return `u000000`, `u000001`, ..."""
    return np.char.mod("u%06d", np.arange(n))


def track_ids(n: int) -> Ids:
    """Return `t000000`, `t000001`, ..."""
    return np.char.mod("t%06d", np.arange(n))


def artist_ids(n: int) -> Ids:
    """Return `a00000`, `a00001`, ..."""
    return np.char.mod("a%05d", np.arange(n))
