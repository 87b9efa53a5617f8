"""What follows from the jobs of the line: who waits for whom, and who can do without whom."""

from __future__ import annotations

from conf.job import Job
from conf.pipeline import JOBS


def can_go_on_without(job: Job) -> bool:
    """Whether the week goes on where this job fails: it enriches, or it is a trainer whose artefact is needed by nobody.

    >>> from conf.pipeline import BY_NAME
    >>> can_go_on_without(BY_NAME["train_mf"]), can_go_on_without(BY_NAME["train_popularity"])
    (True, False)
    """
    needed = {name for other in JOBS for name in other.uses}
    return job.enriches or (job.trains is not None and job.trains not in needed)


def does_without(job: Job) -> bool:
    """Whether this job runs where one that it waits for was left out.

    >>> from conf.pipeline import BY_NAME
    >>> does_without(BY_NAME["generate_candidates"]), does_without(BY_NAME["train_content"]), does_without(BY_NAME["train_mf"])
    (True, True, False)
    """
    enriched = {table.name for other in JOBS if other.enriches for table in other.writes if table.scope != "book"}
    return bool(job.may_use) or any(read.table.name in enriched for read in job.reads)


_PAST = ("last_week", "past_weeks")


def edges(jobs: tuple[Job, ...] = JOBS) -> list[tuple[str, str, str]]:
    """(writer, table or artefact, reader) for each pair of different jobs that share something.

    Books are no edges: a job finds its own rows in them, and artefacts have edges of their own.
    """
    links = []
    for reader in jobs:
        events = [r.table.name for r in reader.reads if r.rows not in _PAST and r.table.scope != "book"]
        wanted = [*events, *reader.uses, *reader.may_use]
        for writer in jobs:
            made = [w.name for w in writer.writes] + ([writer.trains] if writer.trains else [])
            links += [(writer.name, thing, reader.name) for thing in made if thing in wanted and writer is not reader]
    return links
