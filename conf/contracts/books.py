"""Contracts of the books: files taken in, attempts, artefacts, moves of the stores' pointers."""

from __future__ import annotations

from conf.contract import Column, Table
from conf.contracts.shared import RUN_DATE

LANDING_FILES = Table(
    "landing_files",
    "ledger: landing files taken, each content exactly once",
    engine="delta-rs",
    key=("job", "file_id"),
    partition=("job",),
    scope="book",
    columns=(
        Column("job", "string", "ingest job", nullable=False),
        Column("file_id", "string", "sha256 of the file's bytes", nullable=False),
        Column("entity", "string", "landing folder", nullable=False),
        Column("path", "string", "path below the landing folder when first seen", nullable=False),
        Column("bytes", "bigint", "size", nullable=False),
        Column("rows", "bigint", "rows read", nullable=False),
        Column("quarantined", "bigint", "rows of it refused", nullable=False),
        Column("taken_on", "date", "run_date of the intake", nullable=False),
    ),
)
PUBLICATIONS = Table(
    "publications",
    "every change of a store's pointer",
    engine="delta-rs",
    key=("surface", "store", "epoch", "generation", "action"),
    partition=("surface",),
    scope="book",
    columns=(
        RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("store", "string", "sqlite, bundle, redis", nullable=False),
        Column("generation", "string", "what the store serves since then", nullable=False),
        Column("epoch", "bigint", "fencing number of the run that moved the pointer", nullable=False),
        Column("action", "string", "flip, rollback or release", nullable=False),
        Column("records", "bigint", "records in the generation", nullable=False),
        Column("at", "timestamp", "when the pointer moved, UTC", nullable=False),
    ),
)
MODELS = Table(
    "models",
    "registry of artefacts: which files made which week",
    engine="delta-rs",
    key=("name", "run_date", "sha256"),
    partition=("name",),
    scope="book",
    columns=(
        Column("name", "string", "artefact, e.g. mf", nullable=False),
        RUN_DATE,
        Column("uri", "string", "folder, relative to the warehouse", nullable=False),
        Column("sha256", "string", "of the manifest", nullable=False),
        Column("params", "string", "JSON", nullable=False),
        Column("metrics", "string", "JSON", nullable=False),
        Column("code_version", "string", "commit or version that trained it", nullable=False),
    ),
)
RUNS = Table(
    "runs",
    "one row per attempt of a job: what it read, what it wrote, how it ended",
    engine="delta-rs",
    key=("run_id", "state"),
    scope="book",
    keep_days=730,
    columns=(
        Column("run_id", "string", "attempt", nullable=False),
        Column("job", "string", "job", nullable=False),
        RUN_DATE,
        Column("edition", "int", "0; each --fresh run of a week starts the next", nullable=False),
        Column("state", "string", "started, done, failed or refused", nullable=False),
        Column("exit_code", "int", "0, 64, 65, 69, 70, 74 or 75; null while started"),
        Column("message", "string", "why it is red, or what a job that is done left out", nullable=False),
        Column("at", "timestamp", "when this state began, UTC", nullable=False),
        Column("seconds", "double", "wall clock of the attempt"),
        Column("reads", "map<string,bigint>", "table -> Delta version read", nullable=False),
        Column("writes", "map<string,bigint>", "table -> Delta version after the write", nullable=False),
        Column("rows", "map<string,bigint>", "table -> rows written", nullable=False),
        Column("settings_sha256", "string", "of the job's settings as JSON", nullable=False),
        Column("code_version", "string", "commit or version", nullable=False),
    ),
)
