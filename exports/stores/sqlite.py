"""sqlite: the embedded store, one file, readable while it is written (write-ahead log).

A load commits every few thousand records, so the log stays small and another surface may write in between; what a killed
load leaves has no manifest and is dropped by the next run. The pointer moves in one fully synchronised transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from conf.errors import DiskError, FactoryError, StoreAwayError
from exports.digest import Digest, Pair
from exports.generations import Manifest, Pointer

_COMMIT_EVERY = 5_000
_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS generations (
    id INTEGER PRIMARY KEY, surface TEXT NOT NULL, generation TEXT NOT NULL, manifest BLOB,
    UNIQUE (surface, generation)
);
CREATE TABLE IF NOT EXISTS records (
    generation_id INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (generation_id, key)
);
CREATE TABLE IF NOT EXISTS pointers (surface TEXT PRIMARY KEY, pointer BLOB NOT NULL);
"""
_ID = "(SELECT id FROM generations WHERE surface = ? AND generation = ?)"


class SqliteStore:
    """Generations in one SQLite file; a connection belongs to the thread that made the first call."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: sqlite3.Connection | None = None

    def check(self) -> None:
        """Open the file, making it where it is missing."""
        with self._connection():
            pass

    def begin(self, surface: str, generation: str, records: int) -> None:
        """Forget a half-loaded generation and register the new one."""
        self.drop(surface, generation)
        with self._transaction() as db:
            db.execute("INSERT INTO generations (surface, generation) VALUES (?, ?)", (surface, generation))

    def load(self, surface: str, generation: str, pairs: Iterable[Pair]) -> None:
        """Insert all pairs; a key that comes twice is kept once, which the read-back then sees."""
        insert = f"INSERT OR REPLACE INTO records VALUES ({_ID}, ?, ?)"
        rows = ((surface, generation, key, value) for key, value in pairs)
        while chunk := list(islice(rows, _COMMIT_EVERY)):
            with self._transaction() as db:
                db.executemany(insert, chunk)

    def read_back(self, surface: str, generation: str) -> Digest:
        """Digest of the rows of a generation."""
        with self._connection() as db:
            select = f"SELECT key, value FROM records WHERE generation_id = {_ID}"
            return Digest.of(db.execute(select, (surface, generation)))

    def seal(self, manifest: Manifest) -> None:
        """Write the manifest."""
        with self._transaction() as db:
            update = "UPDATE generations SET manifest = ? WHERE surface = ? AND generation = ?"
            db.execute(update, (manifest.encode(), manifest.surface, manifest.generation))

    def manifest(self, surface: str, generation: str) -> Manifest | None:
        """Manifest of a sealed generation."""
        select = "SELECT manifest FROM generations WHERE surface = ? AND generation = ?"
        found = self._one(select, surface, generation)
        return None if found is None else Manifest.decode(found)

    def get(self, surface: str, generation: str, key: str) -> bytes | None:
        """One record."""
        return self._one(f"SELECT value FROM records WHERE generation_id = {_ID} AND key = ?", surface, generation, key)

    def pointer(self, surface: str) -> Pointer | None:
        """What is served now."""
        found = self._one("SELECT pointer FROM pointers WHERE surface = ?", surface)
        return None if found is None else Pointer.decode(found)

    def flip(self, surface: str, expected: Pointer | None, new: Pointer) -> bool:
        """Compare and set inside one write transaction."""
        with self._transaction() as db:
            found = db.execute("SELECT pointer FROM pointers WHERE surface = ?", (surface,)).fetchone()
            if (found and found[0]) != (expected and expected.encode()):
                return False
            db.execute("INSERT OR REPLACE INTO pointers VALUES (?, ?)", (surface, new.encode()))
            return True

    def generations(self, surface: str) -> list[str]:
        """Every registered generation."""
        with self._connection() as db:
            select = "SELECT generation FROM generations WHERE surface = ? ORDER BY generation"
            return [row[0] for row in db.execute(select, (surface,))]

    def drop(self, surface: str, generation: str) -> None:
        """Delete a generation's rows; their pages are used again by the next one."""
        with self._transaction() as db:
            db.execute(f"DELETE FROM records WHERE generation_id = {_ID}", (surface, generation))
            db.execute("DELETE FROM generations WHERE surface = ? AND generation = ?", (surface, generation))

    def close(self) -> None:
        """Close the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _one(self, select: str, *values: str) -> bytes | None:
        with self._connection() as db:
            row = db.execute(select, values).fetchone()
            return None if row is None else row[0]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._open is None:
                self._open = self._connect()
            yield self._open
        except sqlite3.Error as error:
            raise _translated(error) from None

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DiskError(f"sqlite store: no folder for its file ({error.strerror}): check disk and rights") from None
        db = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
        return db


def _translated(error: sqlite3.Error) -> FactoryError:
    """Error of the factory for one of SQLite: locked means away, everything else is the disk's fault."""
    if error.sqlite_errorname in ("SQLITE_BUSY", "SQLITE_LOCKED"):
        return StoreAwayError(f"sqlite store: another writer held its file for {_BUSY_SECONDS:.0f} s: try again later")
    return DiskError(f"sqlite store: {error}: check disk space and rights, or delete the file and publish again")
