"""Peak memory of this process and everything below it (JVM, Python workers), while a stage runs."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Peak:
    """`mib`: largest sum of resident memory seen; pages that processes share count once for each."""

    mib: float = 0.0


@contextmanager
def peak_memory(every_seconds: float = 0.2) -> Iterator[Peak]:
    """Sample the process tree until the block ends."""
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while True:
            peak.mib = max(peak.mib, resident_mib(os.getpid()))
            if done.wait(every_seconds):
                return

    sampler = threading.Thread(target=watch, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        done.set()
        sampler.join()


def resident_mib(root: int) -> float:
    """Resident memory of `root` and its descendants in MiB."""
    children, resident = defaultdict(list), {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(") ")[2].split()
            except OSError:  # it ended meanwhile
                continue
            children[int(fields[1])].append(int(folder.name))
            resident[int(folder.name)] = int(fields[21]) * PAGE
    family, total = [root], 0
    while family:
        process = family.pop()
        total += resident.get(process, 0)
        family += children[process]
    return total / 2**20
