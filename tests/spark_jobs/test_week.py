"""A week's plan: which jobs run for which date, and what a wrong date or word is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from conf import tables as t
from conf.errors import ContractError, UsageError
from conf.job import Job
from conf.pipeline import BY_NAME, DAILY, JOBS, WEEKLY, cut
from conf.settings import GenerateCandidates, Settings
from spark_jobs import workers
from spark_jobs.books import Attempt
from spark_jobs.runner import Plant, Written
from spark_jobs.schema import arrow_schema
from spark_jobs.week import choose, run_week

MONDAY = date(2026, 9, 7)
LAST = MONDAY - timedelta(days=7)
SATURDAY = MONDAY - timedelta(days=2)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(Settings(warehouse=tmp_path / "warehouse", landing=tmp_path / "landing", jobs_at_once=1))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, date, int | None]]:
    """Jobs as they are asked for; none of them does anything but stand in the books as done."""
    asked: list[tuple[str, date, int | None]] = []

    def run_job(plant: Plant, job: object, run_date: date, edition: int | None) -> Written:
        name = job.name  # type: ignore[attr-defined]
        asked.append((name, run_date, edition))
        plant.books.write(Attempt(f"{name}-{run_date}", name, run_date, edition or 0, {}, ""), "done", exit_code=0)
        return Written()

    monkeypatch.setattr(workers, "run_job", run_job)
    return asked


def test_intake_comes_first_with_the_last_day_seen(plant: Plant, ran: list[tuple[str, date, int | None]]) -> None:
    run_week(plant, MONDAY)
    assert ran == [(job.name, SATURDAY, None) for job in DAILY] + [(job.name, MONDAY, None) for job in WEEKLY]


def test_the_monday_before_is_made_where_the_log_reaches_behind_its_cut(
    plant: Plant, ran: list[tuple[str, date, int | None]]
) -> None:
    plant.warehouse.write_arrow(t.LISTENS, one_listen(cut(LAST) - timedelta(days=1)), "")
    run_week(plant, MONDAY)
    before = [name for name, run_date, _ in ran if run_date == LAST]
    assert before == [job.name for job in WEEKLY[: WEEKLY.index(BY_NAME["build_discover_weekly"]) + 1]]
    ran.clear()
    run_week(plant, MONDAY)
    assert LAST not in {run_date for _, run_date, _ in ran}, "its lists are there now"


def test_a_log_that_begins_later_makes_no_monday_before(plant: Plant, ran: list[tuple[str, date, int | None]]) -> None:
    plant.warehouse.write_arrow(t.LISTENS, one_listen(cut(LAST)), "")
    run_week(plant, MONDAY)
    assert LAST not in {run_date for _, run_date, _ in ran}


def one_listen(day: date) -> pa.Table:
    row = dict.fromkeys(t.LISTENS.column_names) | dict.fromkeys(("listen_id", "user_id", "track_id", "file_id"), "x")
    at = datetime.combine(day, time(12), UTC)
    row |= {"started_at": at, "started_date": day, "ms_played": 1, "simulated": True}
    return pa.Table.from_pylist([row], schema=arrow_schema(t.LISTENS))


def test_intake_never_goes_back_behind_a_date_it_has_reached(plant: Plant, ran: list[tuple[str, date, int | None]]) -> None:
    run_week(plant, MONDAY)
    ran.clear()
    run_week(plant, LAST)
    assert {run_date for name, run_date, _ in ran if BY_NAME[name] in DAILY} == {SATURDAY}


def test_fresh_starts_the_next_edition_of_this_week_alone(plant: Plant, ran: list[tuple[str, date, int | None]]) -> None:
    run_week(plant, MONDAY)
    ran.clear()
    run_week(plant, MONDAY, fresh=True)
    assert {edition for _, run_date, edition in ran if run_date == MONDAY} == {1}
    assert {edition for _, run_date, edition in ran if run_date == SATURDAY} == {None}


def test_only_and_from_choose_jobs() -> None:
    assert choose(None, None) == JOBS
    assert choose(None, "evaluate") == (BY_NAME["evaluate"],)
    assert choose("train_popularity", None)[0].name == "train_popularity"
    with pytest.raises(UsageError, match="no job is called nope: jobs are ingest_catalogue"):
        choose("nope", None)


def test_a_week_is_named_by_a_monday(plant: Plant) -> None:
    with pytest.raises(UsageError, match="2026-09-08 is a Tuesday"):
        run_week(plant, date(2026, 9, 8))


def test_a_source_that_fails_is_left_out_and_the_week_goes_on(
    plant: Plant, ran: list[tuple[str, date, int | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(broken: str) -> None:
        done = workers.run_job

        def run_job(plant: Plant, job: Job, run_date: date, edition: int | None) -> Written:
            if job.name == broken:
                raise ContractError("it broke")
            return done(plant, job, run_date, edition)

        monkeypatch.setattr(workers, "run_job", run_job)

    for broken in ("train_mf", "extract_audio"):
        breaking(broken)
    done = run_week(plant, MONDAY)
    assert [step.job for step in done] == [job.name for job in (*DAILY, *WEEKLY)]
    assert {step.job: step.left_out for step in done if step.left_out} == {
        "train_mf": ("mf is left out: it broke",),
        "extract_audio": ("extract_audio is left out: it broke",),
    }
    breaking("train_popularity")  # the fallback for everybody: no week without it
    with pytest.raises(ContractError, match="it broke"):
        run_week(plant, MONDAY)


def test_a_source_that_the_settings_do_not_name_is_not_trained(tmp_path: Path, ran: list[tuple[str, date, int | None]]) -> None:
    wanted = Settings(warehouse=tmp_path / "w", jobs_at_once=1, generate_candidates=GenerateCandidates(sources=("mf",)))
    run_week(Plant(wanted), MONDAY)
    trained = [name for name, _, _ in ran if name.startswith("train_")]
    # The network of sound is no source: analysts and `plant similar` read what it makes.
    assert trained == ["train_audio", "train_mf", "train_popularity", "train_contexts", "train_blend", "train_ranker"]
