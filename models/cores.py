"""The machine's cores: how many this process may use, and BLAS kept to one of them."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import threadpoolctl


def usable() -> int:
    """Cores that this process may run on; macOS and Windows do not say, there it is all of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep BLAS on one thread: Python's threads share the cores already, or no bit may depend on how many there are."""
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@lru_cache(maxsize=1)
def _controller() -> threadpoolctl.ThreadpoolController:
    """Finding the loaded BLAS libraries takes milliseconds, so it is done once a process.

    numpy and scipy each bring one of their own: the search has to come after both, or the later would never be limited.
    """
    import scipy.linalg  # noqa: F401

    return threadpoolctl.ThreadpoolController()
