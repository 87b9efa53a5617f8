from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pyarrow as pa

from spark_jobs.training.listener_sample import sample


def test_everybody_in_order_of_user_id_whatever_the_file_layout(as_rows: Any, histories: pa.Table) -> None:
    shuffled = histories.take(np.random.default_rng(0).permutation(60))
    first, second = sample(as_rows(histories), 100), sample(as_rows(shuffled, batch=7), 100)
    assert first.user_ids.to_pylist() == sorted(histories["user_id"].to_pylist())
    assert second.user_ids == first.user_ids
    assert second.track_idx.tobytes() == first.track_idx.tobytes()
    assert second.weight.tobytes() == first.weight.tobytes()


def test_a_sample_is_the_lowest_checksums(as_rows: Any, histories: pa.Table) -> None:
    names = histories["user_id"].to_pylist()
    expected = sorted(sorted(names, key=lambda name: zlib.crc32(name.encode()))[:12])
    assert sample(as_rows(histories), 12).user_ids.to_pylist() == expected


def test_nobody(as_rows: Any, histories: pa.Table) -> None:
    assert len(sample(as_rows(histories.slice(0, 0)), 12)) == 0
