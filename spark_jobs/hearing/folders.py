"""paths that people name -> files to hear, those of a folder in sorted order, without what is hidden."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

log = logging.getLogger(__name__)


def files_of(named: Iterable[Path]) -> Iterator[Path]:
    """Every named path that is no folder, there or not, and every file below the named folders.

    Contents decide what is music, so names do not matter. Below a folder hidden names are passed over, and so are pipes and
    other special files, and folders that a link leads to a second time. A link that leads nowhere is a file that is missing.
    """
    for path in named:
        if stat.S_ISDIR(_mode(path)):
            yield from _below(path)
        else:
            yield path


def _below(folder: Path) -> Iterator[Path]:
    """Files below a folder, depth first: a stack, since a tree may be deeper than Python's calls may be."""
    waiting, walked = [folder], set[tuple[int, int]]()
    while waiting:
        path = waiting.pop()
        mode = _mode(path)
        if stat.S_ISDIR(mode):
            waiting += [path / name for name in reversed(_names(path, walked))]
        elif stat.S_ISREG(mode):
            yield path


def _names(folder: Path, walked: set[tuple[int, int]]) -> list[str]:
    """Names in a folder, sorted; none where it cannot be read or was walked before, and then it is in `walked`."""
    try:
        found = folder.stat()
        itself = found.st_dev, found.st_ino
        names = [] if itself in walked else os.listdir(folder)
    except OSError as error:
        log.warning("folder=%s cannot be read: %s", folder, error.strerror)
        return []
    walked.add(itself)
    return sorted(name for name in names if not name.startswith("."))


def _mode(path: Path) -> int:
    """Kind of what a path leads to: 0 where links go in a circle; a link to nowhere counts as the file that it promised."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return stat.S_IFREG
    except (OSError, ValueError):
        return 0
