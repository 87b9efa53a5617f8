"""listener_features -> the derived features of a bounded sample of listeners: whom one listener is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.features.listener import DERIVED
from spark_jobs.warehouse import Warehouse

# A percentile of four thousand is right to within one of a hundred, and their rows are read in a blink.
ENOUGH = 4_000


@dataclass(frozen=True)
class Everybody:
    """Derived features of the listeners compared with, one column each."""

    table: pa.Table

    @classmethod
    def of(cls, warehouse: Warehouse, monday: date, buckets: int) -> Everybody:
        """Listeners of the first buckets of a week, as many buckets as hold ENOUGH of them: the same ones every time.

        A bucket is crc32(user_id) modulo `buckets`, so it holds no kind of listener more than another.
        """
        week = warehouse.rows(t.LISTENER_FEATURES, conditions=[("run_date", "=", monday)])
        needed = ceil(buckets * ENOUGH / max(week.count(), 1))
        return cls(week.table([feature.name for feature in DERIVED], where=pc.field("bucket") < needed))

    def __len__(self) -> int:
        return len(self.table)

    def sorted(self, name: str) -> Any:
        """Known values of a feature, float32, ascending."""
        values = self.table.column(name).drop_null().to_numpy()
        return np.sort(values[~np.isnan(values)])
