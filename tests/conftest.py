"""Fixtures that many tests share: one Spark session, real data where it is given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One local session for every test marked spark: a session costs 6.5 s, its first Delta write 7-10 s more."""
    from conf.settings import Spark
    from spark_jobs import session

    made = session.get(Spark(cores=2, driver_memory="1g"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real inputs: PLANT_REAL_DATA, else `shared/data` beside the checkout; skips where neither is there."""
    given = os.environ.get("PLANT_REAL_DATA")
    folder = Path(given) if given else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real input data is not here: set PLANT_REAL_DATA to its folder")
    return folder
