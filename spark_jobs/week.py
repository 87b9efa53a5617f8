"""A whole week in one process and one Spark session: eight trivial jobs take 30 s so, and 150 s in eight processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

from conf import tables as t
from conf.errors import FactoryError, UsageError
from conf.job import Job
from conf.lineage import can_go_on_without
from conf.pipeline import BY_NAME, JOBS, cut
from conf.settings import Settings, SourceName
from spark_jobs.runner import Plant, Written, run_job

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
    """Run the `chosen` jobs for `monday`, in the order of the line.

    A full run whose Monday before has no lists makes them first (unpublished), with the same settings and a cut seven days
    earlier: they are what `evaluate` measures, and later weeks measure what was really served. A source that fails to train
    is told as left out, and the week goes on.
    """
    if monday.weekday() != 0:
        raise UsageError(f"--run-date {monday} is a {monday:%A}: a week is named by the Monday served")
    editions = {monday: plant.books.edition(monday) + fresh} if fresh else {}
    done = []
    for job, run_date in _plan(monday, chosen, _intake_day(plant, monday)):
        if not in_use(job, plant.settings):
            continue
        if run_date == monday - timedelta(days=7) and not _wanted_for_measuring(plant, run_date, job):
            continue
        begin = time.perf_counter()
        try:
            written = run_job(plant, job, run_date, editions.get(run_date))
        except Exception as failed:
            if not can_go_on_without(job):
                raise
            log.warning("job=%s run_date=%s state=left_out", job.name, run_date, exc_info=not isinstance(failed, FactoryError))
            written = Written(warnings=[f"{job.trains or job.name} is left out: {failed}"])
        seconds = time.perf_counter() - begin
        done.append(Done(job.name, run_date, written.rows, seconds, tuple(written.warnings)))
        tell(done[-1])
    return done


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


def _plan(monday: date, chosen: tuple[Job, ...], intake_day: date) -> list[tuple[Job, date]]:
    """(job, run date) in order: intake, last week's unpublished lists where all is run, this week."""
    daily = [(job, intake_day) for job in chosen if job.schedule == "daily"]
    weekly = [job for job in chosen if job.schedule == "weekly"]
    until_lists = weekly[: weekly.index(BY_NAME[LISTS]) + 1] if chosen == JOBS else []
    return daily + [(job, monday - timedelta(days=7)) for job in until_lists] + [(job, monday) for job in weekly]


def _wanted_for_measuring(plant: Plant, last_monday: date, job: Job) -> bool:
    """True while last week has no lists although the log reaches back behind its cut."""
    finished = {row["job"] for row in plant.books.entries(run_date=last_monday, state="done")}
    if LISTS in finished or job.name in finished:
        return False
    earlier = plant.warehouse.rows(t.LISTENS, conditions=[("started_date", "<", cut(last_monday))])
    return earlier.count() > 0
