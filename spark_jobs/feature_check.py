"""The feature store against what the catalogue promises: how old, how empty, out of bounds, and drifted since last week.

Ages are counted from the Monday asked for, never from a clock. A deterministic sample of listeners answers: those of the first
buckets of crc32(user_id), as many as a setting allows; tracks and artists are looked at whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.contract import Table
from conf.features.feature import TABLE_OF, Feature
from conf.pipeline import newest_monday
from conf.tables import TABLES
from models.ranking.features.drift import psi
from spark_jobs.warehouse import Warehouse

DRIFTED, MOVED = 0.25, 0.1
# Float32 sums of shares may end a hair beyond their bounds.
_SLACK = 1e-5


@dataclass(frozen=True)
class Checked:
    """What was found of one feature.

    Attributes
    ----------
    newest : run_date of its newest rows. age_days : how old they are on the day asked for; None: there are none.
    rows : how many were looked at. null_share : of these. outside : values out of the domain.
    psi : against the week before; None where there is none, or nothing to compare.
    """

    feature: Feature
    newest: date | None
    age_days: int | None
    rows: int
    null_share: float | None
    outside: int
    psi: float | None

    @property
    def broken(self) -> tuple[str, ...]:
        """Promises that are not kept."""
        if self.age_days is None:
            return ("no rows",)
        told = {
            "stale": self.age_days >= self.feature.fresh_days,
            "null": self.null_share is not None and self.null_share > self.feature.max_null,
            "domain": self.outside > 0,
            "drift": self.psi is not None and self.psi > DRIFTED,
        }
        return tuple(word for word, true in told.items() if true)

    @property
    def verdict(self) -> str:
        """`ok`, `moved`, or what is broken."""
        return ", ".join(self.broken) or ("moved" if self.psi is not None and self.psi > MOVED else "ok")


def check(warehouse: Warehouse, run_date: date, features: Iterable[Feature], most: int) -> list[Checked]:
    """Look at `features` as of Monday `run_date`; `most` : listeners of the sample."""
    by_table: dict[str, list[Feature]] = {}
    for feature in features:
        by_table.setdefault(TABLE_OF[feature.entity], []).append(feature)
    return [found for name, some in by_table.items() for found in _check_table(warehouse, TABLES[name], some, run_date, most)]


def newest_week(warehouse: Warehouse) -> date | None:
    """The Monday that features ought to be of: the newest that the log reaches, or that any has; None before the first."""
    found = [_newest(warehouse, TABLES[name], None) for name in TABLE_OF.values()]
    last = warehouse.state(t.LISTENS).newest if warehouse.exists(t.LISTENS) else None
    return max((monday for monday in (*found, last and newest_monday(last)) if monday), default=None)


def _check_table(warehouse: Warehouse, table: Table, features: list[Feature], run_date: date, most: int) -> Iterator[Checked]:
    newest = _newest(warehouse, table, run_date)
    if newest is None:
        yield from (Checked(feature, None, None, 0, None, 0, None) for feature in features)
        return
    names, age = [feature.name for feature in features], (run_date - newest).days
    now = _sample(warehouse, table, newest, names, most)
    was = _sample(warehouse, table, newest - timedelta(days=7), [f.name for f in features if _is_number(f)], most)
    for feature in features:
        values = now[feature.name]
        drift = psi(_numbers(was[feature.name]), _numbers(values)) if _is_number(feature) and len(was) else None
        nulls = values.null_count / len(values) if len(values) else None
        yield Checked(feature, newest, age, len(values), nulls, _outside(feature, values), drift)


def _newest(warehouse: Warehouse, table: Table, until: date | None) -> date | None:
    """Newest Monday with rows, not after `until`."""
    if not warehouse.exists(table):
        return None
    mondays = warehouse.partitions(table)
    return max((monday for monday in mondays if until is None or monday <= until), default=None)


def _sample(warehouse: Warehouse, table: Table, run_date: date, names: list[str], most: int) -> pa.Table:
    """Columns `names` of a week; of tables of listeners, whole buckets with about `most` rows."""
    rows = warehouse.rows(table, None, [("run_date", "=", run_date)])
    where = None
    if "bucket" in table.column_names:
        bucket = rows.table(columns=["bucket"])["bucket"].to_numpy()
        reached = np.cumsum(np.bincount(bucket)) if len(bucket) else np.zeros(1)
        where = pc.field("bucket") < max(int(np.searchsorted(reached, most, side="right")), 1)
    return rows.table(columns=names, where=where)


def _is_number(feature: Feature) -> bool:
    return feature.type in ("int", "bigint", "float")


def _numbers(values: Any) -> npt.NDArray[np.float64]:
    return np.asarray(values.cast(pa.float64()).combine_chunks().fill_null(np.nan).to_numpy(zero_copy_only=False), np.float64)


def _outside(feature: Feature, values: Any) -> int:
    """Numbers of a column, of its lists or of its maps that are NaN, infinite or out of the domain."""
    flat = values.combine_chunks()
    if isinstance(flat, pa.ChunkedArray):  # an empty column
        return 0
    if pa.types.is_map(flat.type):
        flat = flat.items
    elif pa.types.is_list(flat.type):
        flat = flat.flatten()
    if not (pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type)):
        return 0
    numbers = flat.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
    low = -np.inf if feature.low is None else feature.low - _SLACK
    high = np.inf if feature.high is None else feature.high + _SLACK
    return int(np.sum(~(np.isfinite(numbers) & (numbers >= low) & (numbers <= high))))
