"""Hot features go on air by the same protocol as lists, and a week without features leaves what is served."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from conf import tables as t
from conf.errors import PublishError
from conf.settings import PublishListenerFeatures
from exports.reader import Reader
from exports.stores.opening import open_store
from spark_jobs.contract import Output, Run
from spark_jobs.schema import arrow_schema
from spark_jobs.serving.publish_listener_features import transform
from spark_jobs.warehouse import Warehouse

MONDAY = date(2026, 9, 7)


class Shop:
    """A warehouse with the features of three listeners, and the runner's part of a publication."""

    def __init__(self, folder) -> None:
        self.warehouse = Warehouse(folder)
        self.warned: list[str] = []
        self.listeners(["u0", "u1", "u2"])
        self.features(["u0", "u1", "u2"])

    def listeners(self, names: list[str]) -> None:
        per_track = {name: [1] for name in ("track_idx", "plays", "completions", "skips", "last_day", "weight")}
        rest = {"run_date": MONDAY, "bucket": 0, "listens": 1, "last_listen_at": datetime(2026, 9, 1, tzinfo=UTC)}
        self.put(t.HISTORIES, [per_track | rest | {"user_id": name, "simulated": True} for name in names])

    def features(self, names: list[str], monday: date = MONDAY, skip_rate: float = 0.25) -> None:
        known = {"run_date": monday, "bucket": 0, "simulated": True, "skip_rate": skip_rate, "session_length": 9.0}
        known |= {"discovery_propensity": 0.5, "repeat_propensity": 0.5, "mainstreamness": 0.5, "context_shares": [0.2] * 5}
        self.put(t.LISTENER_FEATURES, [known | {"user_id": name} for name in names])

    def put(self, table, rows: list[dict]) -> None:
        self.warehouse.write_arrow(table, pa.Table.from_pylist(rows, schema=arrow_schema(table)), "true")

    def publish(self, monday: date = MONDAY) -> None:
        week = [("run_date", "=", monday)]
        rows = {table.name: self.warehouse.rows(table, conditions=week) for table in (t.LISTENER_FEATURES, t.HISTORIES)}
        rows["publications"] = self.warehouse.rows(t.PUBLICATIONS)
        run = Run(
            monday, monday - timedelta(days=1), self.warehouse.root, self.warehouse.root, epoch=5, warn=self.warned.append
        )
        outputs: dict[str, Output] = transform(**rows, params=PublishListenerFeatures(), run=run)
        for name, output in outputs.items():
            self.warehouse.write_arrow(t.TABLES[name], output.data, output.replace)

    def served(self, store: str = "sqlite"):
        return Reader(open_store(store, self.warehouse.root / "stores"))


@pytest.fixture
def shop(tmp_path) -> Shop:
    return Shop(tmp_path / "warehouse")


def test_every_store_serves_them_and_the_books_say_so(shop):
    shop.publish()
    for store in ("sqlite", "bundle"):
        assert shop.served(store).features("u1").features["skip_rate"] == 0.25
    booked = shop.warehouse.rows(t.PUBLICATIONS).table().to_pylist()
    assert {(row["store"], row["surface"], row["records"]) for row in booked} == {
        ("sqlite", "listener_features", 3),
        ("bundle", "listener_features", 3),
    }


def test_twice_is_once(shop):
    shop.publish()
    shop.publish()
    assert len(shop.warehouse.rows(t.PUBLICATIONS).table()) == 2


def test_a_week_without_features_leaves_what_is_served(shop):
    shop.publish()
    shop.publish(MONDAY + timedelta(days=7))
    assert shop.served().features("u1").run_date == MONDAY
    assert shop.warned == ["listener_features has no rows of 2026-09-14: what is served stays"]


def test_features_of_a_part_of_the_listeners_are_refused(shop):
    shop.features(["u0"])
    with pytest.raises(PublishError, match=r"features of 1 of 3 listeners: covered 0\.3333 < 0\.99"):
        shop.publish()
    assert shop.served().features("u0") is None
