"""The generated pages are what the contracts say, and every example query answers from planted rows."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from conf.features.catalogue import CATALOGUE
from conf.tables import TABLES
from spark_jobs import docs
from spark_jobs.example_queries import EXAMPLES
from spark_jobs.queries import rows
from spark_jobs.warehouse import Warehouse

# What the planted warehouse of conftest.py must answer, one row per question (None: any row will do).
FIRST_ROWS: list[dict[str, Any]] = [
    {"started_date": date(2026, 9, 1), "plays": 2, "listeners": 1, "simulated_share": 1.0},
    {"title": "Song t2", "artist": "Ada", "listeners": 1, "plays": 1},
    {"device": "phone", "sessions": 1, "tracks": 2.0, "minutes": 3.0, "skip_share": 0.5},
    {"job": "ingest_listens", "reason": "future", "rows": 2},
    {"run_date": date(2026, 9, 7), "position": 1, "title": "Song t3", "artist": "Ada", "source": "mf"},
    {"artist": "Ada", "slots": 4, "listeners": 2, "share": 1.0},
    {"run_date": date(2026, 9, 7), "shown": 2, "played": 2, "share": 1.0},
    {"model": "discover_weekly", "value": 0.25},
    {"store": "sqlite", "generation": "g2", "action": "flip"},
    {"job": "sessionize", "done": 1, "red": 0, "median_seconds": 5.0, "rows_of_the_last": [1]},
]


@pytest.mark.parametrize(("example", "expected"), list(zip(EXAMPLES, FIRST_ROWS, strict=True)))
def test_example_query_answers(planted: Warehouse, example: Any, expected: dict[str, Any]) -> None:
    first = rows(planted, example.statement)[0]
    assert {name: first[name] for name in expected} == expected


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_query_runs_before_anything_was_taken_in(tmp_path: Path, example: Any) -> None:
    assert rows(Warehouse(tmp_path), example.statement) == []


def test_ten_questions() -> None:
    assert len(EXAMPLES) == 10


def test_pages_are_up_to_date(tmp_path: Path) -> None:
    for page in docs.write(tmp_path):
        assert (docs.DOCS / page.name).read_text() == page.read_text(), "run `make docs`"


def test_every_column_and_check_is_described() -> None:
    page = docs.tables_page()
    for table in TABLES.values():
        section = page.split(f"### {table.name}\n")[1].split("\n### ")[0]
        assert all(f"| `{column.name}` | `{column.type}` |" in section for column in table.columns)
        assert all(condition in section for condition in table.checks.values())


def test_every_feature_is_described() -> None:
    page = docs.features_page()
    for feature in CATALOGUE:
        section = page.split(f"## {feature.entity}\n")[1].split("\n## ")[0]
        assert f"| `{feature.name}` | {feature.layer} | {feature.type}" in section
