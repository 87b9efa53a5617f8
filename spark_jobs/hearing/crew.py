"""paths -> rows in their order, by several processes that listen at once, any of which may die.

Each process has an ear and so a decoder of its own, and one file at a time: what it dies of is known and costs one file.
Answers are lines of JSON: nothing in this house is pickled. This module imports no numpy, so that the processes start first and
do so while their parent does.
"""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from audio.decode import Limits
    from spark_jobs.hearing.rows import Row

LENGTH = struct.Struct("<I")
_ROOT = str(Path(__file__).resolve().parents[2])
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")
# Seconds that a file may take beyond the decoder's own limit: a clip is heard in .2 s, a process starts in 1 s.
_PATIENCE_S = 60.0
# Rows that may wait for a slower file before them, per process: a row has 1 kB, and a decoder that hangs is killed after 60 s.
_AHEAD = 256


@dataclass
class _Worker:
    """A process, the number and path of the file that it listens to, and when it must be done."""

    process: subprocess.Popen[bytes]
    number: int
    path: Path
    until: float


class Crew:
    """Processes that hear files; a context manager that leaves none of them behind.

    Parameters
    ----------
    workers : processes, >= 1. limits : of each file; without them the decoder's own.
    """

    def __init__(self, workers: int, limits: Limits | None = None) -> None:
        self._size = workers
        self._limits = limits
        self._idle: list[subprocess.Popen[bytes]] = []
        self._busy: dict[int, _Worker] = {}

    def __enter__(self) -> Crew:
        self._idle = [_start(self._limits) for _ in range(self._size)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of those that live."""
        return [process.pid for process in (*self._idle, *(worker.process for worker in self._busy.values()))]

    def hear(self, paths: Sequence[Path]) -> Iterator[Row]:
        """Row of each path, in the order of the paths, each as soon as those before it are there."""
        done: dict[int, Row] = {}
        asked = told = 0
        while told < len(paths):
            while asked < len(paths) and len(self._busy) < self._size and asked - told < _AHEAD * self._size:
                self._ask(asked, paths[asked])
                asked += 1
            done |= self._answers()
            while told in done:
                yield done.pop(told)
                told += 1

    def close(self) -> None:
        """End all processes, and those that they have started."""
        processes = [*self._idle, *(worker.process for worker in self._busy.values())]
        self._idle, self._busy = [], {}
        for process in processes:
            process.terminate()
        for process in processes:
            _end(process)

    def _ask(self, number: int, path: Path) -> None:
        process = self._living()
        assert process.stdin is not None and process.stdout is not None
        self._busy[process.stdout.fileno()] = _Worker(process, number, path, monotonic() + self._longest_s())
        name = os.fsencode(path)
        with suppress(BrokenPipeError):  # it died: reading tells how
            process.stdin.write(LENGTH.pack(len(name)) + name)
            process.stdin.flush()

    def _longest_s(self) -> float:
        from audio.decode import Limits

        return (self._limits or Limits()).timeout_s + _PATIENCE_S

    def _living(self) -> subprocess.Popen[bytes]:
        """An idle process, else a new one; one that died since its last file is nobody's fault."""
        while self._idle:
            process = self._idle.pop()
            if process.poll() is None:
                return process
            _end(process)
        return _start(self._limits)

    def _answers(self) -> dict[int, Row]:
        """Rows of the processes that are done or beyond help; waits for the first."""
        poller = select.poll()
        for fd in self._busy:
            poller.register(fd, select.POLLIN)
        first = min(worker.until for worker in self._busy.values())
        ready = {fd for fd, _ in poller.poll(max(0.0, first - monotonic()) * 1000)}
        late = {fd for fd, worker in self._busy.items() if fd not in ready and worker.until <= monotonic()}
        numbers = {fd: worker.number for fd, worker in self._busy.items()}
        rows = {numbers[fd]: self._answer(fd) for fd in ready}
        return rows | {numbers[fd]: self._lost(fd, "timeout", "no answer, it was killed") for fd in late}

    def _answer(self, fd: int) -> Row:
        worker = self._busy[fd]
        assert worker.process.stdout is not None
        with suppress(orjson.JSONDecodeError):
            row: Row = orjson.loads(worker.process.stdout.readline())
            self._idle.append(self._busy.pop(fd).process)
            return row
        return self._lost(fd, "crash", f"it died: {_death(worker.process)}")

    def _lost(self, fd: int, reason: str, how: str) -> Row:
        from spark_jobs.hearing.rows import failed

        worker = self._busy.pop(fd)
        _end(worker.process, patience_s=0.0)
        return failed(worker.path, reason, f"{worker.path.name}: the process that listened to it: {how}")


def _start(limits: Limits | None) -> subprocess.Popen[bytes]:
    paths = [_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-P", "-m", "spark_jobs.hearing.worker", json.dumps(asdict(limits) if limits else {})]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(paths)},
        process_group=0,  # Ctrl-C on the terminal is for the parent, which ends them
    )


def _death(process: subprocess.Popen[bytes]) -> str:
    """How a process ended, with its signal's name."""
    try:
        code = process.wait(timeout=5.0)
    except subprocess.TimeoutExpired:
        return "it closed its pipe"
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"


def _end(process: subprocess.Popen[bytes], patience_s: float = 2.0) -> None:
    """Wait for an end that was asked for, else kill; its decoder sees the end of its pipe."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=patience_s)
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()
