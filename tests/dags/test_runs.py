"""Whole runs against a metadata database: order, failure, retry, waiting, and a week on the tiny world."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from conf.pipeline import JOBS

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow"), pytest.mark.usefixtures("metadata")]

ROOT = Path(__file__).resolve().parents[2]


def states(run):
    return {instance.task_id: str(instance.state) for instance in run.get_task_instances()}


def jobs(notes: Path):
    return [line.split(" run ")[1].split()[0] for line in notes.read_text().splitlines()]


@pytest.fixture
def take_in(reparsed):
    """Run the intake of a day: the weekly DAG waits for the Saturday before."""
    return lambda day: reparsed("intake").test(logical_date=datetime.fromisoformat(f"{day}T00:00Z") + timedelta(days=1))


def test_a_week_runs_every_job_once_in_order(fake_python, reparsed, take_in):
    notes = fake_python()
    assert str(take_in("2026-06-06").state) == "success"
    run = reparsed("discover_weekly").test(logical_date=datetime.fromisoformat("2026-06-07T02:00Z"))
    assert str(run.state) == "success"
    ran = jobs(notes)
    assert ran[:3] == ["ingest_catalogue", "ingest_listens", "sessionize"]
    assert sorted(ran) == sorted(job.name for job in JOBS)
    # dag.test takes tasks that are ready together in any order: the trainers, and the evaluation of last week's lists.
    lists = ["build_histories", "train_mf", "generate_candidates", "build_discover_weekly", "publish_discover_weekly"]
    assert [job for job in ran if job in lists] == lists
    assert {line.rsplit(" ", 1)[1] for line in notes.read_text().splitlines()[3:]} == {"2026-06-08"}


def test_a_failing_middle_task_fails_the_run(fake_python, reparsed, take_in):
    notes = fake_python(generate_candidates=[65])
    take_in("2026-06-13")
    run = reparsed("discover_weekly").test(logical_date=datetime.fromisoformat("2026-06-14T02:00Z"))
    assert str(run.state) == "failed"
    ended = states(run)
    assert ended["generate_candidates"] == "failed"
    assert ended["build_discover_weekly"] == ended["publish_discover_weekly"] == "upstream_failed"
    assert ended["train_mf"] == ended["evaluate"] == "success"
    assert jobs(notes).count("generate_candidates") == 1  # bad data stays bad: one try
    assert "publish_discover_weekly" not in jobs(notes)


def test_a_week_whose_files_cannot_be_heard_goes_on(fake_python, reparsed, take_in):
    notes = fake_python(extract_audio=[65])
    take_in("2026-06-27")
    run = reparsed("discover_weekly").test(logical_date=datetime.fromisoformat("2026-06-28T02:00Z"))
    assert str(run.state) == "success"
    ended = states(run)
    assert ended["extract_audio"] == "skipped"
    assert ended["train_content"] == ended["publish_discover_weekly"] == "success"
    assert jobs(notes).count("train_content") == 1


def test_a_held_lease_is_tried_again(fake_python, reparsed, take_in):
    notes = fake_python(train_mf=[75, 69, 0])
    take_in("2026-06-20")
    weekly = reparsed("discover_weekly")
    weekly.get_task("train_mf").retry_delay = timedelta(0)
    run = weekly.test(logical_date=datetime.fromisoformat("2026-06-21T02:00Z"))
    assert str(run.state) == "success"
    assert jobs(notes).count("train_mf") == 3


@pytest.mark.parametrize(("day_taken_in", "state"), [("2026-07-02", "failed"), ("2026-07-06", "success")])
def test_a_week_waits_for_its_saturday_or_a_later_day(fake_python, reparsed, take_in, day_taken_in, state):
    # Saturday is 4 July. Its own intake never ran; Thursday's saw too little, Monday's took Saturday's files along.
    notes = fake_python()
    take_in(day_taken_in)
    weekly = reparsed("discover_weekly")
    weekly.get_task("week_taken_in").timeout = 0
    run = weekly.test(logical_date=datetime.fromisoformat("2026-07-05T02:00Z"))
    assert str(run.state) == state
    assert ("build_histories" in jobs(notes)) is (state == "success")


@pytest.mark.spark
@pytest.mark.faults  # ten processes, six of them with a JVM: minutes, so it runs with the slow drills
def test_a_week_on_the_tiny_world(reparsed, take_in, tmp_path, monkeypatch):
    from deltalake import DeltaTable

    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    simulate = ["simulate", "tiny", "--landing", str(landing), "--truth", str(tmp_path / "truth")]
    subprocess.run([sys.executable, "-m", "spark_jobs", *simulate], check=True, cwd=ROOT, timeout=120)
    monkeypatch.setenv("PLANT_LANDING", str(landing))
    monkeypatch.setenv("PLANT_WAREHOUSE", str(warehouse))

    assert str(take_in("2026-09-05").state) == "success"
    run = reparsed("discover_weekly").test(logical_date=datetime.fromisoformat("2026-09-06T02:00Z"))
    assert str(run.state) == "success", states(run)

    lists = DeltaTable(str(warehouse / "playlists")).to_pyarrow_table(columns=["run_date", "user_id"])
    assert {str(monday) for monday in lists["run_date"].to_pylist()} == {"2026-09-07"}
    assert len(set(lists["user_id"].to_pylist())) > 0
    published = DeltaTable(str(warehouse / "publications")).to_pyarrow_table()
    assert published.num_rows > 0
