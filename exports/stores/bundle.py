"""bundle: static JSON files that any web server or CDN can serve.

    <surface>/pointer.json                     what is served; replaced atomically
    <surface>/<generation>/manifest.json       with layout.shard_digits and layout.shards_sha256
    <surface>/<generation>/shards.json         {shard: sha256 of its file}, ready to be sent as ETags
    <surface>/<generation>/shards/<shard>.json {key: record, ...}

A record lies in the shard named by the first `shard_digits` hexadecimal digits of sha256(key): as many as keep shards at
about 32 records or fewer. A generation is built in `.loading-<generation>` and renamed when sealed, so a folder without
the dot is complete and never changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import orjson

from conf.errors import DiskError
from exports.digest import Digest, Pair
from exports.generations import Manifest, Pointer
from exports.records import canonical
from exports.stores.shards import ShardWriter, digits_for, shard_of

P = ParamSpec("P")
R = TypeVar("R")
_LOADING = ".loading-"


def _on_disk(method: Callable[P, R]) -> Callable[P, R]:
    """Raise DiskError for what the file system refuses."""

    @wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except OSError as error:
            raise DiskError(f"bundle store: {error.strerror} in {method.__name__}: check disk space and rights") from None

    return guarded


class BundleStore:
    """Generations as folders of JSON shards below `root`."""

    name = "bundle"

    def __init__(self, root: Path) -> None:
        self._root = root
        # Digits never change once a generation is sealed; a reader asks for them at every get.
        self._digits: dict[tuple[str, str], int] = {}

    @_on_disk
    def check(self) -> None:
        """Make the folder."""
        self._root.mkdir(parents=True, exist_ok=True)

    @_on_disk
    def begin(self, surface: str, generation: str, records: int) -> None:
        """Make an empty folder to load into."""
        self.drop(surface, generation)
        (self._loading(surface, generation) / "shards").mkdir(parents=True)
        self._digits[surface, generation] = digits_for(records)

    @_on_disk
    def load(self, surface: str, generation: str, pairs: Iterable[Pair]) -> None:
        """Write the shards and their checksums."""
        folder = self._loading(surface, generation)
        writer = ShardWriter(folder / "shards", self._digits[surface, generation])
        for key, value in pairs:
            writer.add(key, value)
        _write(folder / "shards.json", canonical(writer.finish()))

    @_on_disk
    def read_back(self, surface: str, generation: str) -> Digest:
        """Digest of the shard files; a file that does not match its checksum counts as empty."""
        folder = self._folder(surface, generation)
        return Digest.of(_pairs(folder / "shards", _parsed(_read(folder / "shards.json"))))

    @_on_disk
    def seal(self, manifest: Manifest) -> None:
        """Write the manifest, then give the folder its name."""
        folder = self._loading(manifest.surface, manifest.generation)
        digits = self._shard_digits(manifest.surface, manifest.generation)
        checksum = hashlib.sha256((folder / "shards.json").read_bytes()).hexdigest()
        layout = {"shard_digits": digits, "shards_sha256": checksum}
        _write(folder / "manifest.json", replace(manifest, layout=layout).encode())
        _sync_folder(folder / "shards")
        _sync_folder(folder)
        folder.rename(self._sealed(manifest.surface, manifest.generation))
        _sync_folder(folder.parent)

    @_on_disk
    def manifest(self, surface: str, generation: str) -> Manifest | None:
        """Manifest of a sealed generation."""
        found = _read(self._sealed(surface, generation) / "manifest.json")
        return None if found is None else Manifest.decode(found)

    @_on_disk
    def get(self, surface: str, generation: str, key: str) -> bytes | None:
        """One record, from its shard."""
        digits = self._shard_digits(surface, generation)
        if digits is None:
            return None
        shard = _read(self._folder(surface, generation) / "shards" / f"{shard_of(key, digits)}.json")
        record = _parsed(shard).get(key)
        return None if record is None else canonical(record)

    @_on_disk
    def pointer(self, surface: str) -> Pointer | None:
        """What is served now."""
        found = _read(self._root / surface / "pointer.json")
        return None if found is None else Pointer.decode(found)

    @_on_disk
    def flip(self, surface: str, expected: Pointer | None, new: Pointer) -> bool:
        """Compare and set under a file lock; the file itself is replaced in one step, so readers need no lock."""
        folder = self._root / surface
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / ".pointer.lock"):
            if self.pointer(surface) != expected:
                return False
            _write(folder / ".pointer.new", new.encode())
            os.replace(folder / ".pointer.new", folder / "pointer.json")
            _sync_folder(folder)
            return True

    @_on_disk
    def generations(self, surface: str) -> list[str]:
        """Every generation with a folder, loading or sealed."""
        folder = self._root / surface
        found = (entry.name.removeprefix(_LOADING) for entry in folder.glob("*") if entry.is_dir())
        return sorted(set(found))

    @_on_disk
    def drop(self, surface: str, generation: str) -> None:
        """Delete a generation's folders."""
        self._digits.pop((surface, generation), None)
        sealed, loading = self._sealed(surface, generation), self._loading(surface, generation)
        if sealed.exists():
            # Renamed first: a deletion that is killed half-way must not leave a folder that looks sealed.
            shutil.rmtree(loading, ignore_errors=True)
            sealed.rename(loading)
        if loading.exists():
            shutil.rmtree(loading)

    def close(self) -> None:
        """Nothing is held open."""

    def _shard_digits(self, surface: str, generation: str) -> int | None:
        """Length of shard names: from the manifest, or from the names themselves while the generation is not sealed."""
        known = self._digits.get((surface, generation))
        if known is None:
            manifest = self.manifest(surface, generation)
            known = manifest.layout["shard_digits"] if manifest else self._digits_of_names(surface, generation)
            if known is not None:
                self._digits[surface, generation] = known
        return known

    def _digits_of_names(self, surface: str, generation: str) -> int | None:
        names = _read(self._loading(surface, generation) / "shards.json")
        return None if names is None else len(next(iter(_parsed(names)), "0"))

    def _sealed(self, surface: str, generation: str) -> Path:
        return self._root / surface / generation

    def _loading(self, surface: str, generation: str) -> Path:
        return self._root / surface / (_LOADING + generation)

    def _folder(self, surface: str, generation: str) -> Path:
        sealed = self._sealed(surface, generation)
        return sealed if sealed.exists() else self._loading(surface, generation)


def _pairs(shards: Path, checksums: dict[str, str]) -> Iterator[Pair]:
    for shard, checksum in checksums.items():
        content = _read(shards / f"{shard}.json") or b""
        if hashlib.sha256(content).hexdigest() == checksum:
            for key, record in orjson.loads(content).items():
                yield key, canonical(record)


def _parsed(content: bytes | None) -> dict[str, Any]:
    """Object of a file; a missing or torn one holds nothing, which a read-back notices and a reader falls back from."""
    try:
        found = orjson.loads(content or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
