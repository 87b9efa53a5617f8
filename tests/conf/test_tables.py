"""Contracts hold together: what the runner, the migrations and the retention take for granted."""

from __future__ import annotations

import pytest

from conf.contract import Table
from conf.tables import TABLES
from spark_jobs.schema import arrow_schema


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_contract_holds_together(table: Table) -> None:
    names = table.column_names
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    assert set(table.partition) <= set(names)
    assert table.clock is None or table.clock in names
    assert all(column.meaning for column in table.columns)
    assert len(arrow_schema(table)) == len(names)
    required = {column.name for column in table.columns if not column.nullable}
    assert set(table.key) | set(table.partition) <= required, "keys and partitions are never null"


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_reader_version_stays_one(table: Table) -> None:
    """A timestamp without zone or a decimal of other engines would need a newer Delta protocol, or be cast in silence."""
    assert not any(word in column.type for column in table.columns for word in ("ntz", "decimal", "void", "binary"))


def test_weekly_tables_are_partitioned_by_their_week() -> None:
    """A re-run replaces exactly its own run_date."""
    weekly = [table for table in TABLES.values() if table.scope == "week"]
    assert {table.partition[0] for table in weekly} == {"run_date"}


def test_rows_that_analysts_quote_say_whether_they_are_simulated() -> None:
    quotable = {
        "listens", "tracks", "artists", "users", "follows", "tags", "feedback", "listener_playlists", "foreign_exposures",
        "sessions", "histories", "playlists", "charts", "exposures", "metrics",
    }  # fmt: skip
    flagged = {table.name for table in TABLES.values() if "simulated" in table.column_names}
    assert quotable <= flagged


def test_unknown_column_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="table users has no column age"):
        TABLES["users"].column("age")
