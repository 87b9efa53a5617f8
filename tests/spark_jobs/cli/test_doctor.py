"""`plant doctor`: each fault planted, seen, and answered with what to do."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.tables import MODELS, TABLES
from spark_jobs import artefacts, checkup, jars
from spark_jobs.artefacts import Artefact
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse


@pytest.fixture
def healthy(published: Warehouse) -> Warehouse:
    """Planted tables, two weeks on air, and an artefact whose files are there."""
    ref = artefacts.save(published.root, "mf", "2026-09-07", Artefact({"factors": np.ones((2, 2), np.float32)}, {}))
    row = {
        "name": "mf", "run_date": "2026-09-07", "uri": str(Path(ref.uri).relative_to(published.root)), "sha256": ref.sha256,
        "params": "{}", "metrics": "{}", "code_version": "test",
    }  # fmt: skip
    rows = pa.Table.from_pylist([row | {"run_date": np.datetime64("2026-09-07").astype(object)}], schema=arrow_schema(MODELS))
    published.write_arrow(MODELS, rows, "true")
    return published


def _log(warehouse: Warehouse, name: str) -> list[Path]:
    return sorted((warehouse.path(TABLES[name]) / "_delta_log").glob("*.json"))


def tear_newest_commit(warehouse: Warehouse) -> None:
    newest = _log(warehouse, "sessions")[-1]
    newest.write_text(newest.read_text()[:-30])


def empty_newest_commit(warehouse: Warehouse) -> None:
    _log(warehouse, "sessions")[-1].write_text("")


def lose_a_version(warehouse: Warehouse) -> None:
    _log(warehouse, "listens")[1].unlink()


def lose_the_log(warehouse: Warehouse) -> None:
    shutil.rmtree(warehouse.path(TABLES["listens"]) / "_delta_log")


def lose_a_file(warehouse: Warehouse) -> None:
    next(warehouse.path(TABLES["candidates"]).rglob("*.parquet")).unlink()


def cut_a_file(warehouse: Warehouse) -> None:
    path = next(warehouse.path(TABLES["tracks"]).rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:100])


def change_an_artefact(warehouse: Warehouse) -> None:
    path = next((warehouse.root / "artefacts").rglob("factors.npy"))
    path.write_bytes(path.read_bytes()[:-1] + b"\1")


def lose_an_artefact(warehouse: Warehouse) -> None:
    shutil.rmtree(warehouse.root / "artefacts")


def leave_a_lease(warehouse: Warehouse) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (warehouse.root / "_lease").mkdir()
    holder = {"what": "week 2026-09-07", "host": socket.gethostname(), "pid": ended.pid, "born": "1", "expires": 2**40}
    (warehouse.root / "_lease" / "00000003.json").write_text(json.dumps(holder))


def lose_a_generation(warehouse: Warehouse) -> None:
    surface = warehouse.root / "stores" / "bundle" / "discover_weekly"
    pointer = json.loads((surface / "pointer.json").read_text())
    shutil.rmtree(surface / pointer["generation"])


def tear_a_pointer(warehouse: Warehouse) -> None:
    (warehouse.root / "stores" / "bundle" / "discover_weekly" / "pointer.json").write_text("{")


def forget_a_check(warehouse: Warehouse) -> None:
    first, *rest = _log(warehouse, "sessions")[1:]  # made, constrained, written
    entries = [json.loads(line) for line in first.read_text().splitlines()]
    for entry in entries:
        entry.get("metaData", {}).get("configuration", {}).pop("delta.constraints.has_listens", None)
    first.write_text("\n".join(map(json.dumps, entries)))
    assert rest


@pytest.mark.parametrize(
    ("fault", "what", "where", "remedy"),
    [
        (tear_newest_commit, "torn log", "sessions/_delta_log/00000000000000000002.json", "delete the file"),
        (empty_newest_commit, "torn log", "sessions/_delta_log/00000000000000000002.json", "delete the file"),
        (lose_a_version, "torn log", "listens/_delta_log", "restore the folder listens from a backup"),
        (lose_the_log, "torn log", "listens/_delta_log", "take all in: plant week"),
        (
            lose_a_file,
            "data file",
            "candidates/run_date=2026-09-07/",
            "plant week --run-date MONDAY --from generate_candidates",
        ),
        (cut_a_file, "data file", "tracks/part-", "restore the folder tracks from a backup"),
        (change_an_artefact, "artefact", "artefacts/mf/2026-09-07/", "plant week --run-date 2026-09-07 --from train_mf"),
        (lose_an_artefact, "artefact", "artefacts/mf/2026-09-07/", "plant week --run-date 2026-09-07 --from train_mf"),
        (leave_a_lease, "lease", "_lease", "the next run takes the lease at once"),
        (
            lose_a_generation,
            "store",
            "bundle/discover_weekly",
            "plant rollback discover_weekly --store bundle; then plant week",
        ),
        (tear_a_pointer, "store", "bundle/discover_weekly", "plant week --from publish_discover_weekly"),
        (forget_a_check, "older contract", "sessions", "plant migrate"),
    ],
)
def test_fault_is_found_alone(
    plant: Any, healthy: Warehouse, fault: Callable[[Warehouse], None], what: str, where: str, remedy: str
) -> None:
    fault(healthy)
    answer = plant("doctor", "--json")
    assert answer.code == 65
    (finding,) = answer.json["damaged"]
    assert finding["what"] == what
    assert finding["where"].startswith(where)
    assert remedy in finding["remedy"]


def test_nothing_is_damaged(plant: Any, healthy: Warehouse) -> None:
    answer = plant("doctor")
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == "nothing is damaged"


def test_following_the_advice_on_a_torn_commit_heals(plant: Any, healthy: Warehouse) -> None:
    tear_newest_commit(healthy)
    (finding,) = plant("doctor", "--json").json["damaged"]
    (healthy.root / finding["where"]).unlink()
    assert plant("doctor").code == 0


def test_damage_is_printed_with_its_remedy(plant: Any, healthy: Warehouse) -> None:
    lose_a_file(healthy)
    out = plant("doctor").out
    assert "no file" in out
    assert "generate_candidates" in out


def test_says_what_is_installed(plant: Any, healthy: Warehouse) -> None:
    facts = plant("doctor", "--json").json["installed"]
    assert facts["pyspark"] == version("pyspark")
    assert int(facts["java"].split(".")[0]) >= 17
    assert all(facts[coordinate] == f"sha256 {digest[:12]}" for coordinate, digest in jars.locked().items())


def test_missing_jar_and_full_disk(plant: Any, healthy: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jars, "HOME", tmp_path)
    monkeypatch.setattr(checkup, "LEAST_FREE_BYTES", 2**62)
    found = {(f["what"], f["remedy"].split(",")[0]) for f in plant("doctor", "--json").json["damaged"]}
    assert found == {("jar", "make setup"), ("disk", "free space (`plant vacuum`)")}


def test_warehouse_that_is_not_there_is_not_damaged(plant: Any, tmp_path: Path) -> None:
    assert plant("--warehouse", str(tmp_path / "none"), "doctor").code == 0
