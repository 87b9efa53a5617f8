"""Small LightGBM models over rows with and without missing values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pytest

Train = Callable[..., list[Any]]
COLUMNS = 12


def rows(n: int, seed: int, missing: float = 0.2) -> np.ndarray:
    """float32 [n, COLUMNS]; the first half of the columns has missing values; the last one counts in whole steps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, COLUMNS)).astype(np.float32)
    x[:, -1] = rng.integers(0, 4, n)
    x[:, : COLUMNS // 2][rng.random((n, COLUMNS // 2)) < missing] = np.nan
    return x


@pytest.fixture(scope="session")
def train() -> Train:
    """Boosters of other seeds over the same rows."""

    def boosters(seeds: int = 2, rounds: int = 25, leaves: int = 15, depth: int = 6, n: int = 3000) -> list[Any]:
        x = rows(n, seed=1)
        noise = np.random.default_rng(2).normal(size=n)
        y = (np.nan_to_num(x[:, :3], nan=1.5).sum(axis=1) + x[:, -1] * x[:, 7] + noise > 0).astype(int)
        params = {"objective": "binary", "num_leaves": leaves, "max_depth": depth, "verbose": -1, "num_threads": 1}
        params |= {"feature_fraction": 0.7, "deterministic": True, "min_data_in_leaf": 5}
        return [lightgbm.train({**params, "seed": seed}, lightgbm.Dataset(x, y), rounds) for seed in range(seeds)]

    return boosters
