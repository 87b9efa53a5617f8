"""Jobs in processes of their own: what they write, what they raise, and that none outlives the week."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from conf import tables as t
from conf.errors import EXIT_TRY_LATER, ContractError, KilledError
from conf.pipeline import BY_NAME
from conf.settings import Settings
from spark_jobs.lease import held
from spark_jobs.runner import Plant
from spark_jobs.week import run_week
from spark_jobs.workers import outcome, workers
from tests.processes import alive, wait_for

MONDAY = date(2026, 9, 7)
CONTEXTS = BY_NAME["train_contexts"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a warehouse with the tables in use, as a week makes them before its first job."""
    chosen = Settings(warehouse=tmp_path / "warehouse", landing=tmp_path / "landing", jobs_at_once=2)
    for table in (t.RUNS, *CONTEXTS.writes, *(read.table for read in CONTEXTS.reads)):
        Plant(chosen).warehouse.ensure(table)
    return chosen


def models(settings: Settings) -> set[tuple[str, str]]:
    return {(row["name"], row["uri"]) for row in Plant(settings).warehouse.rows(t.MODELS).table().to_pylist()}


def test_a_week_side_by_side_makes_what_one_job_at_a_time_makes(settings: Settings, tmp_path: Path) -> None:
    chosen = tuple(BY_NAME[name] for name in ("train_popularity", "train_contexts", "train_fresh", "train_ranker"))
    with held(settings.warehouse, "week", 30) as lease:
        done = run_week(Plant(settings, lease), MONDAY, chosen)
    alone = settings.model_copy(update={"warehouse": tmp_path / "alone", "jobs_at_once": 1})
    assert [(step.job, step.left_out) for step in done] == [
        (step.job, step.left_out) for step in run_week(Plant(alone), MONDAY, chosen)
    ]
    assert done[-1].left_out, "what a worker warns of comes back with it"
    assert len(models(settings)) == len(chosen)
    assert models(settings) == models(alone)


def test_errors_keep_their_kind_and_bugs_their_name(settings: Settings) -> None:
    lacking = dataclasses.replace(CONTEXTS, uses=("nothing",))
    broken = dataclasses.replace(CONTEXTS, room="nowhere")
    with workers(Plant(settings), 2) as begin:
        refused, bug = begin(lacking, MONDAY, None), begin(broken, MONDAY, None)
        with pytest.raises(ContractError, match="no artefact nothing is registered for 2026-09-07"):
            outcome(refused, lacking)
        with pytest.raises(RuntimeError, match=r"ModuleNotFoundError: .*spark_jobs.nowhere"):
            outcome(bug, broken)
    states = {row["state"] for row in Plant(settings).books.entries()}
    assert states == {"started", "failed"}


def test_a_killed_worker_is_told_and_trying_again_can_help(settings: Settings) -> None:
    with workers(Plant(settings), 2) as begin:
        begun = begin(CONTEXTS, MONDAY, None)
        for process in multiprocessing.active_children():
            process.kill()
        with pytest.raises(KilledError, match="the process of train_contexts, or of the job beside it, was killed") as killed:
            outcome(begun, CONTEXTS)
    assert killed.value.exit_code == EXIT_TRY_LATER


def test_an_interrupted_week_ends_its_workers_at_once(settings: Settings) -> None:
    with pytest.raises(KeyboardInterrupt), workers(Plant(settings), 2) as begin:
        begin(CONTEXTS, MONDAY, None)
        raise KeyboardInterrupt
    assert multiprocessing.active_children() == []


ORPHANS = """
import multiprocessing, os, signal, sys, time
from datetime import date
from pathlib import Path
from conf.pipeline import BY_NAME
from conf.settings import Settings
from spark_jobs.runner import Plant
from spark_jobs.workers import workers

if __name__ == "__main__":
    with workers(Plant(Settings(warehouse=Path(sys.argv[1]))), 2) as begin:
        begin(BY_NAME["train_contexts"], date(2026, 9, 7), None).result()
        print(*[process.pid for process in multiprocessing.active_children()], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_of_a_killed_week_end_with_it(tmp_path: Path) -> None:
    program = tmp_path / "killed.py"
    program.write_text(ORPHANS)
    environ = os.environ | {"PYTHONPATH": os.getcwd()}
    killed = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "warehouse")],
        env=environ, stdout=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    pids = [int(word) for word in killed.stdout.split()]
    assert pids
    gone = wait_for(lambda: not any(alive(pid) for pid in pids), seconds=20)
    assert gone, "a worker outlived the week that started it"
