"""What a piece of work costs: CPU seconds of this process and its children, and the most memory it held."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@dataclass
class Effort:
    """`cpu_s`: CPU seconds, all threads and finished children. `peak_mb`: largest resident set of the process, in MB."""

    cpu_s: float = 0.0
    peak_mb: float = 0.0


@contextmanager
def effort(every_seconds: float = 0.05) -> Iterator[Effort]:
    """Measure the block."""
    spent, process, done = Effort(), psutil.Process(), threading.Event()

    def watch() -> None:
        while True:
            spent.peak_mb = max(spent.peak_mb, process.memory_info().rss / 1e6)
            if done.wait(every_seconds):
                return

    sampler = threading.Thread(target=watch, daemon=True)
    start = _cpu(process)
    sampler.start()
    try:
        yield spent
    finally:
        done.set()
        sampler.join()
        spent.cpu_s = _cpu(process) - start


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
