"""What Airflow sees: every DAG, its policies, and the very command line of every task."""

from __future__ import annotations

import doctest
import importlib
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conf.pipeline import DAILY, WEEKLY

pytestmark = pytest.mark.xdist_group("airflow")  # Airflow's start costs seconds: once

GOLDEN = Path(__file__).parent / "golden"
TASKS = [("intake", job.name) for job in DAILY] + [("discover_weekly", job.name) for job in WEEKLY]
HEAVY = {"pyspark", "numpy", "pandas", "pyarrow", "deltalake", "librosa", "lightgbm", "jax", "spark_jobs", "models", "exports"}


def test_every_dag_is_there(bag):
    # A DAG that fails to import, or that the parser's heuristic passes over, is silently absent.
    assert bag.import_errors == {}
    assert set(bag.dags) == {"intake", "discover_weekly"}


def test_every_job_is_a_task_of_one_dag(schedules):
    jobs = [(dag.dag_id, task.task_id) for dag in schedules.values() for task in dag.tasks if hasattr(task, "bash_command")]
    assert sorted(jobs) == sorted(TASKS)


def test_dags_import_nothing_heavy():
    # The scheduler parses the folder every few minutes, and the machine that does it need not have a JVM.
    code = f"import sys, intake, discover_weekly; print(sorted({HEAVY!r} & set(sys.modules)))"
    folder = Path(__file__).resolve().parents[2] / "dags"
    path = os.pathsep.join([str(folder), str(folder.parent)])
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip().splitlines()[-1:] == ["[]"], ran.stderr


@pytest.mark.parametrize(("dag_id", "task_id"), TASKS, ids=".".join)
def test_rendered_command(schedules, rendered, dag_id, task_id):
    command = rendered(schedules[dag_id], task_id).bash_command.replace(shlex.quote(sys.executable), "<python>")
    golden = GOLDEN / f"{dag_id}.{task_id}.txt"
    if os.environ.get("REBUILD_GOLDEN") == "yes":
        golden.write_text(f"{command}\n")
    assert f"{command}\n" == golden.read_text()


def test_no_golden_file_is_left_over():
    assert {path.stem for path in GOLDEN.iterdir()} == {".".join(names) for names in TASKS}


def test_every_template_renders_strictly(schedules, rendered):
    for dag in schedules.values():
        assert dag.template_undefined.__name__ == "StrictUndefined"
        for task in dag.tasks:
            made = rendered(dag, task.task_id)
            assert "{{" not in "".join(str(getattr(made, field)) for field in made.template_fields)


def test_the_weekly_run_date_is_the_monday_after_the_run_starts(schedules):
    from airflow.serialization.encoders import coerce_to_core_timetable

    timetable = coerce_to_core_timetable(schedules["discover_weekly"].timetable)
    for week in range(60):  # both changes of the clocks, a new year, a leap-free February
        sunday = datetime(2026, 1, 4, 2, tzinfo=UTC) + timedelta(weeks=week)
        begin, end = timetable.infer_manual_data_interval(run_after=sunday)
        assert (begin, end) == (sunday - timedelta(weeks=1), sunday)
        assert (end + timedelta(days=1)).weekday() == 0


def test_the_daily_interval_is_the_day_that_ended(schedules):
    from airflow.serialization.encoders import coerce_to_core_timetable

    midnight = datetime(2026, 9, 6, tzinfo=UTC)
    begin, end = coerce_to_core_timetable(schedules["intake"].timetable).infer_manual_data_interval(run_after=midnight)
    assert (begin, end) == (midnight - timedelta(days=1), midnight)


def test_policies(schedules):
    for dag in schedules.values():
        assert (dag.catchup, dag.max_active_runs, dag.max_active_tasks) == (False, 1, 1)
        assert dag.doc_md
        assert {task.owner for task in dag.tasks} == {"plant"}
        assert all(task.execution_timeout == timedelta(hours=4) for task in dag.tasks)


@pytest.mark.parametrize("module", ["factory_task", "schedules"])
def test_examples_in_docstrings(module):
    # The DAGs folder is not among pytest's test paths: a scan of it would import Airflow before its home is set.
    ran = doctest.testmod(importlib.import_module(module))
    assert ran.attempted > 0
    assert ran.failed == 0
