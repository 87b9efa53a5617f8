"""Peak memory of this process and everything below it (JVM, Python workers), while a stage or a command runs.

python bench/memory.py COMMAND [ARGUMENT ...]   -> runs it, then prints its seconds and peak, and exits as it did
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Peak:
    """`mib`: largest sum of proportional set sizes seen: pages that processes share (mapped artefacts, forks) count once."""

    mib: float = 0.0


@contextmanager
def peak_memory(every_seconds: float = 0.5) -> Iterator[Peak]:
    """Sample the process tree until the block ends."""
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while True:
            peak.mib = max(peak.mib, sum(_pss_kib(process) for process in family(os.getpid())) / 1024)
            if done.wait(every_seconds):
                return

    sampler = threading.Thread(target=watch, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        done.set()
        sampler.join()


def family(root: int) -> list[int]:
    """`root` and all processes below it."""
    children = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(") ")[2].split()[1]
            except OSError:  # it ended meanwhile
                continue
            children[int(parent)].append(int(folder.name))
    found = [root]
    for process in found:
        found += children[process]
    return found


def _pss_kib(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def main() -> int:
    """Run the command line's command."""
    if not sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 64
    start = time.perf_counter()
    with peak_memory() as peak:
        done = subprocess.run(sys.argv[1:], check=False)
    print(f"{time.perf_counter() - start:.0f} s, peak {peak.mib / 1024:.2f} GiB over all processes", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
