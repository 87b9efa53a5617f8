from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest

from models.histories import Histories

MakeLog = Callable[..., Histories]


@pytest.fixture
def make_log() -> MakeLog:
    """Histories of lists of tracks in the order they were heard, on days 0, `step`, 2 `step`, ..."""

    def make(lists: Sequence[Sequence[int]], step: int = 1) -> Histories:
        days = [np.arange(len(row)) * step for row in lists]
        orders = [np.argsort(np.asarray(row, np.int64)) for row in lists]
        tracks = [np.asarray(row, np.int64)[order] for row, order in zip(lists, orders, strict=True)]
        flat = np.concatenate([*tracks, np.empty(0)]).astype(np.int32)
        ones = np.ones(len(flat), np.int32)
        return Histories(
            user_ids=pa.array([f"u{n:04d}" for n in range(len(lists))]),
            indptr=np.cumsum([0, *(len(row) for row in lists)]).astype(np.int64),
            track_idx=flat,
            plays=ones,
            completions=ones,
            skips=0 * ones,
            last_day=np.concatenate([*(d[o] for d, o in zip(days, orders, strict=True)), np.empty(0)]).astype(np.int32),
            weight=ones.astype(np.float32),
        )

    return make
