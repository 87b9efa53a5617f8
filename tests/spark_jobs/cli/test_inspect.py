"""`plant tables`, `plant sql`, `plant graph`."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conf.lineage import edges
from conf.pipeline import JOBS
from conf.tables import TABLES
from spark_jobs.graph import mermaid
from spark_jobs.warehouse import Warehouse


def test_tables_lists_every_contract(plant: Any, planted_rows: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in plant("tables", "--json").json}
    assert rows.keys() == TABLES.keys()
    assert {name: row["rows"] for name, row in rows.items()} == {n: r.num_rows for n, r in planted_rows.items()}
    assert (rows["listens"]["newest"], rows["listens"]["owner"]) == ("2026-09-10", "ingest_listens")
    assert rows["playlists"]["newest"] == "2026-09-07"
    assert all(row["bytes"] > 0 for row in rows.values())


def test_tables_makes_nothing_in_an_empty_warehouse(plant: Any, tmp_path: Path) -> None:
    answer = plant("--warehouse", str(tmp_path / "none"), "tables", "--json")
    assert {row["rows"] for row in answer.json} == {None}
    assert not (tmp_path / "none").exists()


def test_tables_survives_a_torn_log(plant: Any, planted: Warehouse) -> None:
    newest = max((planted.path(TABLES["tags"]) / "_delta_log").glob("*.json"))
    newest.write_text(newest.read_text()[:40])
    rows = {row["name"]: row for row in plant("tables", "--json").json}
    assert rows["tags"]["rows"] is None
    assert "plant doctor" in rows["tags"]["meaning"]
    assert rows["artists"]["rows"] == 2


def test_wide_tables_are_not_cut_off_a_terminal(plant: Any) -> None:
    out = plant("tables").out
    assert "a listener without a row is served in UTC, without a country" in out
    assert all(sign not in out for sign in "│┃…")


def test_sql_prints_json_with_nested_values(plant: Any) -> None:
    answer = plant("sql", "select run_id, reads, r.at from runs r where state = 'done'", "--json")
    assert answer.json == [{"run_id": "r1", "reads": {"listens": 1}, "at": "2026-09-01T12:00:05Z"}]


def test_sql_prints_csv_that_parses_back(plant: Any) -> None:
    answer = plant(
        "sql", "select title, tracks.reason from (select 'a, \"b\"' as title, unnest(tracks) as tracks from charts)", "--csv"
    )
    lines = list(csv.reader(answer.out.splitlines()))
    assert lines[0] == ["title", "reason"]
    assert lines[1] == ['a, "b"', "[because] you play Ada"]
    assert len(lines) == 5


def test_sql_keeps_square_brackets_in_a_grid(plant: Any) -> None:
    assert "[because] you play Ada" in plant("sql", "select tracks[1].reason as reason from charts").out


def test_sql_of_no_rows_still_has_its_header(plant: Any) -> None:
    assert plant("sql", "select track_id from tracks where false", "--csv").out == "track_id\n"
    assert plant("sql", "select track_id from tracks where false", "--json").json == []


@pytest.mark.parametrize(
    ("statement", "seen"),
    [
        ("select * frm listens", "LINE 1: select * frm listens\n                     ^"),  # syntax: with the place
        ("select nothing from listens", "LINE 1: select nothing from listens\n               ^"),  # unknown column
        ("select * from lisens", "tables are listens, quarantine"),  # unknown table: the known ones
        ("select title::int from tracks", "Could not convert string 'Song t0'"),  # fails while rows stream
        ("delete from listens", "saw a DELETE statement"),  # not a query
        ("create table x as select 1", "saw a CREATE statement"),
        ("copy listens to 'listens.csv'", "saw a COPY statement"),
        ("select 1; select 2", "saw 2"),
        ("", "saw 0"),
        ("select * from read_csv('conf/base.yaml')", "Cannot access file"),  # no files but the tables
        ("select * from statement", "statement does not exist"),  # no variables of this process
    ],
)
def test_sql_refuses(plant: Any, statement: str, seen: str) -> None:
    answer = plant("sql", statement)
    assert (answer.code, answer.out) == (64, "")
    assert seen in answer.err


def test_sql_says_how_many_rows_a_grid_leaves_out(plant: Any) -> None:
    answer = plant("sql", "select range as n from range(1003)")
    assert len(answer.out.splitlines()) == 1001
    assert answer.err == "3 more rows: --csv or --json prints them all\n"


def test_sql_starts_without_pandas_and_without_a_jvm(planted: Warehouse) -> None:
    """Two seconds on a quiet machine; what costs the time is asked here, since a loaded machine has no fair clock."""
    script = (
        "import sys, time; from spark_jobs.cli.main import main;"
        f"code = main(['--warehouse', {str(planted.root)!r}, 'sql', 'select count(*) as n from listens', '--csv']);"
        "print(code, [m for m in ('pandas', 'pyspark', 'py4j') if m in sys.modules], time.process_time() < 2.0)"
    )
    begin = time.perf_counter()
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == ["n", "5", "0 [] True"]
    assert time.perf_counter() - begin < 20


def test_graph_draws_every_edge_of_the_registry(plant: Any) -> None:
    lines = plant("graph").out.splitlines()
    assert lines[0] == "flowchart LR"
    for writer, thing, reader in edges():
        node = f"a_{thing}" if any(job.trains == thing for job in JOBS) else f"t_{thing}"
        reads_its_own = any(job.name == reader and thing in {table.name for table in job.writes} for job in JOBS)
        assert f"  {writer} --> {node}" in lines
        assert reads_its_own or f"  {node} --> {reader}" in lines


def test_graph_dots_what_comes_from_last_week() -> None:
    assert "  t_histories -.-> evaluate" in mermaid(JOBS).splitlines()
