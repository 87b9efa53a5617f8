"""`plant vacuum`: what may go, counted from the newest date of a table and never from a clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.tables import CANDIDATES, HISTORIES, LISTENER_FEATURES, LISTENS, MODELS, QUARANTINE, RUNS, TABLES
from spark_jobs import artefacts, retention
from spark_jobs.artefacts import Artefact
from spark_jobs.cli.main import main
from spark_jobs.rows import sql
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import BACKFILL_DAYS, Warehouse

MONDAY = date(2026, 9, 7)


def candidate(monday: date) -> dict[str, Any]:
    return {"run_date": monday, "user_id": "ana", "source": "mf", "track_idx": [1], "score": [1.0], "because": [-1]}


def write(warehouse: Warehouse, table: Any, *rows: dict[str, Any], replace: str = "") -> None:
    warehouse.write_arrow(table, pa.Table.from_pylist(list(rows), schema=arrow_schema(table)), replace)


def read_run(warehouse: Warehouse, monday: date, reads: dict[str, int]) -> None:
    """An attempt that read some versions."""
    write(warehouse, RUNS, {
        "run_id": str(monday), "job": "rank", "run_date": monday, "edition": 0, "state": "done", "exit_code": 0, "message": "",
        "at": datetime(2026, 1, 1, tzinfo=UTC), "seconds": 1.0, "reads": list(reads.items()), "writes": [], "rows": [],
        "settings_sha256": "", "code_version": "",
    })  # fmt: skip


@pytest.fixture
def age_removals() -> Callable[[Warehouse, Any, int], None]:
    """Make a table's removed files look as if they had been removed some days ago: Delta dates them itself."""

    def age(warehouse: Warehouse, table: Any, days: int) -> None:
        for path in (warehouse.path(table) / "_delta_log").glob("*.json"):
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            for entry in entries:
                if "remove" in entry:
                    entry["remove"]["deletionTimestamp"] -= days * 86_400_000
            path.write_text("\n".join(map(json.dumps, entries)))

    return age


def dropped(warehouse: Warehouse, dry_run: bool = False) -> dict[str, tuple[int, int]]:
    found = retention.vacuum(warehouse, dry_run)
    return {d.table: (d.rows, d.files) for d in found if d.rows or d.files}


def test_weeks_past_their_days_go(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    assert CANDIDATES.keep_days == 28
    mondays = [MONDAY - timedelta(weeks=w) for w in (0, 3, 4, 5, 9)]
    write(warehouse, CANDIDATES, *map(candidate, mondays))
    assert dropped(warehouse, dry_run=True) == {"candidates": (2, 0)}
    assert warehouse.rows(CANDIDATES).count() == 5, "a dry run changes nothing"
    assert dropped(warehouse) == {"candidates": (2, 0)}
    assert sorted(warehouse.rows(CANDIDATES).table()["run_date"].to_pylist()) == sorted(mondays[:3])
    assert dropped(warehouse) == {}


def test_the_newest_partition_is_now(tmp_path: Path) -> None:
    """Tables of long ago lose nothing by being old."""
    warehouse = Warehouse(tmp_path)
    write(warehouse, CANDIDATES, candidate(date(1999, 1, 4)))
    assert dropped(warehouse) == {}


@pytest.mark.parametrize(
    ("table", "column"), [(LISTENS, "started_date"), (HISTORIES, "run_date"), (QUARANTINE, "taken_on"), (RUNS, "run_date")]
)
def test_every_table_that_ages_knows_its_date(table: Any, column: str) -> None:
    assert retention.age_column(table) == column


def test_no_table_promises_a_retention_that_it_cannot_keep() -> None:
    assert [t.name for t in TABLES.values() if t.keep_days is not None and retention.age_column(t) is None] == []


def test_files_stay_for_the_backfill_horizon(tmp_path: Path, age_removals: Callable[..., None]) -> None:
    warehouse = Warehouse(tmp_path)
    write(warehouse, CANDIDATES, candidate(MONDAY))
    write(warehouse, CANDIDATES, candidate(MONDAY), replace=sql(("run_date", "=", MONDAY)))
    age_removals(warehouse, CANDIDATES, BACKFILL_DAYS - 1)
    assert dropped(warehouse) == {}
    age_removals(warehouse, CANDIDATES, 2)
    assert dropped(warehouse) == {"candidates": (0, 1)}
    assert warehouse.rows(CANDIDATES).count() == 1


@pytest.mark.parametrize(("weeks_ago", "kept"), [(1, True), (20, False)])
def test_versions_that_a_week_recorded_stay(
    tmp_path: Path, age_removals: Callable[..., None], weeks_ago: int, kept: bool
) -> None:
    warehouse = Warehouse(tmp_path)
    write(warehouse, CANDIDATES, candidate(MONDAY))
    recorded = warehouse.version(CANDIDATES)
    write(warehouse, CANDIDATES, candidate(MONDAY), replace="true")
    read_run(warehouse, MONDAY, {})
    read_run(warehouse, MONDAY - timedelta(weeks=weeks_ago), {"candidates": recorded})
    age_removals(warehouse, CANDIDATES, 2 * BACKFILL_DAYS)
    assert dropped(warehouse) == ({} if kept else {"candidates": (0, 1)})
    if kept:
        assert warehouse.rows(CANDIDATES, recorded).table().num_rows == 1


def test_artefacts_that_no_row_names_go(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    refs = [artefacts.save(warehouse.root, "mf", str(MONDAY), Artefact({"x": np.array([n])}, {})) for n in range(2)]
    (tmp_path / "artefacts" / "mf" / str(MONDAY) / ".building-killed").mkdir()
    row = {"name": "mf", "run_date": MONDAY, "sha256": refs[0].sha256, "params": "", "metrics": "", "code_version": ""}
    write(warehouse, MODELS, row | {"uri": str(Path(refs[0].uri).relative_to(warehouse.root))})
    assert main(["--warehouse", str(tmp_path), "vacuum", "--dry-run", "--json"]) == 0
    assert len(list((tmp_path / "artefacts" / "mf" / str(MONDAY)).iterdir())) == 3
    assert main(["--warehouse", str(tmp_path), "vacuum"]) == 0
    assert [str(p) for p in (tmp_path / "artefacts" / "mf" / str(MONDAY)).iterdir()] == [refs[0].uri]


def test_vacuum_waits_for_nobody(planted: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    from spark_jobs.lease import held

    with held(planted.root, "week", 30):
        assert main(["--warehouse", str(planted.root), "vacuum"]) == 75
    assert "week holds the lease" in capsys.readouterr().err


def featured(monday: date, user: str) -> dict[str, Any]:
    return {"run_date": monday, "bucket": 0, "user_id": user, "plays_7d": 3, "simulated": True}


def test_old_weeks_of_features_are_packed_and_their_rows_stay(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for weeks in range(4):
        for user in ("ana", "bo"):
            write(warehouse, LISTENER_FEATURES, featured(MONDAY - timedelta(weeks=weeks), user))
    rows = warehouse.rows(LISTENER_FEATURES).table().sort_by([("run_date", "ascending"), ("user_id", "ascending")])
    older = {"listener_features": 2 * 2, "track_features": 0}
    assert retention.compact(warehouse, older, 7, dry_run=True) == older
    assert set(warehouse.partitions(LISTENER_FEATURES).values()) == {2}, "a dry run packs nothing"
    assert retention.compact(warehouse, older, 7, dry_run=False) == older
    files = warehouse.partitions(LISTENER_FEATURES)
    assert [files[MONDAY - timedelta(weeks=weeks)] for weeks in range(4)] == [2, 2, 1, 1]
    packed = warehouse.rows(LISTENER_FEATURES).table().sort_by([("run_date", "ascending"), ("user_id", "ascending")])
    assert packed.equals(rows)
    assert retention.compact(warehouse, older, 7, dry_run=False) == {"listener_features": 0, "track_features": 0}


def test_settings_say_how_long_features_are_kept(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for weeks in (0, 5, 14):
        write(warehouse, LISTENER_FEATURES, featured(MONDAY - timedelta(weeks=weeks), "ana"))
    kept = {
        name: retention.vacuum(warehouse, True, keep)[0].rows
        for name, keep in (("contract", {}), ("settings", {"listener_features": 28}))
    }
    assert kept == {"contract": 1, "settings": 2}
