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
    """(writer, table or artefact, reader) for each pair of different jobs that share something in one run."""
    pairs = [(writer, reader) for reader in jobs for writer in jobs if writer is not reader]
    return [(writer.name, thing, reader.name) for writer, reader in pairs for thing in handed_on(writer, reader)]


def handed_on(writer: Job, reader: Job, weeks: int = 0) -> list[str]:
    """Tables and artefacts of `writer` that `reader` takes, where it runs for a Monday so many weeks later.

    Books are none: a job finds its own rows in them, and artefacts are named themselves.

    >>> from conf.pipeline import BY_NAME
    >>> candidates, blend = BY_NAME["generate_candidates"], BY_NAME["train_blend"]
    >>> handed_on(blend, candidates), handed_on(candidates, blend), handed_on(candidates, blend, weeks=1)
    (['blend'], [], ['candidates'])
    """
    unseen = _PAST if weeks == 0 else ("this_week",)
    wanted = {read.table.name for read in reader.reads if read.rows not in unseen and read.table.scope != "book"}
    artefacts = {0: (*reader.uses, *reader.may_use), 1: reader.uses_last_week}
    wanted |= set(artefacts.get(weeks, ()))
    made = [table.name for table in writer.writes] + ([writer.trains] if writer.trains else [])
    return [thing for thing in made if thing in wanted]
