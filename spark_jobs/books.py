"""The books of the line: which attempt read and wrote which table versions, and which artefacts a week is made of."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.errors import ContractError
from conf.job import Job
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

# Files of `runs` above which they become one. Each row comes in a file of its own, and a job reads them three times: with 1,500
# rows 2.5 s each time, packed .15.
PACKED_ABOVE = 50


@cache
def code_version() -> str:
    """Commit of the checkout (with `+` where files differ from it), else the installed version."""
    root = Path(__file__).parents[1]
    git = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    answer = subprocess.run(git, capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        return answer.stdout.strip()
    from importlib.metadata import version

    return version("pressing-plant")


@dataclass(frozen=True)
class Attempt:
    """One attempt of a job."""

    run_id: str
    job: str
    run_date: date
    edition: int
    reads: dict[str, int]
    settings_sha256: str


class Books:
    """Reads and appends `runs` and `models`."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def entries(self, **equal: Any) -> list[dict[str, Any]]:
        """Rows of `runs` with the given values, oldest first."""
        where = pc.scalar(True)
        for column, value in equal.items():
            where = where & (pc.field(column) == value)
        rows = self.warehouse.rows(t.RUNS).table(where=where).sort_by([("at", "ascending")]).to_pylist()
        for row in rows:
            for column in ("reads", "writes", "rows"):
                row[column] = dict(row[column])
        return rows

    def edition(self, run_date: date) -> int:
        """Newest edition of a week or day; 0 where it never ran."""
        return max((row["edition"] for row in self.entries(run_date=run_date)), default=0)

    def pins(self, run_date: date, edition: int) -> dict[str, int]:
        """Event table -> version that this week read first: what a re-run must read again."""
        pinned: dict[str, int] = {}
        for row in self.entries(run_date=run_date, edition=edition, state="started"):
            for table, version in row["reads"].items():
                pinned.setdefault(table, version)
        return pinned

    def unfinished(self, job: Job, run_date: date) -> dict[str, int]:
        """Versions that the job's last attempt read, where it was killed or failed after it began; else nothing."""
        own = self.entries(job=job.name, run_date=run_date)
        if not own or own[-1]["state"] == "done":
            return {}
        done = max((i for i, row in enumerate(own) if row["state"] == "done"), default=-1)
        return dict(own[done + 1]["reads"])

    def last_done(self, job: Job) -> dict[str, Any] | None:
        """The newest finished attempt of a job, whatever its date."""
        return next(iter(reversed(self.entries(job=job.name, state="done"))), None)

    def write(self, attempt: Attempt, state: str, **more: Any) -> None:
        """Append one state of an attempt."""
        row = {
            "run_id": attempt.run_id, "job": attempt.job, "run_date": attempt.run_date, "edition": attempt.edition,
            "state": state, "exit_code": more.get("exit_code"), "message": more.get("message", "")[:2000],
            "at": datetime.now(UTC), "seconds": more.get("seconds"), "reads": list(attempt.reads.items()),
            "writes": list(more.get("writes", {}).items()), "rows": list(more.get("rows", {}).items()),
            "settings_sha256": attempt.settings_sha256, "code_version": code_version(),
        }  # fmt: skip
        self.warehouse.write_arrow(t.RUNS, pa.Table.from_pylist([row], schema=arrow_schema(t.RUNS)), "")

    def pack(self) -> None:
        """Make one file of the many that runs have left; before the first job of a run, by whoever holds the lease."""
        if self.warehouse.exists(t.RUNS) and len(self.warehouse.state(t.RUNS).files) > PACKED_ABOVE:
            self.warehouse.compact(t.RUNS)

    def register(self, ref: ArtefactRef, artefact: Artefact, run_date: date) -> pa.Table:
        """Row of `models` for an artefact, its place relative to the warehouse."""
        row = {
            "name": ref.name, "run_date": run_date, "uri": os.path.relpath(ref.uri, self.warehouse.root),
            "sha256": ref.sha256, "params": json.dumps(artefact.params, sort_keys=True),
            "metrics": json.dumps(artefact.metrics, sort_keys=True), "code_version": code_version(),
        }  # fmt: skip
        return pa.Table.from_pylist([row], schema=arrow_schema(t.MODELS))

    def artefact(self, name: str, run_date: date) -> ArtefactRef:
        """The artefact registered for a week; ContractError where none is."""
        found = self.artefacts(run_date).get(name)
        if found is None:
            raise ContractError(f"no artefact {name} is registered for {run_date}: run train_{name} for that date first")
        return found

    def artefacts(self, run_date: date) -> dict[str, ArtefactRef]:
        """All artefacts registered for a week, by name."""
        rows = self.warehouse.rows(t.MODELS).table(where=pc.field("run_date") == run_date).to_pylist()
        return {row["name"]: ArtefactRef(row["name"], str(self.warehouse.root / row["uri"]), row["sha256"]) for row in rows}
