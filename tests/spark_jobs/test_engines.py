"""For every table: Spark, delta-rs, DuckDB and Polars return the same rows, whoever wrote them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest

from conf.contract import Table
from conf.tables import TABLES
from spark_jobs.queries import rows as duckdb_rows
from spark_jobs.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def in_key_order(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: [str(row[name]) for name in table.key])


def python_rows(data: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = data.to_pylist(maps_as_pydicts="strict")
    return rows


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_readers_without_a_jvm_agree(planted: Warehouse, planted_rows: dict[str, pa.Table], table: Table) -> None:
    expected = in_key_order(table, python_rows(planted_rows[table.name]))
    assert_readers_agree(planted, table, expected)


@pytest.mark.spark
def test_all_four_readers_agree_on_what_each_tables_own_engine_wrote(
    tmp_path: Path, planted_rows: dict[str, pa.Table], spark: SparkSession
) -> None:
    warehouse = Warehouse(tmp_path)

    def write_and_read(table: Table) -> list[dict[str, Any]]:
        rows = planted_rows[table.name]
        if table.engine == "spark":
            assert warehouse.write_frame(table, spark.createDataFrame(rows), "") == rows.num_rows
        else:
            warehouse.write_arrow(table, rows, "")
        return python_rows(warehouse.frame(spark, table).toArrow())

    with ThreadPoolExecutor(4) as pool:  # a commit waits more than it works
        by_spark = dict(zip(TABLES, pool.map(write_and_read, TABLES.values()), strict=True))
    for name, table in TABLES.items():
        expected = in_key_order(table, python_rows(planted_rows[name]))
        assert in_key_order(table, by_spark[name]) == expected, f"spark reads other rows of {name}"
        assert_readers_agree(warehouse, table, expected)


def assert_readers_agree(warehouse: Warehouse, table: Table, expected: list[dict[str, Any]]) -> None:
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    found = {
        "delta-rs": python_rows(warehouse.rows(table).table()),
        "duckdb": duckdb_rows(warehouse, f"select {columns} from {table.name}"),
        "polars": pl.read_delta(str(warehouse.path(table))).to_dicts(),
    }
    for engine, rows in found.items():
        assert in_key_order(table, rows) == expected, f"{engine} reads other rows of {table.name}"
