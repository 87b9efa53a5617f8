"""Which steps of a week wait for which, and the loop that begins each once those are over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import date
from typing import Any

from conf import tables as t
from conf.job import Job
from conf.lineage import handed_on


@dataclass(frozen=True, eq=False)
class Step:
    """A job for a date; each is itself alone."""

    job: Job
    run_date: date


Waits = dict[Step, set[Step]]
Begin = Callable[[Step], Future[Any] | None]


def waits(plan: tuple[Step, ...]) -> Waits:
    """Step -> the earlier steps of the plan, in the order of the line, whose rows or artefacts it takes."""
    return {later: {earlier for earlier in plan[:place] if _feeds(earlier, later)} for place, later in enumerate(plan)}


def _feeds(earlier: Step, later: Step) -> bool:
    weeks = 0 if earlier.job.schedule == "daily" else (later.run_date - earlier.run_date).days // 7
    return bool(handed_on(earlier.job, later.job, weeks)) or _write_alike(earlier.job, later.job)


def _write_alike(one: Job, other: Job) -> bool:
    """Whether both commit to one table. Models are no such case: each has a partition of its own there."""
    return any(table in other.writes for table in one.writes if table is not t.MODELS)


def most_awaited_first(plan: tuple[Step, ...], waiting: Waits) -> list[Step]:
    """The steps by how many others cannot begin before them, directly or not; those awaited alike as in the plan."""
    behind: Waits = {step: set() for step in plan}
    for step in reversed(plan):
        for earlier in waiting[step]:
            behind[earlier] |= {step} | behind[step]
    return sorted(plan, key=lambda step: -len(behind[step]))


def in_turn(plan: tuple[Step, ...], begin: Begin, at_once: int) -> Iterator[tuple[Step, Future[Any]]]:
    """Begin at most `at_once` steps at a time, of Spark's one, and give each with its outcome when it is over.

    What most others wait for goes first; one at a time, they go in the order of the plan. `begin` returns None for a step that
    is not wanted: who waits for it need not.
    """
    waiting = waits(plan)
    left = most_awaited_first(plan, waiting) if at_once > 1 else list(plan)
    over: set[Step] = set()
    running: dict[Future[Any], Step] = {}
    while left or running:
        while len(running) < at_once and (step := _next(left, waiting, over, running)):
            left.remove(step)
            if (begun := begin(step)) is None:
                over.add(step)
            else:
                running[begun] = step
        for ended in wait(running, return_when=FIRST_COMPLETED).done:
            step = running.pop(ended)
            over.add(step)
            yield step, ended


def _next(left: list[Step], waiting: Waits, over: set[Step], running: dict[Future[Any], Step]) -> Step | None:
    spark_is_busy = any(step.job.engine == "spark" for step in running.values())
    ready = (step for step in left if waiting[step] <= over and not (spark_is_busy and step.job.engine == "spark"))
    return next(ready, None)
