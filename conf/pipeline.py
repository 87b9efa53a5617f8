"""The line as data: each job once, with what it reads and writes.

From here come the CLI's words, the DAGs' tasks and edges, the lineage test, the README's picture and the runner's I/O.
A job's name is its module, its CLI word, its Airflow task id and its settings field.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from conf import tables as t
from conf.contract import Table

Rows = Literal["all", "before_cut", "after_last_cut", "this_week", "last_week"]


@dataclass(frozen=True)
class Read:
    """A table and which of its rows a job sees.

    `all`: every row. `before_cut`: events before the cut. `after_last_cut`: events of the seven days before the cut, which
    last week's lists have not seen. `this_week`, `last_week`: the partition of the run's Monday, or of the one before.
    """

    table: Table
    rows: Rows = "all"


@dataclass(frozen=True)
class Job:
    """One step of the line.

    Attributes
    ----------
    room : package below spark_jobs that holds the module of the same name.
    engine : `spark` jobs get DataFrames and share one session; `arrow` jobs get Arrow readers and start no JVM.
    schedule : `daily` jobs get the day taken in as run_date, `weekly` jobs the Monday served.
    reads, writes : tables; a job that reads what it writes sees the version from before its own attempt.
    landing : landing folders it takes files from.
    uses, trains : artefacts it loads, and the one it makes. `uses_last_week` takes those of the Monday before.
    may_use : artefacts that it takes where they are there, and does without where they are not.
    enriches : whoever reads what it writes does without where it is not there.
    """

    name: str
    room: str
    engine: Literal["spark", "arrow"]
    schedule: Literal["daily", "weekly"]
    reads: tuple[Read, ...] = ()
    writes: tuple[Table, ...] = ()
    landing: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    may_use: tuple[str, ...] = ()
    uses_last_week: tuple[str, ...] = ()
    trains: str | None = None
    enriches: bool = False

    @property
    def module(self) -> str:
        """Dotted name of the module that holds the job's function."""
        return f"spark_jobs.{self.room}.{self.name}"


def cut(run_date: date) -> date:
    """First UTC day that the run for Monday `run_date` does not see.

    The earliest Monday on earth starts on Sunday 10:00 UTC (UTC+14), so lists are made on Sunday from what came before it.

    >>> cut(date(2026, 9, 7))
    datetime.date(2026, 9, 6)
    """
    return run_date - timedelta(days=1)


def newest_monday(last_event: date) -> date:
    """Monday of the newest run whose cut lies not after the day behind `last_event`.

    >>> newest_monday(date(2026, 9, 5)), newest_monday(date(2026, 9, 6)), newest_monday(date(2026, 9, 4))
    (datetime.date(2026, 9, 7), datetime.date(2026, 9, 7), datetime.date(2026, 8, 31))
    """
    day_behind = last_event + timedelta(days=1)
    last_sunday = day_behind - timedelta(days=(day_behind.weekday() + 1) % 7)
    return last_sunday + timedelta(days=1)


def _trainer(source: str, *beside: Read) -> Job:
    """The job that trains a source on this week's histories, the tracks and what it reads beside them."""
    reads = (Read(t.HISTORIES, "this_week"), Read(t.TRACKS), *beside)
    return Job(f"train_{source}", "training", "arrow", "weekly", reads, writes=(t.MODELS,), trains=source)


_CATALOGUE = (t.TRACKS, t.ARTISTS, t.USERS, t.FOLLOWS, t.TAGS, t.FEEDBACK, t.LISTENER_PLAYLISTS, t.FOREIGN_EXPOSURES)

JOBS: tuple[Job, ...] = (
    Job(
        "ingest_catalogue",
        room="intake",
        engine="spark",
        schedule="daily",
        landing=("tracks", "artists", "users", "follows", "tags", "feedback", "playlists", "exposures"),
        reads=(Read(t.LANDING_FILES), *(Read(table) for table in _CATALOGUE)),
        writes=(t.QUARANTINE, *_CATALOGUE, t.LANDING_FILES),
    ),
    Job(
        "ingest_listens",
        room="intake",
        engine="spark",
        schedule="daily",
        landing=("listens",),
        reads=(Read(t.LANDING_FILES), Read(t.LISTENS), Read(t.QUARANTINE), Read(t.TRACKS)),
        writes=(t.QUARANTINE, t.LISTENS, t.LANDING_FILES),
    ),
    Job(
        "sessionize",
        room="intake",
        engine="spark",
        schedule="daily",
        reads=(Read(t.LISTENS), Read(t.TRACKS)),
        writes=(t.SESSIONS,),
    ),
    Job(
        "build_histories",
        room="features",
        engine="spark",
        schedule="weekly",
        reads=(Read(t.LISTENS, "before_cut"), Read(t.TRACKS)),
        writes=(t.HISTORIES,),
    ),
    Job(
        "train_audio",
        room="training",
        engine="arrow",
        schedule="weekly",
        landing=("audio",),
        reads=(Read(t.HISTORIES, "this_week"), Read(t.TRACKS)),
        uses_last_week=("audio",),
        writes=(t.MODELS,),
        trains="audio",
    ),
    Job(
        "extract_audio",
        room="features",
        engine="spark",
        schedule="weekly",
        landing=("audio",),
        reads=(Read(t.TRACKS), Read(t.TRACK_AUDIO), Read(t.AUDIO_QUARANTINE)),
        may_use=("audio",),
        writes=(t.TRACK_AUDIO, t.AUDIO_QUARANTINE),
        enriches=True,
    ),
    _trainer("mf"),
    _trainer("item_knn"),
    _trainer("rp3beta"),
    _trainer("gfcf"),
    _trainer("ease"),
    _trainer("sequence"),
    _trainer("content", Read(t.ARTISTS), Read(t.TAGS), Read(t.TRACK_AUDIO, "this_week")),
    _trainer("social"),
    _trainer("fresh"),
    _trainer("popularity", Read(t.USERS), Read(t.SESSIONS, "after_last_cut")),
    Job(
        "train_blend",
        room="training",
        engine="arrow",
        schedule="weekly",
        reads=(
            Read(t.CANDIDATES, "last_week"),
            Read(t.HISTORIES, "last_week"),
            Read(t.LISTENS, "after_last_cut"),
            Read(t.TRACKS),
            Read(t.USERS),
            Read(t.FEEDBACK, "after_last_cut"),
        ),
        writes=(t.MODELS,),
        trains="blend",
    ),
    Job(
        "generate_candidates",
        room="serving",
        engine="spark",
        schedule="weekly",
        reads=(
            Read(t.HISTORIES, "this_week"),
            Read(t.TRACKS),
            Read(t.USERS),
            Read(t.FOLLOWS),
            Read(t.FEEDBACK, "before_cut"),
        ),
        uses=("popularity",),
        may_use=("mf", "item_knn", "rp3beta", "gfcf", "ease", "sequence", "content", "social", "fresh", "blend"),
        writes=(t.CANDIDATES,),
    ),
    Job(
        "build_discover_weekly",
        room="serving",
        engine="spark",
        schedule="weekly",
        reads=(
            Read(t.CANDIDATES, "this_week"),
            Read(t.HISTORIES, "this_week"),
            Read(t.TRACKS),
            Read(t.ARTISTS),
            Read(t.USERS),
            Read(t.FEEDBACK, "before_cut"),
        ),
        uses=("popularity",),
        writes=(t.PLAYLISTS, t.CHARTS),
    ),
    Job(
        "publish_discover_weekly",
        room="serving",
        engine="arrow",
        schedule="weekly",
        reads=(
            Read(t.PLAYLISTS, "this_week"),
            Read(t.CHARTS, "this_week"),
            Read(t.HISTORIES, "this_week"),
            Read(t.PUBLICATIONS),
        ),
        writes=(t.EXPOSURES, t.PUBLICATIONS),
    ),
    Job(
        "evaluate",
        room="evaluation",
        engine="arrow",
        schedule="weekly",
        reads=(
            Read(t.PLAYLISTS, "last_week"),
            Read(t.HISTORIES, "last_week"),
            Read(t.LISTENS, "after_last_cut"),
            Read(t.TRACKS),
            Read(t.USERS),
            Read(t.FEEDBACK, "after_last_cut"),
            Read(t.TAGS),
            Read(t.FOLLOWS),
        ),
        uses_last_week=("mf", "popularity"),
        writes=(t.METRICS,),
    ),
)
BY_NAME = {job.name: job for job in JOBS}
DAILY = tuple(job for job in JOBS if job.schedule == "daily")
WEEKLY = tuple(job for job in JOBS if job.schedule == "weekly")


def can_go_on_without(job: Job) -> bool:
    """Whether the week goes on where this job fails: it enriches, or it is a trainer whose artefact is needed by nobody.

    >>> can_go_on_without(BY_NAME["train_mf"]), can_go_on_without(BY_NAME["train_popularity"])
    (True, False)
    """
    needed = {name for other in JOBS for name in other.uses}
    return job.enriches or (job.trains is not None and job.trains not in needed)


def does_without(job: Job) -> bool:
    """Whether this job runs where one that it waits for was left out.

    >>> does_without(BY_NAME["generate_candidates"]), does_without(BY_NAME["train_content"]), does_without(BY_NAME["train_mf"])
    (True, True, False)
    """
    enriched = {table.name for other in JOBS if other.enriches for table in other.writes}
    return bool(job.may_use) or any(read.table.name in enriched for read in job.reads)


def edges(jobs: tuple[Job, ...] = JOBS) -> list[tuple[str, str, str]]:
    """(writer, table or artefact, reader) for each pair of different jobs that share something.

    Books are no edges: a job finds its own rows in them, and artefacts have edges of their own.
    """
    links = []
    for reader in jobs:
        events = [r.table.name for r in reader.reads if r.rows != "last_week" and r.table.scope != "book"]
        wanted = [*events, *reader.uses, *reader.may_use]
        for writer in jobs:
            made = [w.name for w in writer.writes] + ([writer.trains] if writer.trains else [])
            links += [(writer.name, thing, reader.name) for thing in made if thing in wanted and writer is not reader]
    return links
