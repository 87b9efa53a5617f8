"""Runs one job: decides which table versions it reads, writes what it returns, and keeps the books.

A week's first read of an event table pins its version: a re-run or backfill of that week reads the same rows although
late ones came since, unless a new edition is started (`--fresh`). A job that was killed starts again from the versions
that its dead attempt read, so a half-written output cannot leak into its second try.
"""

from __future__ import annotations

import errno
import importlib
import logging
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from conf import errors
from conf import tables as t
from conf.errors import DiskError, FactoryError
from conf.job import PAST_WEEKS, Job, Read
from conf.pipeline import cut
from conf.settings import Settings, fingerprint
from spark_jobs import artefacts, session
from spark_jobs.books import Attempt, Books
from spark_jobs.contract import Output, Refused, Run
from spark_jobs.lease import Lease
from spark_jobs.rows import Condition, sql
from spark_jobs.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)
WRITERS = 4


@dataclass
class Plant:
    """A warehouse with its settings and the lease under which jobs run."""

    settings: Settings
    lease: Lease | None = None

    @cached_property
    def warehouse(self) -> Warehouse:
        """Tables below `settings.warehouse`."""
        return Warehouse(self.settings.warehouse)

    @cached_property
    def books(self) -> Books:
        """Runs and models of this warehouse."""
        return Books(self.warehouse)

    @cached_property
    def spark(self) -> SparkSession:
        """The session, made when the first Spark job asks."""
        return session.get(self.settings.spark)


@dataclass
class Written:
    """What an attempt has written so far."""

    versions: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def run_job(plant: Plant, job: Job, run_date: date, edition: int | None = None) -> Written:
    """Run `job` for `run_date`; its attempt stands in `runs` however it ends.

    Raises
    ------
    FactoryError
        With the exit code that tells whether trying again can help.
    """
    params = getattr(plant.settings, job.name)
    edition = plant.books.edition(run_date) if edition is None else edition
    reads = _versions(plant, job, run_date, edition)
    attempt = Attempt(uuid.uuid4().hex[:12], job.name, run_date, edition, reads, fingerprint(params))
    plant.books.write(attempt, "started")
    log.info("job=%s run_date=%s state=started", job.name, run_date)
    begin, written = time.perf_counter(), Written()
    try:
        _execute(plant, job, run_date, attempt, params, written)
    except BaseException as raised:
        seconds = time.perf_counter() - begin
        error = _as_factory_error(raised)
        if error is None:
            plant.books.write(attempt, "failed", exit_code=errors.EXIT_BUG, message=_first_line(raised), seconds=seconds)
            raise
        state = "refused" if isinstance(raised, Refused) else "failed"
        plant.books.write(
            attempt, state, exit_code=error.exit_code, message=str(error), seconds=seconds,
            writes=written.versions, rows=written.rows,
        )  # fmt: skip
        raise error from raised
    seconds = time.perf_counter() - begin
    told = "; ".join(written.warnings)
    plant.books.write(attempt, "done", exit_code=0, message=told, seconds=seconds, writes=written.versions, rows=written.rows)
    log.info("job=%s run_date=%s state=done seconds=%.1f rows=%s", job.name, run_date, seconds, written.rows)
    return written


def _versions(plant: Plant, job: Job, run_date: date, edition: int) -> dict[str, int]:
    """Version of each table that this attempt reads."""
    pinned = plant.books.pins(run_date, edition) if job.schedule == "weekly" else {}
    unfinished = plant.books.unfinished(job, run_date)
    written = {w.name for w in job.writes}
    versions = {}
    for table in {r.table.name: r.table for r in job.reads}.values():
        own = unfinished if table.name in written else pinned
        known = own if table.scope == "event" else {}  # books and the week's own rows are read as they stand
        versions[table.name] = known[table.name] if table.name in known else plant.warehouse.version(table)
    return versions


def _execute(plant: Plant, job: Job, run_date: date, attempt: Attempt, params: Any, written: Written) -> None:
    def write(name: str, output: Output) -> None:
        _write(plant, name, output, run_date, written)

    def warn(told: str) -> None:
        log.warning("job=%s run_date=%s %s", job.name, run_date, told)
        written.warnings.append(told)

    run = _context(plant, job, run_date, attempt, write, warn)
    rows = {r.table.name: _rows(plant, job, r, run_date, attempt.reads[r.table.name]) for r in job.reads}
    module = importlib.import_module(job.module)
    try:
        if job.trains:
            _register(plant, job, run_date, module.train(**rows, params=params, run=run), write)
            return
        outputs: dict[str, Output] = module.transform(**rows, params=params, run=run)
    except Refused as refusal:
        for name, output in refusal.outputs.items():
            write(name, output)
        raise
    for together, group in groupby(outputs.items(), key=lambda pair: pair[1].together):
        _write_group(list(group), write, writers=WRITERS if together else 1)
    if job.engine == "spark":
        plant.spark.catalog.clearCache()  # a week's jobs share one session: frames kept by one must not pile up


def _write_group(outputs: list[tuple[str, Output]], write: Any, writers: int) -> None:
    """Write outputs in order, or several at once; the first error stops the group once those begun have ended."""
    with ThreadPoolExecutor(writers) as pool:
        for written in [pool.submit(write, name, output) for name, output in outputs]:
            written.result()


def _context(plant: Plant, job: Job, run_date: date, attempt: Attempt, write: Any, warn: Any) -> Run:
    last_week = run_date - timedelta(days=7)
    used = {name: plant.books.artefact(name, run_date) for name in job.uses}
    offered = [(name, run_date) for name in job.may_use] + [(name, last_week) for name in job.uses_last_week]
    used |= {name: ref for name, monday in offered if (ref := _artefact_or_none(plant, name, monday))}
    return Run(
        run_date=run_date,
        cut=cut(run_date) if job.schedule == "weekly" else run_date + timedelta(days=1),
        landing=plant.settings.landing.resolve(),
        warehouse=plant.warehouse.root,
        truth=plant.settings.truth.resolve() if plant.settings.truth else None,
        artefacts=used,
        changed=lambda name: _changed(plant, job, name, attempt.reads[name]),
        epoch=plant.lease.epoch if plant.lease else 0,
        fence=plant.lease.fence if plant.lease else lambda: None,
        warn=warn,
        write=write,
        spark=plant.spark if job.engine == "spark" else None,
    )


def _artefact_or_none(plant: Plant, name: str, run_date: date) -> artefacts.ArtefactRef | None:
    try:
        return plant.books.artefact(name, run_date)
    except FactoryError:
        return None


def _changed(plant: Plant, job: Job, name: str, until: int) -> list[date] | None:
    last = plant.books.last_done(job)
    if last is None or name not in last["reads"]:
        return None
    try:
        return plant.warehouse.changed_partitions(t.TABLES[name], last["reads"][name], until)
    except DiskError:  # that version has left the log: everything counts as changed
        return None


def _rows(plant: Plant, job: Job, read: Read, run_date: date, version: int) -> Any:
    conditions = _conditions(read, run_date)
    if job.engine == "spark":
        return plant.warehouse.frame(plant.spark, read.table, version, conditions)
    return plant.warehouse.rows(read.table, version, conditions)


def _conditions(read: Read, run_date: date) -> list[Condition]:
    week_ago = run_date - timedelta(days=7)
    if read.rows == "this_week":
        return [("run_date", "=", run_date)]
    if read.rows == "last_week":
        return [("run_date", "=", week_ago)]
    if read.rows in ("past_weeks", "recent_weeks"):
        newest = ("run_date", "<", run_date) if read.rows == "past_weeks" else ("run_date", "<=", run_date)
        return [("run_date", ">=", run_date - timedelta(days=7 * PAST_WEEKS)), newest]
    if read.rows == "before_cut":
        since = [(_clock(read), ">=", cut(run_date) - timedelta(days=read.days))] if read.days else []
        return [*since, (_clock(read), "<", cut(run_date))]
    if read.rows == "after_last_cut":
        return [(_clock(read), ">=", cut(week_ago)), (_clock(read), "<", cut(run_date))]
    return []


def _clock(read: Read) -> str:
    if read.table.clock is None:
        raise ValueError(f"table {read.table.name} has no clock: it cannot be read as {read.rows}")
    return read.table.clock


def _register(plant: Plant, job: Job, run_date: date, artefact: artefacts.Artefact, write: Any) -> None:
    assert job.trains is not None
    ref = artefacts.save(plant.warehouse.root, job.trains, run_date.isoformat(), artefact)
    replace = f"{sql(('name', '=', job.trains))} AND {sql(('run_date', '=', run_date))}"
    write(t.MODELS.name, Output(plant.books.register(ref, artefact, run_date), replace))


def _write(plant: Plant, name: str, output: Output, run_date: date, written: Written) -> None:
    table = t.TABLES[name]
    by_week = sql(("run_date", "=", run_date)) if table.scope == "week" else "true"
    replace = by_week if output.replace is None else output.replace
    writer: Any = plant.warehouse.write_frame if table.engine == "spark" else plant.warehouse.write_arrow
    rows = writer(table, output.data, replace)
    written.rows[name] = written.rows.get(name, 0) + rows
    written.versions[name] = plant.warehouse.version(table)


def _as_factory_error(raised: BaseException) -> FactoryError | None:
    """The factory's own error behind `raised`: itself, one raised inside a Spark worker, or a full disk."""
    if isinstance(raised, FactoryError):
        return raised
    if isinstance(raised, Refused):
        return errors.ContractError(str(raised))
    text = str(raised)
    if (isinstance(raised, OSError) and raised.errno == errno.ENOSPC) or "No space left on device" in text:
        return DiskError(f"the disk is full: free space and run again ({_first_line(raised)})")
    if "DELTA_VIOLATE_CONSTRAINT" in text or "DELTA_NOT_NULL_CONSTRAINT" in text:
        return errors.ContractError(f"a table's contract refused rows: {_first_line(raised)}")
    if "DELTA_CONCURRENT" in text:
        return errors.BusyError(f"another writer won the commit: try again ({_first_line(raised)})")
    found = re.search(r"conf\.errors\.(\w+): (.*)", text)
    kind = getattr(errors, found.group(1), None) if found else None
    return kind(found.group(2).strip()) if found and kind else None


def _first_line(raised: BaseException) -> str:
    return f"{type(raised).__name__}: {str(raised).strip().splitlines()[0] if str(raised).strip() else ''}"[:500]
