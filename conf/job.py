"""What a job of the line is: a name, what it reads and writes, when it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conf.contract import Table

Rows = Literal["all", "before_cut", "after_last_cut", "this_week", "last_week", "past_weeks", "recent_weeks"]
# Weekly tables are kept four weeks at least: this one and those behind it.
PAST_WEEKS = 3


@dataclass(frozen=True)
class Read:
    """A table and which of its rows a job sees.

    `all`: every row. `before_cut`: events before the cut. `after_last_cut`: events of the seven days before the cut, which
    last week's lists have not seen. `this_week`, `last_week`: the partition of the run's Monday, or of the one before;
    `past_weeks`: of the PAST_WEEKS before; `recent_weeks`: of those and this one. `days`: of events before the cut, how many
    days back.
    """

    table: Table
    rows: Rows = "all"
    days: int | None = None


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
