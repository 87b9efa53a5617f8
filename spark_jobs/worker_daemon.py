"""Parent of Spark's Python workers, with what they need imported before they fork.

Spark ends a worker that was idle for a minute, and a fresh one spends 1.8 CPU seconds on imports and .7 on loading compiled
kernels before it meets its first listener. Forked from here it starts at once, and all workers share these pages.
"""

from __future__ import annotations

import importlib

import numpy as np
import pyarrow as pa
from pyspark import daemon

from models.fold_in import ItemSide, gram
from models.histories import PER_TRACK, Histories
from models.sources.base import Catalogue, Exclusions, Listeners
from models.sources.mf import MatrixFactorization

NEEDED = (
    "pyarrow.parquet",
    "spark_jobs.block_files",
    "spark_jobs.features.build_histories",
    "spark_jobs.serving.build_discover_weekly",
    "spark_jobs.serving.proposer",
)


def rehearse() -> None:
    """Load the kernels of the costliest source by asking it for one made-up listener."""
    factors = np.eye(4, 2, dtype=np.float32)
    catalogue = Catalogue.of_size(4)
    items = ItemSide(factors, gram(factors), alpha0=0.1, reg=0.01, nu=1.0, weight_scale=1.0)
    heard = {name: np.ones(1, kind) for name, kind in PER_TRACK.items()}
    log = Histories(pa.array(["nobody"]), np.array([0, 1]), **heard)
    block = Listeners(log, pa.nulls(1, pa.string()))
    MatrixFactorization.of(items, catalogue).recommend(block, 2, Exclusions(log.indptr, log.track_idx))


if __name__ == "__main__":
    for name in NEEDED:
        importlib.import_module(name)
    rehearse()
    daemon.manager()
