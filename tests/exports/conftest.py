"""The three stores, and weeks of lists whose every track is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exports.edition import Edition
from exports.gates import PublishGates
from exports.records import Record, Track
from exports.stores import Store
from exports.stores.bundle import BundleStore
from exports.stores.opening import open_store
from exports.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from tests.conftest import RedisServer

FIRST_MONDAY = date(2026, 9, 7)


@pytest.fixture(scope="session")
def shared_redis(start_redis: Callable[..., RedisServer]) -> RedisServer:
    return start_redis()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """The session's server, emptied."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis


@pytest.fixture(params=["sqlite", "bundle", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each store in turn, empty."""
    if request.param == "redis":
        made: Store = request.getfixturevalue("redis_server").store(tmp_path)
    else:
        made = open_store(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    made = SqliteStore(tmp_path / "serving.sqlite")
    yield made
    made.close()


@pytest.fixture
def bundle(tmp_path: Path) -> Store:
    return BundleStore(tmp_path / "bundle")


def track(position: int, name: str, artist: str) -> Track:
    return Track(
        artist_ids=[artist],
        artists=[artist.upper()],
        position=position,
        reason="because you played it a lot",
        source="mf",
        title=f"Song {name}",
        track_id=name,
    )


@pytest.fixture
def make_list() -> Callable[..., Record]:
    """Build one record: `make_list("ana", week=0, tracks=["a", "b"])`; user None is a popular list."""

    def make(
        user: str | None,
        week: int = 0,
        tracks: list[str] | None = None,
        country: str | None = "DE",
        offset_hours: int = 0,
        surface: str = "discover_weekly",
    ) -> Record:
        run_date = FIRST_MONDAY + timedelta(weeks=week)
        names = tracks if tracks is not None else [f"w{week}-{user}-{i}" for i in range(3)]
        midnight = datetime(run_date.year, run_date.month, run_date.day, tzinfo=UTC)
        return Record(
            surface=surface,
            run_date=run_date,
            user_id=user,
            country=country,
            valid_from=None if user is None else midnight - timedelta(hours=offset_hours),
            tracks=[track(i + 1, name, f"artist-of-{name}") for i, name in enumerate(names)],
            filled_from_fallback=0,
            simulated=True,
        )

    return make


@pytest.fixture
def edition(make_list: Callable[..., Record]) -> Callable[..., Edition]:
    """Build a week: `listeners` lists, the German and the global popular list."""

    def make(week: int = 0, listeners: int = 8, surface: str = "discover_weekly", mark: str = "") -> Edition:
        names = [f"w{week}{mark}-{i}" for i in range(3)]
        users: list[str | None] = [f"user{i}" for i in range(listeners)]
        records = [make_list(u, week, [f"{n}-{u}" for n in names], surface=surface) for u in users]
        records += [make_list(None, week, names, country=c, surface=surface) for c in ("DE", None)]
        return Edition(surface, FIRST_MONDAY + timedelta(weeks=week), lambda: iter(records), listeners)

    return make


@pytest.fixture
def gates() -> PublishGates:
    return PublishGates(list_length=3, verify_reads=4)


@pytest.fixture
def monday() -> date:
    return FIRST_MONDAY
