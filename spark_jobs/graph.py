"""conf.pipeline -> mermaid: the picture of the line in the README, drawn from the registry that runs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conf.job import Job


def mermaid(jobs: Sequence[Job]) -> str:
    """Flowchart of jobs (boxes), tables (cylinders), artefacts (hexagons) and landing folders, an arrow per read and write.

    A dotted arrow is a read of last week's rows. A job's read of what it writes itself (its own ledger) is left out.
    """
    nodes = dict.fromkeys(node for job in jobs for node in _nodes(job))
    arrows = dict.fromkeys(arrow for job in jobs for arrow in _arrows(job))
    return "\n".join(["flowchart LR", *(f"  {line}" for line in (*nodes, *arrows))])


def _nodes(job: Job) -> Iterator[str]:
    if job.landing:
        yield f"landing_{job.name}[/landing: {', '.join(job.landing)}/]"
    yield f"{job.name}[{job.name}]"
    for table in job.writes:
        yield f"t_{table.name}[({table.name})]"
    if job.trains:
        yield f"a_{job.trains}{{{{{job.trains}}}}}"


def _arrows(job: Job) -> Iterator[str]:
    if job.landing:
        yield f"landing_{job.name} --> {job.name}"
    for read in job.reads:
        if read.table not in job.writes:
            arrow = "-.->" if read.rows == "last_week" else "-->"
            yield f"t_{read.table.name} {arrow} {job.name}"
    yield from (f"a_{name} --> {job.name}" for name in (*job.uses, *job.may_use))
    yield from (f"a_{name} -.-> {job.name}" for name in job.uses_last_week)
    yield from (f"{job.name} --> t_{table.name}" for table in job.writes)
    if job.trains:
        yield f"{job.name} --> a_{job.trains}"
