"""The publishing job on real tables and real stores: flips, exposures, and the books after each kind of ending."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from conf import tables as t
from conf.errors import BusyError, PublishError, StoreAwayError
from conf.settings import PublishDiscoverWeekly
from exports.stores.opening import open_store
from spark_jobs.contract import Output, Run
from spark_jobs.schema import arrow_schema
from spark_jobs.serving.publish_discover_weekly import SURFACE, transform
from spark_jobs.warehouse import Warehouse

MONDAY = date(2026, 9, 7)
PARAMS = PublishDiscoverWeekly()


def track(i: int, position: int) -> dict:
    named = {"track_id": f"t{i}", "title": f"T{i}", "artists": [f"A{i}"], "artist_ids": [f"a{i}"]}
    return {"position": position, **named, "score": 1.0, "source": "mf", "reason": "Popular right now"}


class Shop:
    """A warehouse with one week of lists, and the runner's part of a publication."""

    def __init__(self, folder) -> None:
        self.warehouse = Warehouse(folder)
        self.run = Run(MONDAY, date(2026, 9, 6), folder, self.warehouse.root, epoch=5, write=self.write)
        self.lists(first=0)

    def lists(self, first: int) -> None:
        tracks = [track(first + i, i + 1) for i in range(30)]
        week = {"run_date": MONDAY, "surface": SURFACE, "tracks": tracks, "simulated": True}
        listener = {"valid_from": datetime(2026, 9, 7, tzinfo=UTC), "timezone": "UTC", "country": "", "filled": 0}
        lists = [week | listener | {"user_id": f"u{i}"} for i in range(3)]
        self.put(t.PLAYLISTS, lists)
        self.put(t.CHARTS, [week | {"country": ""}])
        self.listeners(3)

    def listeners(self, n: int) -> None:
        """Histories of n listeners, who should all have a list."""
        per_track = {name: [1] for name in ("track_idx", "plays", "completions", "skips", "last_day", "weight")}
        rest = {"run_date": MONDAY, "bucket": 0, "listens": 1, "last_listen_at": datetime(2026, 9, 1, tzinfo=UTC)}
        self.put(t.HISTORIES, [per_track | rest | {"user_id": f"u{i}", "simulated": True} for i in range(n)])

    def put(self, table, rows: list[dict]) -> None:
        self.warehouse.write_arrow(table, pa.Table.from_pylist(rows, schema=arrow_schema(table)), "true")

    def write(self, name: str, output: Output) -> None:
        self.warehouse.write_arrow(t.TABLES[name], output.data, output.replace)

    def publish(self, params=PARAMS, **context) -> None:
        names = (t.PLAYLISTS, t.CHARTS, t.HISTORIES, t.PUBLICATIONS)
        rows = {table.name: self.warehouse.rows(table) for table in names}
        for name, output in transform(**rows, params=params, run=replace(self.run, **context)).items():
            self.write(name, output)

    def held(self, table) -> list[dict]:
        return self.warehouse.rows(table).table().to_pylist()

    def served(self, store: str) -> str | None:
        pointer = open_store(store, self.warehouse.root / "stores").pointer(SURFACE)
        return pointer and pointer.generation


@pytest.fixture
def shop(tmp_path) -> Shop:
    return Shop(tmp_path / "warehouse")


def test_every_store_flips_and_the_books_say_so(shop):
    shop.publish()
    booked = {(row["store"], row["epoch"], row["action"], row["records"]) for row in shop.held(t.PUBLICATIONS)}
    assert booked == {("sqlite", 5, "flip", 4), ("bundle", 5, "flip", 4)}
    generation = shop.served("sqlite")
    assert generation == shop.served("bundle") == shop.held(t.PUBLICATIONS)[0]["generation"]
    exposures = shop.held(t.EXPOSURES)
    assert sorted(row["user_id"] for row in exposures) == ["u0", "u1", "u2"]
    assert exposures[0]["track_ids"] == [f"t{i}" for i in range(30)] and exposures[0]["generation"] == generation
    assert set(exposures[0]["propensity"]) == {1.0} and exposures[0]["simulated"]


def test_publishing_twice_adds_nothing(shop):
    shop.publish()
    shop.publish()
    assert len(shop.held(t.PUBLICATIONS)) == 2 and len(shop.held(t.EXPOSURES)) == 3


def test_a_flip_whose_record_was_lost_is_recorded_by_the_next_run(shop):
    shop.publish(PARAMS.model_copy(update={"stores": ("sqlite",)}))
    shop.put(t.PUBLICATIONS, [])  # killed between the flip and the books
    shop.publish()
    assert sorted(row["store"] for row in shop.held(t.PUBLICATIONS)) == ["bundle", "sqlite"]


def test_another_edition_of_the_week_keeps_both_exposures(shop):
    shop.publish()
    shop.lists(first=100)
    shop.publish()
    by_generation = {row["generation"]: row["track_ids"][0] for row in shop.held(t.EXPOSURES)}
    assert sorted(by_generation.values()) == ["t0", "t100"]
    assert by_generation[shop.served("sqlite")] == "t100"


def test_exposures_are_there_before_the_first_pointer_moves(shop):
    seen = []
    shop.publish(fence=lambda: seen.append((len(shop.held(t.EXPOSURES)), shop.served("sqlite"))))
    assert seen[0] == (3, None)


def test_a_store_that_is_away_fails_alone(shop, monkeypatch):
    monkeypatch.setenv(PARAMS.redis.url_env, "redis://127.0.0.1:1/0")
    with pytest.raises(StoreAwayError, match=r"redis failed: .*Served: sqlite"):
        shop.publish(PARAMS.model_copy(update={"stores": ("redis", "sqlite")}))
    assert [row["store"] for row in shop.held(t.PUBLICATIONS)] == ["sqlite"] and shop.served("sqlite")


def test_a_lost_lease_flips_nothing(shop):
    def lost() -> None:
        raise BusyError("the lease is another run's")

    with pytest.raises(BusyError):
        shop.publish(fence=lost)
    assert shop.served("sqlite") is None and shop.held(t.PUBLICATIONS) == []


def test_gates_refuse_before_any_store_is_touched(shop):
    with pytest.raises(PublishError, match="no popular list of everywhere"):
        shop.put(t.CHARTS, [])
        shop.publish()
    assert shop.served("sqlite") is None and shop.held(t.EXPOSURES) == []


def test_a_listener_whose_list_was_lost_refuses_the_week(shop):
    shop.listeners(4)
    with pytest.raises(PublishError, match=r"covered 0\.7500 < 0\.99"):
        shop.publish()


def test_a_week_without_listeners_publishes_the_charts(shop):
    shop.put(t.PLAYLISTS, [])
    shop.listeners(0)
    shop.publish()
    assert [row["records"] for row in shop.held(t.PUBLICATIONS)] == [1, 1] and shop.held(t.EXPOSURES) == []


def test_exposures_are_committed_in_parts(shop, monkeypatch):
    monkeypatch.setattr("spark_jobs.serving.publish_discover_weekly.COMMIT_ROWS", 1)
    tables = shop.warehouse.rows(t.PLAYLISTS).table()
    for i in range(3, 6):  # one file, and so one batch, each
        more = tables.slice(0, 1).set_column(tables.schema.get_field_index("user_id"), "user_id", pa.array([f"u{i}"]))
        shop.warehouse.write_arrow(t.PLAYLISTS, more, "")
    shop.listeners(6)
    shop.publish()
    assert sorted(row["user_id"] for row in shop.held(t.EXPOSURES)) == [f"u{i}" for i in range(6)]
