"""`plant migrate`: tables of older contracts come to today's, once, and lose nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from conf.contract import Column, Table
from conf.errors import ContractError
from conf.tables import LISTENS, PLAYLISTS, TABLES, USERS
from spark_jobs import migrations
from spark_jobs.cli.main import main
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


def older(table: Table, *without: str, checks: dict[str, str] | None = None, **types: str) -> Table:
    """`table` as an earlier contract had it: without some columns, others of another type."""
    columns = [replace(c, type=types.get(c.name, c.type)) for c in table.columns if c.name not in without]
    return replace(table, columns=tuple(columns), checks=table.checks if checks is None else checks)


def plant_older(warehouse: Warehouse, contract: Table, rows: pa.Table) -> None:
    """Write `rows` into a table of the older contract."""
    schema = arrow_schema(contract)
    kept = [n for n in schema.names if n in rows.schema.names]
    warehouse.write_arrow(contract, rows.select(kept).cast(pa.schema([schema.field(n) for n in kept])), "true")


def migrate(warehouse: Warehouse) -> list[str]:
    steps = []
    for migration in migrations.plan(warehouse):
        migrations.apply(warehouse, migration)
        steps += migration.steps
    return steps


def read(warehouse: Warehouse, table: Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = warehouse.rows(table).table(columns=list(table.column_names)).to_pylist()
    return sorted(rows, key=lambda row: [str(row[name]) for name in table.key])


def expected(rows: pa.Table, table: Table, **changed: Any) -> list[dict[str, Any]]:
    found = [row | changed for row in rows.to_pylist()]
    return sorted(found, key=lambda row: [str(row[name]) for name in table.key])


def test_nothing_to_do(planted: Warehouse) -> None:
    versions = {name: planted.state(table).version for name, table in TABLES.items()}
    assert migrate(planted) == []
    assert {name: planted.state(table).version for name, table in TABLES.items()} == versions


def test_nullable_column_is_added_in_the_log_alone(tmp_path: Path, planted_rows: dict[str, pa.Table]) -> None:
    warehouse = Warehouse(tmp_path)
    plant_older(warehouse, older(LISTENS, "device"), planted_rows["listens"])
    files = warehouse.state(LISTENS).files
    assert migrate(warehouse) == ["add column device"]
    assert warehouse.state(LISTENS).files == files
    assert read(warehouse, LISTENS) == expected(planted_rows["listens"], LISTENS, device=None)


def test_column_with_a_default_rebuilds(tmp_path: Path, planted_rows: dict[str, pa.Table]) -> None:
    warehouse = Warehouse(tmp_path)
    plant_older(warehouse, older(LISTENS, "simulated", "device"), planted_rows["listens"])
    before = warehouse.state(LISTENS).version
    assert migrate(warehouse) == ["add column device", "rebuild: column simulated is new, with default false"]
    assert read(warehouse, LISTENS) == expected(planted_rows["listens"], LISTENS, device=None, simulated=False)
    state = warehouse.state(LISTENS)
    assert state.dataset.schema.equals(arrow_schema(LISTENS))
    assert state.newest == date(2026, 9, 10), "partitions stay"
    assert state.checks.keys() == LISTENS.checks.keys(), "checks stay"
    assert state.version == before + 1, "one commit: nobody sees half a table"


def test_wider_type_and_nested_columns_survive(tmp_path: Path, planted_rows: dict[str, pa.Table]) -> None:
    warehouse = Warehouse(tmp_path)
    plant_older(warehouse, older(LISTENS, ms_played="int"), planted_rows["listens"])
    plant_older(warehouse, older(PLAYLISTS, "simulated"), planted_rows["playlists"])
    assert migrate(warehouse) == [
        "rebuild: column ms_played is int32, the contract says int64",
        "rebuild: column simulated is new, with default false",
    ]
    assert read(warehouse, LISTENS) == expected(planted_rows["listens"], LISTENS)
    assert read(warehouse, PLAYLISTS) == expected(planted_rows["playlists"], PLAYLISTS, simulated=False)


def test_column_that_is_gone_is_dropped_and_stays_in_the_past(tmp_path: Path, planted_rows: dict[str, pa.Table]) -> None:
    warehouse = Warehouse(tmp_path)
    with_age = replace(USERS, columns=(*USERS.columns, Column("age", "int", "")))
    warehouse.write_arrow(with_age, planted_rows["users"].append_column("age", pa.array([30, 40, 50], pa.int32())), "true")
    before = warehouse.state(USERS).version
    assert migrate(warehouse) == ["rebuild: column age is gone"]
    assert read(warehouse, USERS) == expected(planted_rows["users"], USERS)
    assert sorted(warehouse.rows(USERS, before).dataset().to_table()["age"].to_pylist()) == [30, 40, 50]


def test_checks_are_added_and_dropped_by_name(tmp_path: Path, planted_rows: dict[str, pa.Table]) -> None:
    warehouse = Warehouse(tmp_path)
    plant_older(warehouse, older(LISTENS, checks={"no_longer_asked": "ms_played < 10000000"}), planted_rows["listens"])
    assert migrate(warehouse) == ["drop check no_longer_asked", "add check ms_played_not_negative"]
    assert warehouse.state(LISTENS).checks.keys() == {"ms_played_not_negative"}
    bad = planted_rows["listens"].slice(0, 1).set_column(5, "ms_played", pa.array([-1], pa.int64()))
    with pytest.raises(ContractError, match="listens refuses rows"):
        warehouse.write_arrow(LISTENS, bad, "")


def test_rows_that_break_a_new_check_are_listed(tmp_path: Path, planted_rows: dict[str, pa.Table]) -> None:
    warehouse = Warehouse(tmp_path)
    bad = planted_rows["listens"].set_column(5, "ms_played", pa.array([-1] * 5, pa.int64()))
    plant_older(warehouse, older(LISTENS, checks={}), bad)
    with pytest.raises(ContractError, match=r"select \* from listens where not \(ms_played >= 0\)"):
        migrate(warehouse)


@pytest.mark.parametrize(
    ("contract", "seen"),
    [
        (replace(USERS, columns=(*USERS.columns, Column("age", "int", "", nullable=False))), "3 rows without a value"),
        (older(USERS, country="int"), "Failed to parse string"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(
    planted: Warehouse, planted_rows: dict[str, pa.Table], contract: Table, seen: str
) -> None:
    before = planted.state(USERS).version
    with pytest.raises(ContractError, match=f"users cannot be migrated, the table is as it was: .*{seen}"):
        migrations.apply(planted, migrations.compare(contract, planted.state(USERS)))
    assert planted.state(USERS).version == before
    assert read(planted, USERS) == expected(planted_rows["users"], USERS)


def test_command_migrates_once(tmp_path: Path, planted_rows: dict[str, pa.Table], capsys: pytest.CaptureFixture[str]) -> None:
    plant_older(Warehouse(tmp_path), older(LISTENS, "simulated"), planted_rows["listens"])
    words = ["--warehouse", str(tmp_path)]
    assert main([*words, "sql", "select * from listens"]) == 65
    assert "run `plant migrate`" in capsys.readouterr().err
    assert main([*words, "migrate", "--dry-run"]) == 0
    assert "false" in capsys.readouterr().out, "not done yet"
    assert main([*words, "migrate"]) == 0
    assert "column simulated is new" in capsys.readouterr().out
    assert main([*words, "migrate"]) == 0
    assert capsys.readouterr().out == "every table keeps its contract: nothing to migrate\n"


@pytest.mark.spark
def test_spark_reads_and_writes_what_was_migrated(
    tmp_path: Path, planted_rows: dict[str, pa.Table], spark: SparkSession
) -> None:
    warehouse = Warehouse(tmp_path)
    # one column from the log alone (its place is the last), one from a rebuild
    plant_older(warehouse, older(LISTENS, "device"), planted_rows["listens"])
    plant_older(warehouse, older(PLAYLISTS, "simulated"), planted_rows["playlists"])
    migrate(warehouse)
    listens = warehouse.frame(spark, LISTENS)
    assert listens.columns == list(LISTENS.column_names)
    assert [row.device for row in listens.collect()] == [None] * 5
    lists = warehouse.frame(spark, PLAYLISTS).orderBy("run_date", "user_id").collect()
    assert [(row.user_id, row.tracks[0].title, row.simulated) for row in lists][:2] == [
        ("ana", "Song t3", False),
        ("bo", "Song t3", False),
    ]
    assert warehouse.write_frame(LISTENS, listens.limit(1), "true") == 1
    assert warehouse.rows(LISTENS).count() == 1
