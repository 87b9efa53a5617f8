from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from spark_jobs.contract import Run
from spark_jobs.schema import arrow_schema


@dataclass(frozen=True)
class ArrowRows:
    """`spark_jobs.contract.Rows` over a table in memory, handed out `batch` rows at a time."""

    data: pa.Table
    batch: int = 16

    @property
    def schema(self) -> pa.Schema:
        return self.data.schema

    def table(self, columns: list[str] | None = None, where: Any = None) -> pa.Table:
        kept = self.data if where is None else self.data.filter(where)
        return kept.select(columns) if columns else kept

    def batches(self, columns: list[str] | None = None, where: Any = None) -> Iterator[pa.RecordBatch]:
        return iter(self.table(columns, where).to_batches(max_chunksize=self.batch))

    def count(self) -> int:
        return len(self.data)


@pytest.fixture(scope="session")
def as_rows() -> Callable[..., ArrowRows]:
    return ArrowRows


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(run_date=date(2026, 9, 7), cut=date(2026, 9, 6), landing=tmp_path, warehouse=tmp_path)


@pytest.fixture
def histories() -> pa.Table:
    """Sixty listeners and forty tracks in two tastes; even listeners hear even tracks."""
    rng = np.random.default_rng(11)
    heard = ((np.arange(60)[:, None] + np.arange(40)) % 2 == 0) & (rng.random((60, 40)) < 0.6)
    tracks = [np.flatnonzero(row).astype(np.int32) for row in heard]
    ones = [np.ones(len(row), np.int32) for row in tracks]
    last_day = (date(2026, 9, 1) - date(1970, 1, 1)).days
    columns = {
        "run_date": [date(2026, 9, 7)] * 60,
        "bucket": [0] * 60,
        "user_id": [f"u{i:03d}" for i in range(60)],
        "track_idx": tracks,
        "plays": ones,
        "completions": ones,
        "skips": [0 * row for row in ones],
        "last_day": [last_day * row for row in ones],
        "weight": [row.astype(np.float32) for row in ones],
        "listens": [len(row) for row in tracks],
        "last_listen_at": [None] * 60,
        "simulated": [False] * 60,
    }
    schema = arrow_schema(t.HISTORIES)
    return pa.table({f.name: pa.array(columns[f.name], f.type) for f in schema})


@pytest.fixture
def tracks() -> pa.Table:
    """Forty tracks in no order; number 4 is blocked, 5 comes out after the Monday."""
    order = np.random.default_rng(12).permutation(40)
    return pa.table(
        {
            "track_idx": pa.array(order, pa.int32()),
            "track_id": [f"t{i:02d}" for i in order],
            "release_date": pa.array([date(2030, 1, 1) if i == 5 else None for i in order], pa.date32()),
            "blocked": [bool(i == 4) for i in order],
        }
    )


@pytest.fixture
def users() -> pa.Table:
    """Listeners 0 to 39; the others have no row."""
    home = {"country": ["DE", "FR", None, "DE"] * 10, "timezone": ["Europe/Berlin", "Asia/Tokyo", None, "Nowhere/At_all"] * 10}
    return pa.table({"user_id": [f"u{i:03d}" for i in range(40)], **home})


@pytest.fixture
def sessions() -> pa.Table:
    """At 04:00 UTC on 1 September listeners 0 to 7 hear t01 and t07; it is 6 in Berlin, 13 in Tokyo, 4 elsewhere."""
    users, at = [f"u{i:03d}" for i in range(8)], datetime(2026, 9, 1, 4, tzinfo=UTC)
    known = {
        "user_id": users,
        "started_at": [at] * 8,
        "ended_at": [at + timedelta(minutes=7)] * 8,
        "listens": [2] * 8,
        "completed": [2, 1] * 4,
    }
    return pa.table({**known, "track_ids": [["t01", "t07"]] * 8})
