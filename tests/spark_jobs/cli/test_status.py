"""`plant status`: every way in which a run may have ended, and what is to be typed then."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from conf.tables import QUARANTINE, RUNS
from spark_jobs.lease import held
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

SUNDAY = datetime(2026, 9, 6, 2, tzinfo=UTC)


def _attempt(warehouse: Warehouse, job: str, state: str, code: int | None, message: str, day: date) -> None:
    row = {
        "run_id": job, "job": job, "run_date": day, "edition": 0, "state": state, "exit_code": code, "message": message,
        "at": SUNDAY, "seconds": 1.5, "reads": [], "writes": [], "rows": [], "settings_sha256": "", "code_version": "test",
    }  # fmt: skip
    warehouse.write_arrow(RUNS, pa.Table.from_pylist([row], schema=arrow_schema(RUNS)), "")


def test_all_green(plant: Any, published: Warehouse) -> None:
    answer = plant("status", "--json").json
    assert [(r["job"], r["state"], r["seconds"]) for r in answer["runs"]] == [("sessionize", "done", 5.0)]
    assert [(s["store"], s["state"], s["run_date"], s["records"]) for s in answer["stores"]] == [
        ("sqlite", "serves", "2026-09-07", 4),
        ("bundle", "serves", "2026-09-07", 4),
        ("sqlite", "nothing published yet", None, None),
        ("bundle", "nothing published yet", None, None),
    ]
    assert answer["next"] == "nothing: every job's last attempt is done"


@pytest.mark.parametrize(
    ("job", "day", "code", "words"),
    [
        ("train_mf", date(2026, 9, 7), 64, ["correct the setting", "week --run-date 2026-09-07 --from train_mf"]),
        ("publish_discover_weekly", date(2026, 9, 7), 65, ["doctor", "--from publish_discover_weekly"]),
        ("publish_discover_weekly", date(2026, 9, 7), 69, ["start the service", "--from publish_discover_weekly"]),
        ("evaluate", date(2026, 9, 7), 70, ["report the message", "--from evaluate"]),
        ("ingest_listens", date(2026, 9, 5), 74, ["free the disk", "run ingest_listens --run-date 2026-09-05"]),
        ("build_histories", date(2026, 9, 7), 75, ["week --run-date 2026-09-07 --from build_histories"]),
    ],
)
def test_red_says_why_and_what_to_type(
    plant: Any, planted: Warehouse, job: str, day: date, code: int, words: list[str]
) -> None:
    _attempt(planted, job, "failed", code, "it broke here", day)
    answer = plant("status")
    assert answer.code == 0
    assert "it broke here" in answer.out
    verdict = answer.out.splitlines()[-1]
    assert all(word in verdict for word in words)
    assert f"plant --warehouse {planted.root} " in verdict  # ready to be copied


def test_refused_intake_counts_rows_by_reason(plant: Any, planted: Warehouse) -> None:
    day = date(2026, 9, 6)
    row = {
        "job": "ingest_listens", "entity": "listens", "detail": None, "file_id": "f2", "path": "listens/b.jsonl", "row": "{",
        "taken_on": day, "refused_run": True,
    }  # fmt: skip
    bad = [{**row, "reason": reason, "line": n} for n, reason in enumerate(("malformed", "future", "malformed"), 1)]
    planted.write_arrow(QUARANTINE, pa.Table.from_pylist(bad, schema=arrow_schema(QUARANTINE)), "")
    _attempt(planted, "ingest_listens", "refused", 65, "refuses 3 of 4 new rows", day)
    answer = plant("status", "--json").json
    # the three rows of the accepted run of the day before are not among them
    assert [(r["reason"], r["rows"], r["example"]) for r in answer["refused"]] == [
        ("malformed", 2, "listens/b.jsonl"),
        ("future", 1, "listens/b.jsonl"),
    ]
    assert "mend or remove the files" in answer["next"]


def test_started_by_a_living_run_is_running(plant: Any, planted: Warehouse) -> None:
    _attempt(planted, "train_mf", "started", None, "", date(2026, 9, 7))
    with held(planted.root, "week 2026-09-07", 30):
        answer = plant("status", "--json").json
    assert answer["runs"][-1]["state"] == "running"
    assert answer["next"] == "wait: train_mf is running"


def test_started_by_a_dead_run_died(plant: Any, planted: Warehouse) -> None:
    _attempt(planted, "train_mf", "started", None, "", date(2026, 9, 7))
    plant_dead_lease(planted.root)
    answer = plant("status", "--json").json
    assert answer["runs"][-1]["state"] == "died"
    assert answer["next"].endswith("week --run-date 2026-09-07 --from train_mf")


def plant_dead_lease(root: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (root / "_lease").mkdir(exist_ok=True)
    holder = {"what": "week", "host": socket.gethostname(), "pid": ended.pid, "born": "1", "expires": 2**40, "released": False}
    (root / "_lease" / "00000009.json").write_text(json.dumps(holder))


def test_redis_away_is_a_line_and_not_an_error(plant: Any, published: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:  # bound, never listening: connections are refused at once
        free.bind(("127.0.0.1", 0))
        monkeypatch.setitem(os.environ, "PLANT_REDIS_URL", f"redis://:canary@127.0.0.1:{free.getsockname()[1]}/0")
        answer = plant("--env", "redis", "status")
    assert answer.code == 0
    assert [line.split()[1] for line in answer.out.splitlines() if line.startswith(" discover_weekly")] == [
        "sqlite",
        "bundle",
        "redis",
    ]
    assert "canary" not in answer.out + answer.err


def test_empty_warehouse_says_how_to_begin(plant: Any, tmp_path: Path) -> None:
    answer = plant("--env", "demo", "--warehouse", str(tmp_path / "none"), "status")
    assert answer.out.splitlines()[-1] == f"next: nothing ran yet: plant --env demo --warehouse {tmp_path / 'none'} week"
    assert not (tmp_path / "none").exists()
