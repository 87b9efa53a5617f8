"""Tables of a row or a few, in the contract's schema."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from conf import tables as t
from spark_jobs.schema import arrow_schema


def metrics_table(run_date: date, value: float) -> pa.Table:
    row = {
        "run_date": run_date, "surface": "s", "cut": run_date, "model": "m", "metric": "n", "value": value,
        "low": None, "high": None, "listeners": 1, "simulated": True,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=arrow_schema(t.METRICS))


def users_table(*names: str) -> pa.Table:
    rows = [{"user_id": name, "timezone": None, "country": None, "simulated": True} for name in names]
    return pa.Table.from_pylist(rows, schema=arrow_schema(t.USERS))


def taken_table(day: date) -> pa.Table:
    row = dict.fromkeys(t.LANDING_FILES.column_names, "x") | {"bytes": 1, "rows": 1, "quarantined": 0, "taken_on": day}
    return pa.Table.from_pylist([row], schema=arrow_schema(t.LANDING_FILES))
