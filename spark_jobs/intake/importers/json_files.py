"""JSON of exports: lines streamed, documents parsed whole within a limit, values of which nothing is assumed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from conf.errors import LandingError
from spark_jobs.intake.importers.source_files import SourceFile

MAX_DOCUMENT_BYTES = 256 * 2**20  # Spotify cuts its files at 12 MB; what is parsed whole must fit in memory
MAX_LINE_BYTES = 16 * 2**20  # a listen takes 2 kB; a file without line ends must not be read into memory whole


def json_lines(file: SourceFile) -> Iterator[tuple[int, object]]:
    """(line number from 1, parsed value) of each line that is not blank; the value is None where the line is not JSON."""
    with file.open() as stream:
        for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES), b""), start=1):
            if line.strip():
                try:
                    yield number, orjson.loads(line)
                except orjson.JSONDecodeError:
                    yield number, None


def json_document(file: SourceFile, expected: str) -> object:
    """The one JSON value of a file that is parsed whole; LandingError naming what was `expected` where it is none."""
    if file.size > MAX_DOCUMENT_BYTES:
        limit = MAX_DOCUMENT_BYTES // 2**20
        raise LandingError(f"expected {expected} of at most {limit} MiB, saw {file.size // 2**20} MiB in {file.name}")
    with file.open() as stream:
        content = stream.read()
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        seen = f"text starting {file.head()}" if content else "an empty file"
        raise LandingError(f"expected {expected}, saw {seen} in {file.name} ({error})") from None


def record(value: object) -> dict[str, Any]:
    """`value` where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """`value` where it is text that is not blank."""
    return value if isinstance(value, str) and value.strip() else None
