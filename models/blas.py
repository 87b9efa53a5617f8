"""One thread of BLAS, where threads of Python share the cores already or where no bit may depend on how many there are."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import threadpoolctl


def one_thread() -> AbstractContextManager[Any]:
    """Keep BLAS on one thread until the context ends."""
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@lru_cache(maxsize=1)
def _controller() -> threadpoolctl.ThreadpoolController:
    """Finding the loaded BLAS libraries takes milliseconds, so it is done once a process."""
    return threadpoolctl.ThreadpoolController()
