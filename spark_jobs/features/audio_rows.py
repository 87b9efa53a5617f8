"""audio files -> rows: what a worker of extract_audio looks at first, and what it makes of a file that it has to hear."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from audio.decode import Limits, inside
from audio.hearing import EXTRACTOR
from conf.ears import ExtractAudio
from conf.errors import AudioError
from conf.tables import AUDIO_QUARANTINE, TRACK_AUDIO
from spark_jobs.artefacts import file_sha256
from spark_jobs.hearing.ear import Ear
from spark_jobs.hearing.network import Network
from spark_jobs.schema import arrow_type

# `home`: the table whose row still holds; null: the file has to be heard.
SEEN = "track_id string, path string, simulated boolean, file_id string, bytes bigint, modified_ns bigint, home string"
_BOTH = {column.name: column.type for table in (TRACK_AUDIO, AUDIO_QUARANTINE) for column in table.columns}
HEARING = ", ".join(f"{name} {kind}" for name, kind in _BOTH.items())
_HEARING_SCHEMA = pa.schema([(name, arrow_type(kind)) for name, kind in _BOTH.items()])
_SEEN_SCHEMA = pa.schema([(name, arrow_type(kind)) for name, kind in (column.split() for column in SEEN.split(", "))])
Row = dict[str, Any]


def seen_rows(batch: pa.RecordBatch, root: Path, max_bytes: int) -> pa.RecordBatch:
    """Rows of SEEN for a batch of (track_id, path, simulated, was): the file today, and whether what is known of it holds.

    A folder with nothing in it says nothing about files that were read once: a disk that is not mounted must not cost a
    catalogue its rows.
    """
    gone = nothing_in(root)
    return pa.RecordBatch.from_pylist([_seen(row, root, max_bytes, gone) for row in batch.to_pylist()], schema=_SEEN_SCHEMA)


def nothing_in(root: Path) -> bool:
    """Whether a folder is empty or not there."""
    try:
        with os.scandir(root) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _seen(row: Row, root: Path, max_bytes: int, gone: bool) -> Row:
    was = row["was"] or dict.fromkeys(("home", "same_ears", "bytes", "modified_ns", "file_id", "path"))
    identity = {name: row[name] for name in ("track_id", "path", "simulated")}
    if gone and was["file_id"]:
        return identity | {name: was[name] for name in ("file_id", "bytes", "modified_ns", "home")}
    size, changed = _file_state(root, row["path"])
    file_id, known = was["file_id"], bool(was["same_ears"])
    readable = size is not None and size <= max_bytes
    # Without a hash it was missing, too large or not to be read; the right to read it comes without another time or size.
    if (size, changed, row["path"]) != (was["bytes"], was["modified_ns"], was["path"]) or (readable and not file_id):
        file_id = _hash(root, row["path"]) if readable else None
        known = known and file_id is not None and file_id == was["file_id"]
    return identity | {"file_id": file_id, "bytes": size, "modified_ns": changed, "home": was["home"] if known else None}


def _file_state(root: Path, relative: str) -> tuple[int | None, int | None]:
    """(bytes, time of the last change in ns) of a file below `root`; None for one that is not there or may not be read."""
    try:
        stat = inside(root, relative).stat()
    except (AudioError, OSError):
        return None, None
    return stat.st_size, stat.st_mtime_ns


def _hash(root: Path, relative: str) -> str | None:
    try:
        return file_sha256(inside(root, relative))
    except (AudioError, OSError):
        return None


@dataclass(frozen=True)
class Listener:
    """What a worker needs to hear files.

    Attributes
    ----------
    root : the landing folder's audio/. network : makes the embeddings; None: there are none.
    """

    root: str
    run_date: date
    params: ExtractAudio
    network: Network | None

    def rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of HEARING for the files of one task."""
        ear = _ear(Limits(**{name: getattr(self.params, name) for name in _LIMITS}), self.network)
        for batch in batches:
            yield pa.RecordBatch.from_pylist([self._row(ear, row) for row in batch.to_pylist()], schema=_HEARING_SCHEMA)

    def _row(self, ear: Ear, file: Row) -> Row:
        row = file | {"run_date": self.run_date, "heard_on": self.run_date, "extractor": EXTRACTOR}
        found = ear.hear_below(Path(self.root), file["path"])
        if found.heard is None:
            return row | {"reason": found.reason, "detail": found.detail or ""}
        findings = found.heard.findings()
        findings["moods"] = list(findings["moods"].items())  # type: ignore[attr-defined]
        network = self.network.sha256 if self.network else None
        made = {"container": found.container, "duration_s": found.duration_s, "network": network, "embedding": found.embedding}
        return row | made | findings


@lru_cache(maxsize=1)
def _ear(limits: Limits, network: Network | None) -> Ear:
    """One ear a worker process, kept from task to task: its decoder takes .2 s to start, and ends with the process."""
    return Ear(limits, network.embedder() if network else None)


_LIMITS = ("max_bytes", "max_decoded_s", "timeout_s", "min_s", "silence_dbfs")
