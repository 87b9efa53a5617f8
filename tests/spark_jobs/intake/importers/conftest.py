"""Reading back what an importer wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

Rows = Callable[[Path, str], list[dict[str, Any]]]


@pytest.fixture
def rows() -> Rows:
    """Rows of a landing entity without their null fields, in file order."""

    def read(landing: Path, entity: str) -> list[dict[str, Any]]:
        files = sorted((landing / entity).glob("*.parquet"))
        found = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
        return [{name: value for name, value in row.items() if value is not None} for row in found]

    return read
