"""LANDING/<entity>/ -> landing files not taken yet: found, hashed, cut into pieces, entered in the ledger.

A file is its content: the sha256 of its bytes is its `file_id`, so a renamed or copied file is the same file. The pass that
hashes a file also notes where it can be cut at a line (or row group), so that one big file keeps every core busy.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from conf.errors import LandingError
from conf.landing import ENDINGS
from conf.tables import LANDING_FILES
from spark_jobs.schema import arrow_schema

log = logging.getLogger(__name__)
PIECE_BYTES = 16 << 20  # about 70,000 listens as JSON lines: half a second of parsing
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Piece:
    """Part of a file that one task reads.

    start, stop : bytes of a .jsonl file, row groups of a .parquet file; a .jsonl.gz file has one piece.
    first_line : number of its first line or row in the file, from 1.
    """

    start: int
    stop: int
    first_line: int


@dataclass(frozen=True)
class LandingFile:
    """One content to take in.

    file_id : sha256 of the bytes, hex. path : below the landing folder, with `/`. bytes : size.
    """

    entity: str
    path: str
    file_id: str
    bytes: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Tally:
    """Rows read from one file, and how many of them were refused."""

    rows: int = 0
    quarantined: int = 0


def new_files(landing: Path, entity: str, taken: set[str]) -> list[LandingFile]:
    """Files of `entity` whose content is not in `taken` (sha256 hex), in order of path; equal contents count once.

    Raises
    ------
    LandingError
        For a path that leaves the landing folder, is no plain file, or is no Parquet although its name says so.
    """
    fresh: list[LandingFile] = []
    seen = dict.fromkeys(taken, "an earlier run")
    for path in discover(landing, entity):
        name = path.relative_to(landing).as_posix()
        file_id, size, pieces = _survey(path)
        if file_id in seen:
            log.info("entity=%s path=%s state=already_taken as=%s", entity, name, seen[file_id])
            continue
        seen[file_id] = name
        fresh.append(LandingFile(entity, name, file_id, size, pieces))
    return fresh


def discover(landing: Path, entity: str) -> list[Path]:
    """Landing files of `entity`, in order of path below the landing folder; hidden and unknown names are left out."""
    home, root = landing / entity, landing.resolve()
    if not home.is_dir():
        return []
    _refuse_escape(home, root)
    found = []
    for path in _walk(home, root):
        if path.name.endswith(ENDINGS):
            found.append(path)
        else:
            log.warning("path=%s state=ignored reason=ending wanted=%s", path.relative_to(landing), "|".join(ENDINGS))
    return sorted(found, key=lambda p: p.relative_to(landing).as_posix())


def ledger_rows(job: str, files: list[LandingFile], tallies: Mapping[str, Tally], taken_on: date) -> pa.Table:
    """Rows of table `landing_files`; `tallies` is by file_id, a file without rows may lack there."""
    none = Tally()
    rows = [
        {
            "job": job,
            "file_id": file.file_id,
            "entity": file.entity,
            "path": file.path,
            "bytes": file.bytes,
            "rows": tallies.get(file.file_id, none).rows,
            "quarantined": tallies.get(file.file_id, none).quarantined,
            "taken_on": taken_on,
        }
        for file in files
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(LANDING_FILES))


def of_files(job: str, file_ids: list[str]) -> str:
    """SQL condition for the rows that `job` wrote for these files: what a re-run replaces."""
    names = ", ".join(f"'{f}'" for f in sorted(file_ids))
    return f"job = '{job}' AND file_id IN ({names})"


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.name.startswith((".", "_")):
            continue
        path = Path(entry.path)
        _refuse_escape(path, root)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root)
        elif path.is_file():
            yield path
        else:  # a link to a folder may run in circles; a broken link or a pipe holds no rows
            raise LandingError(f"{path} is neither a plain file nor a folder: put the files themselves there")


def _refuse_escape(path: Path, root: Path) -> None:
    real = path.resolve()
    if not real.is_relative_to(root):
        raise LandingError(f"{path} leads to {real}, outside of {root}: copy the file into the landing folder")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise LandingError(f"{os.fsencode(path)!r} is no UTF-8 name: rename the file") from None


def _survey(path: Path) -> tuple[str, int, tuple[Piece, ...]]:
    """(sha256, bytes, pieces) of a file, read once in blocks."""
    cut_at_lines = path.name.endswith(".jsonl")
    digest, size, lines, cuts = hashlib.sha256(), 0, 0, [(0, 1)]
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            if cut_at_lines:
                newline = block.find(b"\n") + 1
                if newline and size + newline >= cuts[-1][0] + PIECE_BYTES:
                    cuts.append((size + newline, lines + 2))
                lines += block.count(b"\n")
            size += len(block)
    if path.name.endswith(".parquet"):
        return digest.hexdigest(), size, _row_group_pieces(path)
    stops = [start for start, _ in cuts[1:]] + [size]
    pieces = tuple(Piece(start, stop, line) for (start, line), stop in zip(cuts, stops, strict=True) if stop > start)
    return digest.hexdigest(), size, pieces


def _row_group_pieces(path: Path) -> tuple[Piece, ...]:
    try:
        footer = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as torn:
        raise LandingError(f"{path} is no whole Parquet file ({torn}): send it again, or name it _{path.name}") from None
    cuts, open_bytes, line = [(0, 1)], 0, 1
    for group in range(footer.num_row_groups):
        if open_bytes >= PIECE_BYTES:
            cuts.append((group, line))
            open_bytes = 0
        open_bytes += footer.row_group(group).total_byte_size
        line += footer.row_group(group).num_rows
    stops = [start for start, _ in cuts[1:]] + [footer.num_row_groups]
    return tuple(Piece(start, stop, first) for (start, first), stop in zip(cuts, stops, strict=True) if stop > start)
