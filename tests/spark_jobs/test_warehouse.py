"""Tables by contract: made, replaced by partition, read at a version, and refused where rows break the contract."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from conf.contract import Column
from conf.errors import BusyError, ContractError, DiskError
from conf.tables import FEEDBACK, LISTENS, METRICS, TABLES, USERS
from spark_jobs.rows import sql
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

MONDAY, NEXT_MONDAY = date(2026, 9, 7), date(2026, 9, 14)


def metric(monday: date, value: float, model: str = "popularity") -> dict[str, Any]:
    return {
        "run_date": monday, "surface": "discover_weekly", "cut": monday, "model": model, "metric": "ndcg@30", "value": value,
        "low": None, "high": None, "listeners": 1, "simulated": True,
    }  # fmt: skip


def metrics(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(METRICS))


def values(warehouse: Warehouse, version: int | None = None) -> dict[date, float]:
    rows = warehouse.rows(METRICS, version).table().to_pylist()
    return {row["run_date"]: row["value"] for row in rows}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_table_is_made_as_its_contract_says(warehouse: Warehouse, table: Any) -> None:
    assert not warehouse.exists(table)
    warehouse.ensure(table)
    state = warehouse.state(table)
    assert state.dataset.schema.equals(arrow_schema(table))
    assert state.checks.keys() == table.checks.keys()
    log = "".join(path.read_text() for path in (warehouse.path(table) / "_delta_log").glob("*.json"))
    assert '"minReaderVersion":1' in log
    assert "columnMapping" not in log


def test_a_week_replaces_its_own_rows_and_no_others(warehouse: Warehouse) -> None:
    warehouse.write_arrow(METRICS, metrics(metric(MONDAY, 0.1), metric(NEXT_MONDAY, 0.2)), "true")
    for _ in range(2):  # running twice equals running once
        written = warehouse.write_arrow(METRICS, metrics(metric(MONDAY, 0.3)), sql(("run_date", "=", MONDAY)))
        assert written == 1
        assert values(warehouse) == {MONDAY: 0.3, NEXT_MONDAY: 0.2}


def test_empty_replace_appends(warehouse: Warehouse) -> None:
    for value in (0.1, 0.2):
        warehouse.write_arrow(METRICS, metrics(metric(MONDAY, value)), "")
    assert warehouse.rows(METRICS).count() == 2


def test_past_versions_stay_readable(warehouse: Warehouse) -> None:
    warehouse.write_arrow(METRICS, metrics(metric(MONDAY, 0.1)), "true")
    before = warehouse.version(METRICS)
    warehouse.write_arrow(METRICS, metrics(metric(MONDAY, 0.9)), "true")
    assert values(warehouse, before) == {MONDAY: 0.1}
    assert values(warehouse) == {MONDAY: 0.9}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("run_date", "=", MONDAY), {0.1}),
        (("run_date", "<", NEXT_MONDAY), {0.1}),
        (("run_date", ">=", MONDAY), {0.1, 0.2}),
        (("model", "=", "it's"), {0.2}),  # quotes are escaped in SQL, and no matter here
    ],
)
def test_conditions_choose_rows(warehouse: Warehouse, condition: Any, expected: set[float]) -> None:
    warehouse.write_arrow(METRICS, metrics(metric(MONDAY, 0.1), metric(NEXT_MONDAY, 0.2, "it's")), "true")
    rows = warehouse.rows(METRICS, conditions=[condition])
    assert set(rows.table(columns=["value"])["value"].to_pylist()) == expected
    assert rows.count() == len(expected)
    assert sum(batch.num_rows for batch in rows.batches()) == len(expected)
    assert rows.table(where=pc.field("value") > 1).num_rows == 0
    assert warehouse.drop_rows(METRICS, sql(condition)) == len(expected)  # the same condition as SQL text


@pytest.mark.parametrize(
    ("rows", "seen"),
    [
        (metrics(metric(MONDAY, 0.1)).drop_columns(["low"]), r"rows lack \['low'\] and bring nothing"),
        (metrics(metric(MONDAY, 0.1)).append_column("mood", pa.array(["good"])), r"bring \['mood'\] too much"),
        (metrics(metric(MONDAY, 0.1)).set_column(5, "value", pa.array(["much"])), "refuses rows: Failed to parse"),
        (metrics(metric(MONDAY, 0.1)).set_column(8, "listeners", pa.array([1.5])), "refuses rows: .*truncated"),
    ],
)
def test_rows_of_other_names_or_types_are_refused(warehouse: Warehouse, rows: pa.Table, seen: str) -> None:
    with pytest.raises(ContractError, match=seen):
        warehouse.write_arrow(METRICS, rows, "true")
    assert warehouse.rows(METRICS).count() == 0


def test_rows_that_break_a_check_are_refused(warehouse: Warehouse) -> None:
    row = {"user_id": "ana", "kind": "like", "entity": "track", "entity_id": "t", "at": datetime(2026, 9, 1, tzinfo=UTC)}
    rows = pa.Table.from_pylist([row | {"simulated": True}], schema=arrow_schema(FEEDBACK))
    with pytest.raises(ContractError, match="feedback refuses rows"):
        warehouse.write_arrow(FEEDBACK, rows, "true")


def test_null_in_a_required_column_is_refused(warehouse: Warehouse) -> None:
    schema = pa.schema([field.with_nullable(True) for field in arrow_schema(USERS)])
    rows = pa.Table.from_pylist([{"user_id": None, "simulated": True}], schema=schema)
    with pytest.raises(ContractError, match="users refuses rows"):
        warehouse.write_arrow(USERS, rows, "true")


def test_older_contract_names_the_columns_and_the_command(warehouse: Warehouse) -> None:
    warehouse.ensure(USERS)
    newer = replace(USERS, columns=(*USERS.columns, Column("birthday", "date", "")))
    with pytest.raises(ContractError, match="users lacks birthday, it keeps an older contract: run `plant migrate`"):
        warehouse.rows(newer)


def test_changed_partitions_are_those_whose_files_differ(warehouse: Warehouse) -> None:
    warehouse.write_arrow(METRICS, metrics(metric(MONDAY, 0.1), metric(NEXT_MONDAY, 0.2)), "true")
    since = warehouse.version(METRICS)
    assert warehouse.changed_partitions(METRICS, since, since) == []
    warehouse.write_arrow(METRICS, metrics(metric(NEXT_MONDAY, 0.3)), sql(("run_date", "=", NEXT_MONDAY)))
    assert warehouse.changed_partitions(METRICS, since, warehouse.version(METRICS)) == [NEXT_MONDAY]
    warehouse.drop_rows(METRICS, sql(("run_date", "=", MONDAY)))
    assert warehouse.changed_partitions(METRICS, since, warehouse.version(METRICS)) == [MONDAY, NEXT_MONDAY]


def test_writers_of_the_same_rows_never_mix(warehouse: Warehouse) -> None:
    """Of replacements made at once, each either stands whole or is told to try again."""
    warehouse.write_arrow(METRICS, metrics(metric(MONDAY, 0.0)), "true")

    def write(value: float) -> float | None:
        try:
            warehouse.write_arrow(METRICS, metrics(*[metric(MONDAY, value, f"m{i}") for i in range(5)]), "true")
        except BusyError:
            return None
        return value

    with ThreadPoolExecutor(4) as pool:
        written = {value for value in pool.map(write, (1.0, 2.0, 3.0, 4.0)) if value}
    left = warehouse.rows(METRICS).table()["value"].to_pylist()
    assert len(left) == 5
    assert len(set(left)) == 1
    assert set(left) <= written


def test_torn_log_is_a_disk_error_that_names_the_doctor(warehouse: Warehouse) -> None:
    warehouse.write_arrow(METRICS, metrics(metric(MONDAY, 0.1)), "true")
    newest = max((warehouse.path(METRICS) / "_delta_log").glob("*.json"))
    newest.write_text(newest.read_text()[:50])
    with pytest.raises(DiskError, match=r"metrics.*cannot be opened.*`plant doctor` looks closer"):
        warehouse.rows(METRICS)


def test_version_that_is_not_there_is_a_disk_error(warehouse: Warehouse) -> None:
    warehouse.ensure(METRICS)
    with pytest.raises(DiskError, match="metrics at version 99 cannot be opened"):
        warehouse.rows(METRICS, 99)


def test_state_counts_what_the_log_knows(planted: Warehouse, planted_rows: dict[str, pa.Table]) -> None:
    state = planted.state(LISTENS)
    assert state.rows == planted_rows["listens"].num_rows
    assert state.newest == date(2026, 9, 10)
    on_disk = {str(p.relative_to(planted.path(LISTENS))): p.stat().st_size for p in planted.path(LISTENS).rglob("*.parquet")}
    assert state.files == on_disk


def test_log_entries_are_whole_json(planted: Warehouse) -> None:
    for path in planted.root.rglob("_delta_log/*.json"):
        assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_scan_left_unfinished_does_not_abort_the_process_at_its_end(tmp_path: Path) -> None:
    # delta-rs's own file system calls back into Python: read-ahead threads then crashed the ending interpreter (exit -6, -11).
    warehouse = Warehouse(tmp_path)
    for day in range(40):  # one file a day, so that files are left to read ahead
        warehouse.write_arrow(METRICS, metrics(metric(MONDAY + timedelta(days=day), 0.1)), "")
    program = (
        "import sys; from pathlib import Path; from conf.tables import METRICS; from spark_jobs.warehouse import Warehouse; "
        "next(Warehouse(Path(sys.argv[1])).rows(METRICS).batches())"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=30, check=False)
    assert ended.returncode == 0
