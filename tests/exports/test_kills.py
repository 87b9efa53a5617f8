"""A publisher that dies anywhere: readers see the old week or the new one, and a re-run ends where an undisturbed run does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports.gates import PublishGates
from exports.publish import publish
from exports.reader import Reader
from exports.stores import Store
from exports.stores.opening import open_store

SURFACE = "discover_weekly"
LISTENERS = 3
AT = datetime(2026, 9, 15, tzinfo=UTC)
GATES = PublishGates(list_length=3, verify_reads=2)
WATCHED = ("check", "begin", "load", "read_back", "seal", "flip", "drop", "generations", "pointer", "manifest")


class KilledError(BaseException):
    """Stands for SIGKILL: no handler of the publisher may catch it."""


class MortalStore:
    """A store whose process dies at the n-th step: before or after a call, or between two records of a load.

    After every step that is survived, `look` is called: what do readers see now?
    """

    def __init__(self, store: Store, dies_at: int, look) -> None:
        self._store, self._left, self._look = store, dies_at, look
        self.name = store.name

    def __getattr__(self, name: str):
        method = getattr(self._store, name)
        if name not in WATCHED:
            return method

        def watched(*args):
            self._step()
            if name == "load":
                args = (*args[:2], self._mortal(args[2]))
            result = method(*args)
            self._step()
            return result

        return watched

    def _mortal(self, pairs) -> Iterator:
        for pair in pairs:
            self._step()
            yield pair

    def _step(self) -> None:
        self._look()
        self._left -= 1
        if self._left < 0:
            raise KilledError


class Factory:
    """One store in a folder, opened anew for every process that the test plays."""

    def __init__(self, name: str, folder: Path, redis_server) -> None:
        self._name, self._folder, self._redis = name, folder, redis_server

    def open(self) -> Store:
        if self._redis is not None:
            return self._redis.store(self._folder)
        return open_store(self._name, self._folder)

    def publish(self, edition, dies_at: int = 10**6, look=lambda: None) -> str | None:
        """State of the store's outcome, or None when the publisher was killed."""
        store = self.open()
        try:
            mortal = MortalStore(store, dies_at, look)
            (outcome,) = publish(edition, [mortal], GATES, fence=lambda: None, exposures=lambda generation: None)
            return outcome.state
        except KilledError:
            return None
        finally:
            store.close()


def seen(reader: Reader) -> str:
    """Generation that every listener is served from; fails when there are two, or when somebody lost their own list."""
    served = [reader.get(f"user{i}", SURFACE, at=AT) for i in range(LISTENERS)]
    assert {s.rung for s in served} == {"current"}
    (generation,) = {s.generation for s in served}
    return generation


def generations_of(edition) -> tuple[str, str]:
    """Ids of an undisturbed publication of both weeks."""
    with tempfile.TemporaryDirectory() as folder:
        factory = Factory("sqlite", Path(folder), None)
        ids = []
        for week in (0, 1):
            factory.publish(edition(week, LISTENERS))
            ids.append(factory.open().pointer(SURFACE).generation)
        return ids[0], ids[1]


def drill(factory: Factory, edition, deaths: list[int]) -> None:
    old, new = generations_of(edition)
    factory.publish(edition(0, LISTENERS))
    watcher = factory.open()
    allowed = {old, new}

    def look() -> None:
        generation = seen(Reader(watcher))
        assert generation in allowed
        if generation == new:
            allowed.discard(old)  # once new, never old again

    for dies_at in deaths:
        factory.publish(edition(1, LISTENERS), dies_at, look)
        look()
    assert factory.publish(edition(1, LISTENERS), look=look) in ("flipped", "already")
    assert watcher.pointer(SURFACE).generation == new == seen(Reader(watcher))
    assert watcher.pointer(SURFACE).previous == old
    assert watcher.generations(SURFACE) == sorted([old, new])
    watcher.close()


@pytest.mark.parametrize("name", ["sqlite", "bundle"])
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.integers(0, 39), min_size=1, max_size=3))
def test_any_deaths_leave_old_or_new(name: str, edition, deaths: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        drill(Factory(name, Path(folder), None), edition, deaths)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["sqlite", "bundle", pytest.param("redis", marks=pytest.mark.redis)])
@pytest.mark.parametrize("dies_at", range(40))
def test_every_single_death(name: str, dies_at: int, edition, tmp_path, request) -> None:
    server = request.getfixturevalue("redis_server") if name == "redis" else None
    drill(Factory(name, tmp_path, server), edition, [dies_at])


def test_the_drill_reaches_the_last_step(edition, tmp_path) -> None:
    """Were the protocol longer than the numbers drawn above, its end would go untested."""
    factory = Factory("sqlite", tmp_path, None)
    factory.publish(edition(0, LISTENERS))
    assert factory.publish(edition(1, LISTENERS), dies_at=40) == "flipped"
    assert factory.publish(edition(2, LISTENERS), dies_at=25) is None


def publish_and_die(factory: Factory, edition, after: int) -> None:
    """In a process of its own: SIGKILL to itself when `after` records of the load are written."""
    passes: list[int] = []

    def deadly() -> Iterator:
        passes.append(1)
        for number, record in enumerate(edition.records()):
            if len(passes) == 2 and number == after:  # the first pass is the survey
                os.kill(os.getpid(), signal.SIGKILL)
            yield record

    store = factory.open()
    publish(replace(edition, records=deadly), [store], GATES, fence=lambda: None, exposures=lambda generation: None)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["sqlite", "bundle", pytest.param("redis", marks=pytest.mark.redis)])
@pytest.mark.parametrize("after", [0, 1, 5_500])
def test_sigkill_in_mid_load(name: str, after: int, edition, tmp_path, request) -> None:
    """A real kill runs no handler: SQLite's log, half a folder and expiring keys stay behind, and nobody is served them."""
    server = request.getfixturevalue("redis_server") if name == "redis" else None
    factory = Factory(name, tmp_path, server)
    factory.publish(edition(0, LISTENERS))
    watcher = factory.open()
    old = watcher.pointer(SURFACE).generation
    week = edition(1, 6_000)
    child = multiprocessing.get_context("fork").Process(target=publish_and_die, args=(factory, week, after))
    child.start()
    child.join(timeout=30)
    assert child.exitcode == -signal.SIGKILL
    assert watcher.pointer(SURFACE).generation == old == seen(Reader(watcher))
    assert len(watcher.generations(SURFACE)) == 2, "the killed load left something behind"
    assert factory.publish(week) == "flipped"
    assert seen(Reader(watcher)) == watcher.pointer(SURFACE).generation != old
    assert len(watcher.generations(SURFACE)) == 2, "and the next run swept it"
    watcher.close()
