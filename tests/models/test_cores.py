"""One thread of BLAS means one of each BLAS, whoever loads it and when."""

from __future__ import annotations

import json
import os
import subprocess
import sys

PROGRAM = """
import json
import numpy, threadpoolctl
from models.cores import one_blas_thread
with one_blas_thread():
    pass
import scipy.linalg
with one_blas_thread():
    print(json.dumps([found["num_threads"] for found in threadpoolctl.threadpool_info() if found["user_api"] == "blas"]))
"""


def test_a_library_that_is_loaded_after_the_first_limit_is_limited_too() -> None:
    """In a week's one process the first trainer met numpy's BLAS alone, and the next one's bits changed with its place."""
    environ = os.environ | {"OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": os.getcwd()}
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    threads = json.loads(answer.stdout)
    assert len(threads) >= 2, "numpy's and scipy's own"
    assert set(threads) == {1}
