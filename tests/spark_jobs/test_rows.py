"""Conditions mean the same to Arrow as they say in SQL."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pytest

from conf import tables as t
from spark_jobs.rows import sql
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

DAYS = [date(2026, 9, 7) + timedelta(days=7 * n) for n in range(-2, 3)]


@pytest.mark.parametrize("how", ["=", "<", "<=", ">", ">="])
def test_arrow_reads_what_sql_says(tmp_path, how: str) -> None:
    warehouse = Warehouse(tmp_path)
    rows = [
        {"run_date": day, "user_id": "u", "source": "mf", "track_idx": [1], "score": [1.0], "because": [-1]} for day in DAYS
    ]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(t.CANDIDATES))
    warehouse.write_arrow(t.CANDIDATES, table, "true")
    condition = ("run_date", how, DAYS[2])
    with duckdb.connect() as base:
        base.register("given", table)
        wanted = sorted(row[0] for row in base.execute(f"select run_date from given where {sql(condition)}").fetchall())
    found = warehouse.rows(t.CANDIDATES, conditions=[condition]).table(columns=["run_date"])["run_date"].to_pylist()
    assert sorted(found) == wanted and 0 < len(wanted) < len(DAYS)
