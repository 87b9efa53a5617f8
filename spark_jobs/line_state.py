"""runs, quarantine, lease -> verdict: how each job's last attempt ended, why it is red, and what to type next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from conf import errors
from conf import tables as t
from conf.pipeline import BY_NAME, JOBS
from spark_jobs.books import Books
from spark_jobs.lease import newest_holder
from spark_jobs.queries import rows
from spark_jobs.warehouse import Warehouse

GREEN = ("done", "running")
_REFUSED = """
select job, reason, count(*) as rows, min(path) as example
from quarantine where refused_run and job = $job and taken_on = $run_date
group by all order by rows desc, reason
"""


@dataclass(frozen=True)
class LastAttempt:
    """Newest attempt of a job. `state`: done, failed, refused, running, or died (started, and its process is gone)."""

    job: str
    run_date: date
    state: str
    exit_code: int | None
    seconds: float | None
    at: Any
    message: str


def last_attempts(warehouse: Warehouse) -> list[LastAttempt]:
    """Newest attempt of every job that ever ran, in the order of the line."""
    if not warehouse.exists(t.RUNS):
        return []
    newest = {row["job"]: row for row in Books(warehouse).entries()}
    held = newest_holder(warehouse.root)
    unended = "running" if held is not None and held[1] else "died"
    found = [newest[job.name] for job in JOBS if job.name in newest]
    return [_attempt(row, unended) for row in found]


def refused(warehouse: Warehouse, attempts: list[LastAttempt]) -> list[dict[str, Any]]:
    """Rows that made an intake refuse its whole run, counted by reason."""
    red = [a for a in attempts if a.state == "refused"]
    return [row for a in red for row in rows(warehouse, _REFUSED, {"job": a.job, "run_date": a.run_date})]


def next_command(attempts: list[LastAttempt], plant: str) -> str:
    """What the engineer on call should do now; `plant` is the command with its options, e.g. `plant --env demo`.

    >>> next_command([], "plant --env demo")
    'nothing ran yet: plant --env demo week'
    """
    if not attempts:
        return f"nothing ran yet: {plant} week"
    red = next((a for a in attempts if a.state not in GREEN), None)
    if red is None:
        running = next((a for a in attempts if a.state == "running"), None)
        return f"wait: {running.job} is running" if running else "nothing: every job's last attempt is done"
    return f"{_before(red, plant)}{_again(red, plant)}"


def _attempt(row: dict[str, Any], unended: str) -> LastAttempt:
    state = unended if row["state"] == "started" else row["state"]
    return LastAttempt(row["job"], row["run_date"], state, row["exit_code"], row["seconds"], row["at"], row["message"])


def _before(red: LastAttempt, plant: str) -> str:
    """What has to happen before trying again can help."""
    if red.state == "refused":
        return f'mend or remove the files that `{plant} sql "select * from quarantine where refused_run"` lists, then '
    return {
        errors.EXIT_USAGE: "correct the setting or option that the message names, then ",
        errors.EXIT_BAD_DATA: f"look closer with `{plant} doctor`, mend what the message names, then ",
        errors.EXIT_SERVICE_AWAY: "start the service that the message names, then ",
        errors.EXIT_BUG: "report the message with the log of a run with -v; to try again: ",
        errors.EXIT_IO: "free the disk or mend the path that the message names, then ",
    }.get(red.exit_code or 0, "")


def _again(red: LastAttempt, plant: str) -> str:
    if BY_NAME[red.job].schedule == "daily":
        return f"{plant} run {red.job} --run-date {red.run_date}"
    return f"{plant} week --run-date {red.run_date} --from {red.job}"
