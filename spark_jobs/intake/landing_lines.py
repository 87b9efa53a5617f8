"""bytes -> numbered lines: blank lines are counted but not returned, and a huge one costs no memory.

A line ends at a line feed; a carriage return before it and a byte order mark at the start of the file are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from conf.errors import LandingError

LINE_BYTES = 1 << 20  # a track with its lyrics stays far below; what is longer is no row
_BLOCK = 1 << 20
_MARK = b"\xef\xbb\xbf"


def numbered_lines(stream: BinaryIO, limit: int | None, first_line: int, batch: int) -> Iterator[tuple[list[int], list[bytes]]]:
    r"""(line numbers, lines) of the next `limit` bytes (None: all), at most about `batch` lines at a time.

    A line of more than LINE_BYTES comes cut to LINE_BYTES + 1 bytes.

    >>> import io
    >>> list(numbered_lines(io.BytesIO(b"a\r\n\nb"), None, 1, batch=100))
    [([1, 3], [b'a', b'b'])]
    """
    numbers: list[int] = []
    lines: list[bytes] = []
    for number, line in enumerate(_lines(stream, limit, first_line == 1), first_line):
        bare = line.strip()
        if bare:
            numbers.append(number)
            lines.append(bare)
        if len(lines) >= batch:
            yield numbers, lines
            numbers, lines = [], []
    if lines:
        yield numbers, lines


def _lines(stream: BinaryIO, limit: int | None, at_start: bool) -> Iterator[bytes]:
    tail = b""
    for block in _blocks(stream, limit):
        if at_start:
            block, at_start = block.removeprefix(_MARK), False
        first, *rest = block.split(b"\n")
        tail = (tail + first)[: LINE_BYTES + 1]
        if rest:
            yield tail
            yield from rest[:-1]
            tail = rest[-1]
    if tail:
        yield tail


def _blocks(stream: BinaryIO, limit: int | None) -> Iterator[bytes]:
    left = limit
    while left is None or left > 0:
        block = stream.read(_BLOCK if left is None else min(_BLOCK, left))
        if not block:
            break
        left = None if left is None else left - len(block)
        yield block
    if left:
        raise LandingError(f"{getattr(stream, 'name', 'a file')} became {left} bytes shorter since it was hashed: run again")
