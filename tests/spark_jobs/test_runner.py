"""The runner: which versions a job reads, what becomes of what it returns, and what the books say afterwards.

Jobs here are planted functions under the names of real ones: an arrow job that reads event and weekly tables, and a trainer.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from conf.errors import BusyError, ContractError, DiskError, FactoryError, StoreAwayError
from conf.job import Job, Read
from conf.settings import Settings
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Output, Refused
from spark_jobs.lease import take
from spark_jobs.runner import Plant, run_job
from spark_jobs.schema import arrow_schema
from tests.spark_jobs.small_tables import metrics_table, taken_table, users_table

MONDAY = date(2026, 9, 7)
EVALUATE = Job("evaluate", "planted", "arrow", "weekly", reads=(Read(t.USERS), Read(t.METRICS)), writes=(t.METRICS,))


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    made = Plant(Settings(warehouse=tmp_path / "warehouse", landing=tmp_path / "landing"))
    made.warehouse.write_arrow(t.USERS, users_table("ana"), "true")
    return made


@pytest.fixture
def plant_job() -> Iterator[Callable[..., None]]:
    """Put a function where the registry looks for a job's module."""
    planted = []

    def put(job: Job, function: Callable[..., Any]) -> None:
        module = ModuleType(job.module)
        setattr(module, "train" if job.trains else "transform", function)
        sys.modules[job.module] = module
        planted.append(job.module)

    yield put
    for name in planted:
        sys.modules.pop(name, None)


def count_users(*, users: Any, metrics: Any, params: Any, run: Any) -> dict[str, Output]:
    """The value is the number of listeners seen."""
    return {"metrics": Output(metrics_table(run.run_date, users.count()))}


def values(plant: Plant) -> dict[date, float]:
    return {row["run_date"]: row["value"] for row in plant.warehouse.rows(t.METRICS).table().to_pylist()}


def states(plant: Plant) -> list[tuple[str, int | None]]:
    return [(row["state"], row["exit_code"]) for row in plant.books.entries()]


def test_books_say_what_was_read_and_written(plant: Plant, plant_job: Any) -> None:
    plant_job(EVALUATE, count_users)
    read = plant.warehouse.version(t.USERS)
    written = run_job(plant, EVALUATE, MONDAY)
    assert written.rows == {"metrics": 1}
    started, done = plant.books.entries()
    assert (started["state"], done["state"], done["exit_code"], done["message"]) == ("started", "done", 0, "")
    assert started["run_id"] == done["run_id"]
    assert done["reads"]["users"] == read
    assert done["writes"] == {"metrics": plant.warehouse.version(t.METRICS)}
    assert done["seconds"] > 0


def test_a_run_replaces_its_own_monday_alone(plant: Plant, plant_job: Any) -> None:
    plant_job(EVALUATE, count_users)
    before = MONDAY - timedelta(days=7)
    run_job(plant, EVALUATE, before)
    plant.warehouse.write_arrow(t.USERS, users_table("ana", "bo"), "true")
    for _ in range(2):
        run_job(plant, EVALUATE, MONDAY)
        assert values(plant) == {before: 1.0, MONDAY: 2.0}


def test_a_rerun_reads_the_events_that_its_week_recorded(plant: Plant, plant_job: Any) -> None:
    plant_job(EVALUATE, count_users)
    run_job(plant, EVALUATE, MONDAY)
    plant.warehouse.write_arrow(t.USERS, users_table("ana", "bo", "cy"), "true")  # they came later
    run_job(plant, EVALUATE, MONDAY)
    assert values(plant) == {MONDAY: 1.0}
    run_job(plant, EVALUATE, MONDAY, edition=1)  # --fresh
    assert values(plant) == {MONDAY: 3.0}
    run_job(plant, EVALUATE, MONDAY)  # the fresh edition is the week's own from now on
    assert values(plant) == {MONDAY: 3.0}


def test_a_killed_intake_starts_again_from_before_its_dead_attempt(
    plant: Plant, plant_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, books = replace(t.USERS, engine="delta-rs"), t.LANDING_FILES
    monkeypatch.setitem(t.TABLES, "users", events)
    intake = Job("ingest_listens", "planted", "arrow", "daily", reads=(Read(events), Read(books)), writes=(events, books))
    seen = []

    def transform(*, users: Any, landing_files: Any, params: Any, run: Any) -> dict[str, Output]:
        seen.append((users.count(), landing_files.count()))
        run.write("users", Output(users_table("bo"), replace=""))
        run.write("landing_files", Output(taken_table(run.run_date), replace=""))
        if len(seen) == 1:
            raise KeyboardInterrupt
        return {}

    plant_job(intake, transform)
    with pytest.raises(KeyboardInterrupt):
        run_job(plant, intake, MONDAY)
    run_job(plant, intake, MONDAY)
    assert seen == [(1, 0), (1, 1)], "events as before the first try, books as they stand"
    run_job(plant, intake, MONDAY)
    assert seen[2] == (3, 2), "after a finished attempt everything is read as it stands"


def _raising(error: BaseException) -> Callable[..., Any]:
    def transform(**_: Any) -> Any:
        raise error

    return transform


@pytest.mark.parametrize(
    ("raised", "expected", "code"),
    [
        (StoreAwayError("redis does not answer"), StoreAwayError, 69),
        (OSError(errno.ENOSPC, "No space left on device"), DiskError, 74),
        (RuntimeError("Job aborted: java.io.IOException: No space left on device"), DiskError, 74),
        # what a worker raises arrives as text inside Spark's own error
        (RuntimeError("PythonException: conf.errors.BusyError: try again\n at java"), BusyError, 75),
    ],
)
def test_errors_become_the_factorys_own(
    plant: Plant, plant_job: Any, raised: Exception, expected: type[FactoryError], code: int
) -> None:
    plant_job(EVALUATE, _raising(raised))
    with pytest.raises(expected):
        run_job(plant, EVALUATE, MONDAY)
    assert states(plant) == [("started", None), ("failed", code)]


def test_a_bug_is_recorded_and_raised_as_it_is(plant: Plant, plant_job: Any) -> None:
    plant_job(EVALUATE, _raising(ZeroDivisionError("division by zero")))
    with pytest.raises(ZeroDivisionError):
        run_job(plant, EVALUATE, MONDAY)
    assert states(plant) == [("started", None), ("failed", 70)]
    assert plant.books.entries()[-1]["message"] == "ZeroDivisionError: division by zero"


def test_a_refusal_writes_its_own_outputs_and_nothing_else(plant: Plant, plant_job: Any) -> None:
    def transform(*, run: Any, **_: Any) -> Any:
        raise Refused("refuses 3 of 4 rows", {"metrics": Output(metrics_table(run.run_date, 9.0))})

    plant_job(EVALUATE, transform)
    with pytest.raises(ContractError, match="refuses 3 of 4 rows"):
        run_job(plant, EVALUATE, MONDAY)
    assert states(plant) == [("started", None), ("refused", 65)]
    assert values(plant) == {MONDAY: 9.0}
    assert plant.books.entries()[-1]["rows"] == {"metrics": 1}


def test_rows_outside_the_contract_fail_the_job(plant: Plant, plant_job: Any) -> None:
    plant_job(EVALUATE, lambda **_: {"metrics": Output(metrics_table(MONDAY, 1.0).drop_columns(["value"]))})
    with pytest.raises(ContractError, match=r"rows lack \['value'\]"):
        run_job(plant, EVALUATE, MONDAY)
    assert states(plant)[-1] == ("failed", 65)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("all", {date(2026, 8, 29), date(2026, 8, 30), date(2026, 9, 5), date(2026, 9, 6)}),
        ("before_cut", {date(2026, 8, 29), date(2026, 8, 30), date(2026, 9, 5)}),  # Sunday 00:00 UTC is the cut
        ("after_last_cut", {date(2026, 8, 30), date(2026, 9, 5)}),  # the seven days that last week's lists have not seen
    ],
)
def test_windows_of_the_registry(
    plant: Plant, plant_job: Any, planted_rows: dict[str, pa.Table], rows: Any, expected: set[date]
) -> None:
    listen = planted_rows["listens"].slice(0, 1).to_pylist()[0]
    days = [date(2026, 8, 29), date(2026, 8, 30), date(2026, 9, 5), date(2026, 9, 6)]
    log = [listen | {"listen_id": str(day), "started_date": day} for day in days]
    plant.warehouse.write_arrow(t.LISTENS, pa.Table.from_pylist(log, schema=arrow_schema(t.LISTENS)), "true")
    seen: set[date] = set()
    job = Job("evaluate", "planted", "arrow", "weekly", reads=(Read(t.LISTENS, rows),))

    def transform(*, listens: Any, **_: Any) -> dict[str, Output]:
        seen.update(listens.table()["started_date"].to_pylist())
        return {}

    plant_job(job, transform)
    run_job(plant, job, MONDAY)
    assert seen == expected


@pytest.mark.parametrize(("rows", "expected"), [("this_week", [2.0]), ("last_week", [1.0])])
def test_weeks_of_the_registry(plant: Plant, plant_job: Any, rows: Any, expected: list[float]) -> None:
    for monday, value in ((MONDAY - timedelta(days=7), 1.0), (MONDAY, 2.0), (MONDAY + timedelta(days=7), 3.0)):
        plant.warehouse.write_arrow(t.METRICS, metrics_table(monday, value), "")
    job = Job("evaluate", "planted", "arrow", "weekly", reads=(Read(t.METRICS, rows),))
    seen: list[float] = []
    plant_job(job, lambda *, metrics, **_: seen.extend(metrics.table()["value"].to_pylist()) or {})
    run_job(plant, job, MONDAY)
    assert seen == expected


def test_a_trainer_is_registered_and_found_by_its_users(plant: Plant, plant_job: Any) -> None:
    trainer = Job("train_mf", "planted", "arrow", "weekly", reads=(Read(t.USERS),), writes=(t.MODELS,), trains="mf")
    user = Job("evaluate", "planted", "arrow", "weekly", uses=("mf",))
    found = {}
    plant_job(trainer, lambda *, users, params, run: Artefact({"n": np.array([users.count()])}, {"d": 1}, {"ndcg": 0.5}))
    plant_job(user, lambda *, params, run: found.update(artefacts.load_arrays(run.artefacts["mf"])) or {})
    for _ in range(2):  # twice the same week: one row, one folder
        run_job(plant, trainer, MONDAY)
    run_job(plant, user, MONDAY)
    assert found["n"].tolist() == [1]
    (row,) = plant.warehouse.rows(t.MODELS).table().to_pylist()
    assert (row["name"], row["run_date"], row["params"], row["metrics"]) == ("mf", MONDAY, '{"d": 1}', '{"ndcg": 0.5}')


def test_using_an_artefact_that_was_never_trained_fails_with_the_command(plant: Plant, plant_job: Any) -> None:
    job = Job("evaluate", "planted", "arrow", "weekly", uses=("mf",))
    plant_job(job, lambda **_: {})
    with pytest.raises(ContractError, match="run train_mf for that date first"):
        run_job(plant, job, MONDAY)
    assert states(plant) == [("started", None), ("failed", 65)]


def test_a_job_knows_what_changed_since_it_last_finished(
    plant: Plant, plant_job: Any, planted_rows: dict[str, pa.Table]
) -> None:
    job = Job("sessionize", "planted", "arrow", "daily", reads=(Read(t.LISTENS),))
    changes: list[Any] = []
    plant_job(job, lambda *, listens, params, run: changes.append(run.changed("listens")) or {})
    plant.warehouse.write_arrow(t.LISTENS, planted_rows["listens"], "true")
    run_job(plant, job, MONDAY)
    run_job(plant, job, MONDAY)
    late = planted_rows["listens"].slice(0, 1)
    plant.warehouse.write_arrow(t.LISTENS, late, "")
    run_job(plant, job, MONDAY + timedelta(days=1))
    assert changes == [None, [], [late["started_date"][0].as_py()]]


def test_a_run_can_ask_its_lease(plant: Plant, plant_job: Any, tmp_path: Path) -> None:
    plant.lease = take(tmp_path / "_lease", "week", 30)
    take(tmp_path / "_lease", "rollback", 30, force=True)
    job = Job("evaluate", "planted", "arrow", "weekly")
    plant_job(job, lambda *, params, run: run.fence())
    with pytest.raises(BusyError, match="taken over"):
        run_job(plant, job, MONDAY)
    assert states(plant)[-1] == ("failed", 75)


def test_what_a_job_may_use_is_given_where_it_is_there(plant: Plant, plant_job: Callable[..., None]) -> None:
    seen: list[set[str]] = []

    def look(*, users: Any, metrics: Any, params: Any, run: Any) -> dict[str, Output]:
        seen.append(set(run.artefacts))
        run.warn("one thing was left out")
        return {}

    job = replace(EVALUATE, may_use=("mf", "gfcf"))
    plant_job(job, look)
    run_job(plant, job, MONDAY)
    trained = Job("train_mf", "planted", "arrow", "weekly", reads=(Read(t.USERS),), writes=(t.MODELS,), trains="mf")
    plant_job(trained, lambda *, users, params, run: Artefact({"x": np.zeros(1)}, {}))
    run_job(plant, trained, MONDAY)
    run_job(plant, job, MONDAY)
    assert seen == [set(), {"mf"}]
    newest = plant.books.entries(job=job.name, state="done")[-1]
    assert (newest["message"], newest["exit_code"]) == ("one thing was left out", 0)
