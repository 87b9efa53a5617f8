"""What a job is given and what it returns; `runner` keeps both sides of this contract.

A spark job:   `transform(*, <one DataFrame per read, named as its table>, params, run) -> dict[str, Output]`
An arrow job:  `transform(*, <one Rows per read, named as its table>, params, run) -> dict[str, Output]`
A trainer is an arrow job whose module has `train(*, <Rows>, params, run) -> Artefact` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from spark_jobs.artefacts import ArtefactRef

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Rows(Protocol):
    """Rows of one read, on demand: whole columns for what is small, a stream for what grows with listeners."""

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""

    def table(self, columns: list[str] | None = None, where: Any = None) -> pa.Table:
        """All rows as one Arrow table; `where` is a pyarrow.dataset expression."""

    def batches(self, columns: list[str] | None = None, where: Any = None) -> Iterator[pa.RecordBatch]:
        """The same rows as a stream of record batches."""

    def count(self) -> int:
        """Number of rows."""


@dataclass(frozen=True)
class Blocks:
    """Rows that workers make of a frame and write themselves (spark_jobs/block_files.py).

    frame : what the workers are given, as Arrow batches, a partition at a time.
    make : batches of a partition -> batches under the table's contract.
    apart : column whose values go to files of their own, so that who reads one of them skips the others.
    """

    frame: DataFrame
    make: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
    apart: str | None = None


@dataclass(frozen=True)
class Output:
    """Rows for one table.

    data : DataFrame for a table written by Spark; Arrow table or Blocks for one written by delta-rs.
    replace : SQL condition on the rows that these rows replace. None replaces the run's own `run_date` in weekly tables
        and the whole table otherwise; the empty string appends.
    together : may be written at the same time as its neighbours in the job's outputs: a Delta commit is mostly waiting, and
        eight small tables take a third of the time so.
    """

    data: DataFrame | pa.Table | Blocks
    replace: str | None = None
    together: bool = False


@dataclass(frozen=True)
class Run:
    """What a job may know besides its tables.

    Attributes
    ----------
    run_date : Monday served (weekly jobs) or day taken in (daily jobs).
    cut : first UTC day that the job does not see.
    landing : landing folder.
    warehouse : warehouse folder (stores that live on disk keep their files below it).
    truth : folder of a simulated world's truth or of held-out real pairs; None in production.
    artefacts : what the job `uses` (or `uses_last_week`), and what it `may_use` and is there, by name.
    changed : table -> partition values that changed since this job last finished, None where it never did.
    epoch, fence : number of the lease this run holds, and a call that raises BusyError once it is lost.
    warn : says that something was left out although the job is done; it stands in `runs`, and `plant status` shows it.
    write : writes an Output to a table before the job returns (exposures come before the flip).
    """

    run_date: date
    cut: date
    landing: Path
    warehouse: Path
    truth: Path | None = None
    artefacts: Mapping[str, ArtefactRef] = field(default_factory=dict)
    changed: Callable[[str], list[date] | None] = lambda table: None
    epoch: int = 0
    fence: Callable[[], None] = lambda: None
    warn: Callable[[str], None] = lambda told: None
    write: Callable[[str, Output], None] = lambda table, output: None
    spark: SparkSession | None = None


class Refused(Exception):
    """Raised by an intake job that refuses its whole run: `outputs` (quarantine) are written, nothing else is."""

    def __init__(self, message: str, outputs: dict[str, Output]) -> None:
        super().__init__(message)
        self.outputs = outputs
