"""Warehouse -> findings: what `plant doctor` sees when it looks at every file that the line depends on.

Each finding says what is wrong, where, what was seen, and what to do. Checks read and never mend: a repair that guesses
would hide the cause.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conf import tables as t
from conf.contract import Table
from conf.errors import EXIT_BAD_DATA, EXIT_IO, FactoryError
from conf.pipeline import JOBS
from conf.settings import Settings
from conf.tables import TABLES
from spark_jobs import artefacts, jars, migrations
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.lease import newest_holder
from spark_jobs.on_air import on_air
from spark_jobs.warehouse import Warehouse

# A week of the demo world writes 2 GB; below that a run may die in the middle.
LEAST_FREE_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """One damage: what is wrong, where, what was seen, and what to do."""

    what: str
    where: str
    seen: str
    remedy: str


def examine(settings: Settings) -> list[Finding]:
    """Everything that is damaged; empty when all is well."""
    warehouse = Warehouse(settings.warehouse)
    return [
        *_jars(),
        *_disk(warehouse.root),
        *(finding for table in TABLES.values() if warehouse.path(table).is_dir() for finding in _table(warehouse, table)),
        *_artefacts(warehouse),
        *_lease(warehouse.root),
        *_stores(settings),
    ]


def _jars() -> Iterator[Finding]:
    try:
        jars.paths()
    except FactoryError as wrong:
        yield Finding("jar", "Delta jars", str(wrong), "make setup")


def _disk(root: Path) -> Iterator[Finding]:
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE_BYTES:
        yield Finding("disk", "warehouse", f"{free:,} bytes free", "free space (`plant vacuum`), before the next run")


def _table(warehouse: Warehouse, table: Table) -> Iterator[Finding]:
    torn = list(_log(warehouse.path(table) / "_delta_log", table))
    yield from torn
    if torn:  # nothing behind a torn log can be trusted
        return
    try:
        state = warehouse.state(table)
    except Exception as unreadable:  # whatever a reader raises is the finding
        yield Finding("torn log", table.name, str(unreadable).splitlines()[0], _rebuild(table))
        return
    for path, size in state.files.items():
        file = warehouse.path(table) / path
        if not file.is_file() or file.stat().st_size != size:
            seen = "no file" if not file.is_file() else f"{file.stat().st_size:,} of {size:,} bytes"
            yield Finding("data file", f"{table.name}/{path}", seen, _rebuild(table))
    for step in migrations.compare(table, state).steps:
        yield Finding("older contract", table.name, step, "plant migrate")


def _log(folder: Path, table: Table) -> Iterator[Finding]:
    """Commits that cannot be parsed, and versions that are missing between two others."""
    commits = sorted(path for path in folder.glob("*.json") if path.stem.isdigit())
    for path in commits:
        try:
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            broken = "" if entries else "empty"
        except ValueError as torn:
            broken = str(torn)
        if broken:
            last = path == commits[-1]
            remedy = f"delete the file, its writer died in it; then {_again(table)}" if last else _rebuild(table)
            yield Finding("torn log", f"{table.name}/_delta_log/{path.name}", broken, remedy)
    numbers = [int(path.stem) for path in commits]
    checkpoint = max((int(path.name.split(".")[0]) for path in folder.glob("*.checkpoint*.parquet")), default=-1)
    missing = sorted(set(range(checkpoint + 1, max(numbers, default=checkpoint) + 1)) - set(numbers))
    lost = checkpoint < 0 and not commits and any(folder.parent.rglob("*.parquet"))
    if missing or lost:
        seen = f"version {', '.join(map(str, missing))} is missing" if missing else "data files without a log"
        yield Finding("torn log", f"{table.name}/_delta_log", seen, _rebuild(table))


def _again(table: Table) -> str:
    writers = [job.name for job in JOBS if table in job.writes]
    return f"plant week --run-date MONDAY{f' --from {writers[0]}' if writers else ''}"


def _rebuild(table: Table) -> str:
    """How to get a table back that lost something; what came in from outside has no other source than a backup."""
    if table.scope == "week" or table in (t.MODELS, t.RUNS):
        return f"restore the folder {table.name} from a backup; without one delete it, then for each week: {_again(table)}"
    return f"restore the folder {table.name} from a backup; without one move the warehouse away and take all in: plant week"


def _artefacts(warehouse: Warehouse) -> Iterator[Finding]:
    if not warehouse.exists(t.MODELS):
        return
    try:
        rows = warehouse.rows(t.MODELS).table().to_pylist()
    except (FactoryError, OSError):  # found already as a damaged table
        return
    for row in rows:
        try:
            artefacts.open_folder(ArtefactRef(row["name"], str(warehouse.root / row["uri"]), row["sha256"]))
        except FactoryError as wrong:
            remedy = f"plant week --run-date {row['run_date']} --from train_{row['name']}"
            yield Finding("artefact", row["uri"], str(wrong), remedy)


def _lease(root: Path) -> Iterator[Finding]:
    held = newest_holder(root)
    if held is not None and not held[1]:
        dead = held[0]
        seen = f"{dead.what} (pid {dead.pid} on {dead.host}) ended without giving it back"
        yield Finding("lease", "_lease", seen, "run it again: the next run takes the lease at once and finishes the week")


def _stores(settings: Settings) -> Iterator[Finding]:
    for state in on_air(settings):
        if state.exit_code in (EXIT_BAD_DATA, EXIT_IO):
            yield Finding("store", f"{state.store}/{state.surface}", state.error, f"plant week --from publish_{state.surface}")
        if state.status is None:
            continue
        pointer = state.status.pointer
        if pointer is not None and state.status.manifest is None:
            remedy = f"plant week --run-date {pointer.run_date} --from publish_{state.surface}"
            if pointer.previous:
                remedy = f"plant rollback {state.surface} --store {state.store}; then {remedy}"
            seen = f"the pointer names generation {pointer.generation}, which is not there"
            yield Finding("store", f"{state.store}/{state.surface}", seen, remedy)
