"""Contracts -> what may go: old rows by `keep_days`, then files and artefacts that nothing needs any more.

Ages are counted from the newest date in the table, never from a clock: a warehouse that rested for a year loses nothing
by being woken. Files of dropped or replaced rows stay for the backfill horizon, and longer where a week within the
horizon recorded a version that holds them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.contract import Table
from conf.tables import TABLES
from spark_jobs.rows import sql
from spark_jobs.warehouse import BACKFILL_DAYS, Warehouse


@dataclass(frozen=True)
class Dropped:
    """What one table lost, or would lose: rows older than `before` (None: no limit), and files no version needs."""

    table: str
    before: date | None
    rows: int
    files: int


def vacuum(warehouse: Warehouse, dry_run: bool, keep_days: Mapping[str, int] = MappingProxyType({})) -> list[Dropped]:
    """Apply the retention of every existing table; with `dry_run` only say what would go.

    keep_days : table -> days that its rows are kept, instead of its contract's.
    """
    pinned = pinned_versions(warehouse)
    existing = [table for table in TABLES.values() if warehouse.exists(table)]
    kept = [replace(table, keep_days=keep_days.get(table.name, table.keep_days)) for table in existing]
    return [_vacuum_table(warehouse, table, pinned.get(table.name, []), dry_run) for table in kept]


def compact(warehouse: Warehouse, names: Iterable[str], older_days: int, dry_run: bool) -> dict[str, int]:
    """Table -> files packed (or to pack) in weeks more than `older_days` before its newest, which nothing writes any more."""
    packed = {}
    for table in (TABLES[name] for name in names):
        files = warehouse.partitions(table) if warehouse.exists(table) else {}
        first_warm = max(files, default=date.min) - timedelta(days=older_days) if files else date.min
        cold = sorted(day for day, count in files.items() if day < first_warm and count > 1)
        packed[table.name] = sum(files[day] for day in cold) if dry_run else warehouse.compact(table, cold)
    return packed


def age_column(table: Table) -> str | None:
    """Date by which a table ages: its date partition, else its only date column.

    >>> age_column(t.LISTENS), age_column(t.QUARANTINE), age_column(t.ARTISTS)
    ('started_date', 'taken_on', None)
    """
    dates = [c.name for c in table.columns if c.type == "date"]
    return next((name for name in table.partition if name in dates), dates[0] if len(dates) == 1 else None)


def pinned_versions(warehouse: Warehouse) -> dict[str, list[int]]:
    """Table -> versions that a run within the backfill horizon read: what its re-run has to read again."""
    if not warehouse.exists(t.RUNS):
        return {}
    runs = warehouse.rows(t.RUNS).table(columns=["run_date", "reads"])
    newest = pc.max(runs["run_date"]).as_py()
    versions: dict[str, set[int]] = {}
    for row in runs.to_pylist():
        if row["run_date"] > newest - timedelta(days=BACKFILL_DAYS):
            for table, version in row["reads"]:
                versions.setdefault(table, set()).add(version)
    return {table: sorted(found) for table, found in versions.items()}


def stray_artefacts(warehouse: Warehouse) -> list[Path]:
    """Artefact folders that no row of `models` names: trainings that were killed, or replaced in their week."""
    models = warehouse.rows(t.MODELS).table(columns=["uri"]) if warehouse.exists(t.MODELS) else pa.table({"uri": []})
    registered = {warehouse.root / str(uri) for uri in models["uri"].to_pylist()}
    return sorted(folder for folder in (warehouse.root / "artefacts").glob("*/*/*") if folder not in registered)


def drop_artefacts(folders: list[Path]) -> None:
    """Delete artefact folders."""
    for folder in folders:
        shutil.rmtree(folder)


def _vacuum_table(warehouse: Warehouse, table: Table, pinned: list[int], dry_run: bool) -> Dropped:
    before = _first_day_kept(warehouse, table)
    rows = 0
    if before is not None:
        column = str(age_column(table))
        rows = int(warehouse.rows(table).dataset().count_rows(filter=pc.field(column) < before))
        if rows and not dry_run:
            warehouse.drop_rows(table, sql((column, "<", before)))
    files = warehouse.drop_files(table, BACKFILL_DAYS * 24, pinned, dry_run)
    return Dropped(table.name, before, rows, len(files))


def _first_day_kept(warehouse: Warehouse, table: Table) -> date | None:
    column = age_column(table)
    if table.keep_days is None or column is None:
        return None
    if table.partition[:1] == (column,):
        newest = warehouse.state(table).newest
    else:
        newest = pc.max(warehouse.rows(table).table(columns=[column])[column]).as_py()
    return None if newest is None else newest - timedelta(days=table.keep_days)
