"""The two kinds of schedule, made from the registry: the daily intake and the weekly lists."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.sensors.python import PythonSensor
from airflow.sdk import DAG, CronDataIntervalTimetable
from factory_task import FactoryTask

from conf.job import Job
from conf.lineage import edges
from conf.pipeline import DAILY, JOBS, WEEKLY

INTAKE = "intake"
DAY_ENDED = "{{ data_interval_start | ds }}"
MONDAY_SERVED = "{{ macros.ds_add(data_interval_end | ds, 1) }}"  # the interval ends on the Sunday before

# A job holds the warehouse's one lease and takes every core that it may: a second one would exit 75.
ONE_AT_A_TIME: dict[str, Any] = {"max_active_runs": 1, "max_active_tasks": 1}
# A hung job is killed while Sunday 02:00-10:00 UTC has room for one more try.
EVERY_TASK = {"owner": "plant", "execution_timeout": timedelta(hours=4)}
# Catching up is off. A late intake takes whatever lies in the landing folder, so the newest day alone makes up for an outage,
# while an older day would take the newer days' rows for a clock gone wrong. A lost Monday is nobody's Monday any more.
FIRST_DAY: dict[str, Any] = {"start_date": datetime(2026, 1, 1, tzinfo=UTC), "catchup": False}


def daily_dag(dag_id: str, cron: str, doc_md: str) -> DAG:
    """DAG of the daily jobs; run_date = the day that ended."""
    with _dag(dag_id, cron, doc_md) as dag:
        line_up(DAILY, DAY_ENDED)
    return dag


def weekly_dag(dag_id: str, cron: str, until: tuple[str, ...], doc_md: str) -> DAG:
    """DAG of the jobs named in `until` and of every weekly job that they need; run_date = the Monday served."""
    with _dag(dag_id, cron, doc_md) as dag:
        week_taken_in() >> list(line_up(needed(until), MONDAY_SERVED).values())
    return dag


def _dag(dag_id: str, cron: str, doc_md: str) -> DAG:
    # A plain cron string would give an interval of no width, and every run_date here is read from the interval's ends.
    timetable = CronDataIntervalTimetable(cron, timezone="UTC")
    return DAG(dag_id, schedule=timetable, doc_md=doc_md, default_args=EVERY_TASK, **FIRST_DAY, **ONE_AT_A_TIME)


def line_up(jobs: tuple[Job, ...], run_date: str) -> dict[str, FactoryTask]:
    """One task per job, each behind the writers of what it reads; by name."""
    tasks = {job.name: FactoryTask(job=job, run_date=run_date) for job in jobs}
    for writer, reader in forward(jobs):
        tasks[writer] >> tasks[reader]
    return tasks


def forward(jobs: tuple[Job, ...]) -> set[tuple[str, str]]:
    """(writer, reader) pairs in the order of the line.

    The other direction is left out: a job sees what a later one wrote in the run before (the two intakes keep one ledger).
    """
    place = {job.name: n for n, job in enumerate(JOBS)}
    return {(writer, reader) for writer, _, reader in edges(jobs) if place[writer] < place[reader]}


def needed(until: tuple[str, ...]) -> tuple[Job, ...]:
    """Weekly jobs in the order of the line: those named and whatever they need.

    >>> [job.name for job in needed(("train_mf",))]
    ['build_histories', 'train_mf']
    """
    names = set(until)
    for _ in WEEKLY:  # as many steps as the longest chain can have
        names |= {writer for writer, reader in forward(WEEKLY) if reader in names}
    return tuple(job for job in WEEKLY if job.name in names)


def week_taken_in() -> PythonSensor:
    """Task that holds the week's jobs back until its last day is in the tables; it takes no slot while it waits."""
    return PythonSensor(
        task_id="week_taken_in",
        python_callable=saturday_is_in,
        mode="reschedule",
        poke_interval=60,
        timeout=timedelta(hours=6).total_seconds(),  # 08:00 UTC: two hours are left to make the lists by hand
        doc_md=inspect.getdoc(saturday_is_in),
    )


def saturday_is_in(ti: Any, dag_run: Any, data_interval_end: Any) -> bool:
    """Whether the intake of Saturday succeeded, or that of a later day up to the next lists, which took Saturday's files too.

    A backfill does not wait: a week that was made before reads the table versions that it recorded then.
    """
    if dag_run.run_type == "backfill":
        return True
    saturday = data_interval_end.start_of("day").subtract(days=1)
    days = [saturday.add(days=n) for n in range(8)]
    return bool(ti.get_dr_count(dag_id=INTAKE, logical_dates=days, states=["success"]) > 0)
