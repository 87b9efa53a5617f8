"""Files of an importer's source: a folder, a zip archive or one file, opened as byte streams.

Archives are read in place and never unpacked, so a member named `../../x` has nowhere to go; it is refused all the
same, because an archive with such names is not what an export service made.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from conf.errors import LandingError


@dataclass(frozen=True)
class SourceFile:
    """One file of the source. name : path inside the source, for messages. size : bytes, unpacked."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]

    @property
    def basename(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.name).name

    def head(self, size: int = 80) -> str:
        """First characters of the file, for a message that says what was seen."""
        with self.open() as stream:
            return repr(stream.read(size).decode("utf-8", "replace"))


@contextmanager
def source_files(source: Path) -> Iterator[list[SourceFile]]:
    """Files of `source`, sorted by name; hidden files and macOS' resource forks are no part of it.

    Raises
    ------
    LandingError : nothing there, a damaged or encrypted archive, or a path that leaves its root.
    """
    if source.is_dir():
        yield _folder(source)
    elif zipfile.is_zipfile(source):
        try:
            with zipfile.ZipFile(source) as archive:
                yield _members(source, archive)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:  # also while a member is read
            raise LandingError(f"{source} is damaged ({error}); download the export again") from None
    elif source.suffix.lower() == ".zip":
        raise LandingError(f"{source} is not a zip archive or is cut short; download the export again")
    elif source.is_file():
        yield [SourceFile(source.name, source.stat().st_size, lambda: source.open("rb"))]
    else:
        raise LandingError(f"{source} is neither a file nor a folder; give the export to read")


def _folder(root: Path) -> list[SourceFile]:
    """Visible files below `root`; LandingError for a link that points outside."""
    home = root.resolve()
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if _hidden(name):
            continue
        if not path.resolve().is_relative_to(home):
            raise LandingError(f"{name} in {root} is a link that leaves the folder; copy the file in or remove the link")
        if path.is_file():
            found.append(SourceFile(name, path.stat().st_size, lambda path=path: path.open("rb")))  # type: ignore[misc]
    return found


def _members(source: Path, archive: zipfile.ZipFile) -> list[SourceFile]:
    """Visible files of `archive`; LandingError for a name that leaves the root, a link, or an encrypted member."""
    found = []
    for member in sorted(archive.infolist(), key=lambda member: member.filename):
        name = member.filename
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or stat.S_ISLNK(member.external_attr >> 16):
            raise LandingError(f"{name!r} in {source} leaves the archive's root; this is no export as the service makes it")
        if member.flag_bits & 1:
            raise LandingError(f"{name!r} in {source} is encrypted; unpack the archive with its password first")
        if not member.is_dir() and not _hidden(name):
            found.append(SourceFile(name, member.file_size, lambda member=member: archive.open(member)))  # type: ignore[misc]
    return found


def _hidden(name: str) -> bool:
    """Whether any part of a path starts with a dot or is macOS' `__MACOSX`."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)
