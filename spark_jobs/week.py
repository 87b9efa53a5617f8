"""A whole week with one Spark session: eight trivial jobs take 30 s so, and 150 s with one each.

Jobs that do not wait for each other run side by side (spark_jobs/side_by_side.py), as far as the settings allow.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import get_args

from conf import tables as t
from conf.errors import FactoryError, KilledError, UsageError
from conf.job import Job
from conf.lineage import can_go_on_without
from conf.pipeline import BY_NAME, JOBS, cut
from conf.settings import Settings, SourceName
from spark_jobs.runner import Plant, Written
from spark_jobs.side_by_side import Step, in_turn
from spark_jobs.workers import outcome, workers

log = logging.getLogger(__name__)
LISTS = "build_discover_weekly"


@dataclass(frozen=True)
class Done:
    """One finished job: rows written per table, wall-clock seconds, and what was left out."""

    job: str
    run_date: date
    rows: dict[str, int]
    seconds: float
    left_out: tuple[str, ...] = ()


def run_week(
    plant: Plant,
    monday: date,
    chosen: tuple[Job, ...] = JOBS,
    fresh: bool = False,
    tell: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """Run the `chosen` jobs for `monday`, each once those that it waits for are over; what was done, in the order of the line.

    A full run whose Monday before has no lists makes them first (unpublished), with the same settings and a cut seven days
    earlier: they are what `evaluate` measures, and later weeks measure what was really served. A source that fails to train
    is told as left out, and the week goes on; where another job fails, those beside it end first.
    """
    if monday.weekday() != 0:
        raise UsageError(f"--run-date {monday} is a {monday:%A}: a week is named by the Monday served")
    plant.books.pack()
    editions = {monday: plant.books.edition(monday) + fresh} if fresh else {}
    plan = tuple(step for step in _plan(monday, chosen, _intake_day(plant, monday)) if in_use(step.job, plant.settings))
    at_once = min(plant.settings.jobs_at_once, len(plan))
    if at_once > 1:
        _make_tables(plant, plan)
    last_monday = monday - timedelta(days=7)
    done: dict[Step, Done] = {}
    began: dict[Step, float] = {}
    unmeasured = cache(lambda: _unmeasured(plant, last_monday))
    with workers(plant, at_once) as begin_job:

        def begin(step: Step) -> Future[Written] | None:
            if step.run_date == last_monday and step.job.name not in unmeasured():
                return None
            began[step] = time.perf_counter()
            return begin_job(step.job, step.run_date, editions.get(step.run_date))

        for step, begun in in_turn(plan, begin, at_once):
            written = _written(step, begun)
            seconds = time.perf_counter() - began[step]
            done[step] = Done(step.job.name, step.run_date, written.rows, seconds, tuple(written.warnings))
            tell(done[step])
    return [done[step] for step in plan if step in done]


def _written(step: Step, begun: Future[Written]) -> Written:
    """What a step wrote; nothing and a word of why, where the week goes on without it."""
    job = step.job
    try:
        return outcome(begun, job)
    except Exception as failed:
        if not can_go_on_without(job) or isinstance(failed, KilledError):
            raise
        log.warning("job=%s run_date=%s state=left_out", job.name, step.run_date, exc_info=not isinstance(failed, FactoryError))
        return Written(warnings=[f"{job.trains or job.name} is left out: {failed}"])


def choose(start: str | None, only: str | None) -> tuple[Job, ...]:
    """Jobs from `start` on, or the one called `only`, or all.

    >>> [job.name for job in choose("publish_discover_weekly", None)]
    ['publish_discover_weekly', 'evaluate']
    """
    for name in (start, only):
        if name is not None and name not in BY_NAME:
            raise UsageError(f"no job is called {name}: jobs are {', '.join(BY_NAME)}")
    if only:
        return (BY_NAME[only],)
    return JOBS[JOBS.index(BY_NAME[start]) :] if start else JOBS


def _intake_day(plant: Plant, monday: date) -> date:
    """The last day that the week sees, or a later one where intake has been there already.

    A past Monday must not take new files in with its old date: their rows would look like clocks that run ahead.
    """
    taken = [row["run_date"] for row in plant.books.entries(state="done") if BY_NAME[row["job"]].schedule == "daily"]
    return max([cut(monday) - timedelta(days=1), *taken])


def in_use(job: Job, settings: Settings) -> bool:
    """Whether the settings want this job: a trainer whose source is not named has nothing to do."""
    return job.trains not in get_args(SourceName) or job.trains in settings.generate_candidates.sources


def _plan(monday: date, chosen: tuple[Job, ...], intake_day: date) -> tuple[Step, ...]:
    """Steps in the order of the line: intake, last week's unpublished lists where all is run, this week."""
    daily = [Step(job, intake_day) for job in chosen if job.schedule == "daily"]
    weekly = [job for job in chosen if job.schedule == "weekly"]
    until_lists = weekly[: weekly.index(BY_NAME[LISTS]) + 1] if chosen == JOBS else []
    last_week = [Step(job, monday - timedelta(days=7)) for job in until_lists]
    return (*daily, *last_week, *(Step(job, monday) for job in weekly))


def _make_tables(plant: Plant, plan: tuple[Step, ...]) -> None:
    """Make what is missing of the plan's tables: two jobs that find one missing would both make it."""
    used = [table for step in plan for table in (*step.job.writes, *(read.table for read in step.job.reads))]
    for table in {table.name: table for table in used}.values():
        plant.warehouse.ensure(table)


def _unmeasured(plant: Plant, last_monday: date) -> set[str]:
    """Jobs still to be run for last week: all but the finished ones while it has no lists and the log reaches behind its cut.

    Asked when the first of them could begin: intake is over then.
    """
    finished = {row["job"] for row in plant.books.entries(run_date=last_monday, state="done")}
    if LISTS in finished:
        return set()
    earlier = plant.warehouse.rows(t.LISTENS, conditions=[("started_date", "<", cut(last_monday))])
    return {job.name for job in JOBS} - finished if earlier.count() else set()
