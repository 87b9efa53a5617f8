"""records -> shard files, in memory that does not grow with the number of listeners.

Records are first appended to at most 256 spools by the first digits of their shard; then one spool at a time (some
thousand records) is split into its shards. A million listeners of 4 KB need 32 MB of buffer and one spool in memory.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from pathlib import Path

_MOST_DIGITS = 4
_RECORDS_PER_SHARD = 32
_SPOOL_DIGITS = 2
_BUFFER_BYTES = 32 << 20


def digits_for(records: int) -> int:
    """Shard name length that keeps shards at about 32 records: 1 to 4 hexadecimal digits.

    >>> digits_for(0), digits_for(2_000), digits_for(50_000), digits_for(1_000_000)
    (1, 2, 3, 4)
    """
    fits = (d for d in range(1, _MOST_DIGITS) if records <= _RECORDS_PER_SHARD * 16**d)
    return next(fits, _MOST_DIGITS)


def shard_of(key: str, digits: int) -> str:
    """Name of the shard that holds `key`: the first digits of sha256(key).

    >>> shard_of("u:ana", 3)
    '8ba'
    """
    return hashlib.sha256(key.encode()).hexdigest()[:digits]


class ShardWriter:
    """Collects records of one generation and writes them as shard files."""

    def __init__(self, folder: Path, digits: int) -> None:
        self._folder = folder
        self._digits = digits
        self._buffers: dict[str, list[bytes]] = defaultdict(list)
        self._buffered = 0

    def add(self, key: str, value: bytes) -> None:
        """Take one record; neither a key nor canonical JSON holds a tab or a line end."""
        line = b"%b\t%b\n" % (key.encode(), value)
        self._buffers[shard_of(key, min(self._digits, _SPOOL_DIGITS))].append(line)
        self._buffered += len(line)
        if self._buffered >= _BUFFER_BYTES:
            self._spill()

    def finish(self) -> dict[str, str]:
        """Write every shard; returns the sha256 of each file by shard name."""
        self._spill()
        checksums: dict[str, str] = {}
        for spool in sorted(self._folder.glob("*.spool")):
            checksums |= self._split(spool.read_bytes())
            spool.unlink()
        return checksums

    def _spill(self) -> None:
        for name, lines in self._buffers.items():
            with (self._folder / f"{name}.spool").open("ab") as file:
                file.writelines(lines)
        self._buffers.clear()
        self._buffered = 0

    def _split(self, spool: bytes) -> dict[str, str]:
        shards: dict[str, dict[str, bytes]] = defaultdict(dict)
        for line in spool.splitlines():
            key, _, value = line.partition(b"\t")
            shards[shard_of(key.decode(), self._digits)][key.decode()] = value
        return {name: self._write(name, records) for name, records in sorted(shards.items())}

    def _write(self, name: str, records: dict[str, bytes]) -> str:
        """Write one shard: the records' own bytes, joined by hand so that they are not parsed and written anew."""
        members = (b'"%b":%b' % (key.encode(), value) for key, value in sorted(records.items()))
        content = b"{" + b",".join(members) + b"}"
        with (self._folder / f"{name}.json").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return hashlib.sha256(content).hexdigest()
