"""Run the real command line with one planted fault: `python drill.py POINT -- ARGUMENTS of plant`.

POINT is one of

    after:TABLE     killed once that table was written
    audit           killed before the read-back of the first store
    load:STORE:N    killed when N records went into that store
    flip:STORE      killed before that store's pointer moves
    lose:STORE      one record vanishes between load and read-back
    stop:PID:N      process PID, a Redis, dies when N records went into it
    wait:FILE       the first job waits until FILE is there

The process kills itself with SIGKILL: no handler, no `finally`, as a crashed machine would leave things.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def plant_fault(point: str) -> None:
    kind, _, where = point.partition(":")
    FAULTS[kind](where)


def after_table(name: str) -> None:
    from spark_jobs.warehouse import Warehouse

    for method in ("write_frame", "write_arrow"):
        written = getattr(Warehouse, method)

        def write(self: Any, table: Any, data: Any, replace: str, written: Any = written) -> int:
            rows: int = written(self, table, data, replace)
            if table.name == name:
                die()
            return rows

        setattr(Warehouse, method, write)


def before_audit(_: str) -> None:
    for store in stores().values():
        store.read_back = lambda self, surface, generation: die()


def in_load(where: str) -> None:
    name, _, count = where.partition(":")
    interrupt(stores()[name], int(count), die)


def stop_server(where: str) -> None:
    pid, _, count = where.partition(":")
    interrupt(stores()["redis"], int(count), lambda: os.kill(int(pid), signal.SIGKILL))


def interrupt(store: Any, count: int, strike: Callable[[], None]) -> None:
    """Call `strike` when `count` records went into `store`."""
    load = store.load

    def struck(pairs: Any) -> Iterator[Any]:
        for number, pair in enumerate(pairs):
            if number == count:
                strike()
            yield pair

    store.load = lambda self, surface, generation, pairs: load(self, surface, generation, struck(pairs))


def before_flip(name: str) -> None:
    stores()[name].flip = lambda self, surface, expected, new: die()


def lose_key(name: str) -> None:
    store = stores()[name]
    load = store.load

    def leaky(self: Any, surface: str, generation: str, pairs: Any) -> None:
        stream = iter(pairs)
        next(stream)
        load(self, surface, generation, stream)

    store.load = leaky


def wait_for(path: str) -> None:
    from spark_jobs import workers

    run_job = workers.run_job

    def waiting(*arguments: Any) -> Any:
        Path(path).with_suffix(".reached").touch()
        deadline = time.monotonic() + 120
        while not Path(path).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        return run_job(*arguments)

    workers.run_job = waiting


def stores() -> dict[str, Any]:
    from exports.stores.bundle import BundleStore
    from exports.stores.redis import RedisStore
    from exports.stores.sqlite import SqliteStore

    return {"sqlite": SqliteStore, "bundle": BundleStore, "redis": RedisStore}


FAULTS: dict[str, Callable[[str], None]] = {
    "after": after_table,
    "audit": before_audit,
    "load": in_load,
    "stop": stop_server,
    "flip": before_flip,
    "lose": lose_key,
    "wait": wait_for,
}

if __name__ == "__main__":
    plant_fault(sys.argv[1])
    from spark_jobs.cli.main import main

    sys.exit(main(sys.argv[3:]))
