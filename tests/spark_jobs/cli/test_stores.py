"""`plant rollback`: pointers back and pinned, books kept, one store failing alone."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import pytest

from conf.tables import PUBLICATIONS
from exports.stores.opening import open_store
from spark_jobs.lease import take
from spark_jobs.warehouse import Warehouse


def _pointers(warehouse: Warehouse) -> dict[str, Any]:
    pointers = {}
    for name in ("sqlite", "bundle"):
        with closing(open_store(name, warehouse.root / "stores")) as store:
            pointers[name] = store.pointer("discover_weekly")
    return pointers


def _rollbacks(warehouse: Warehouse) -> list[dict[str, Any]]:
    return [row for row in warehouse.rows(PUBLICATIONS).table().to_pylist() if row["action"] != "flip"]


def test_every_store_serves_the_week_before_again(plant: Any, published: Warehouse) -> None:
    before = _pointers(published)
    answer = plant("rollback", "discover_weekly", "--json")
    assert answer.code == 0
    after = _pointers(published)
    assert {name: p.generation for name, p in after.items()} == {name: p.previous for name, p in before.items()}
    assert {str(p.pinned) for p in after.values()} == {"2026-09-07"}
    assert [row["epoch"] for row in _rollbacks(published)] == [p.epoch for p in after.values()]
    assert {(row["action"], str(row["run_date"]), row["records"]) for row in _rollbacks(published)} == {
        ("rollback", "2026-08-31", 4)
    }


def test_one_store_alone(plant: Any, published: Warehouse) -> None:
    before = _pointers(published)
    plant("rollback", "discover_weekly", "--store", "bundle")
    after = _pointers(published)
    assert after["sqlite"] == before["sqlite"]
    assert after["bundle"].generation == before["bundle"].previous


def test_takes_the_lease_from_a_living_run_which_then_stops(plant: Any, published: Warehouse) -> None:
    running = take(published.root / "_lease", "week", 30)
    running.fence()
    assert plant("rollback", "discover_weekly").code == 0
    with pytest.raises(Exception, match="taken over"):
        running.fence()


def test_takes_less_than_a_second(plant: Any, published: Warehouse) -> None:
    begin = time.process_time()
    assert plant("rollback", "discover_weekly").code == 0
    assert time.process_time() - begin < 1


def test_release_lifts_the_pin(plant: Any, published: Warehouse) -> None:
    plant("rollback", "discover_weekly")
    assert plant("rollback", "discover_weekly", "--release").code == 0
    assert {p.pinned for p in _pointers(published).values()} == {None}
    assert [row["action"] for row in _rollbacks(published)].count("release") == 2


def test_a_store_that_cannot_go_back_fails_alone(plant: Any, published: Warehouse) -> None:
    plant("rollback", "discover_weekly", "--store", "bundle")
    answer = plant("rollback", "discover_weekly")  # bundle has nothing before the week it serves now
    assert answer.code == 65
    assert "store bundle keeps no generation" in answer.err
    assert str(_pointers(published)["sqlite"].run_date) == "2026-08-31"
    assert sorted(row["store"] for row in _rollbacks(published)) == ["bundle", "sqlite"]


def test_a_store_that_is_not_set_up_keeps_nobody_back(
    plant: Any, published: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLANT_REDIS_URL", raising=False)
    answer = plant("--env", "redis", "rollback", "discover_weekly")
    assert answer.code == 64
    assert "PLANT_REDIS_URL" in answer.err
    assert {str(p.run_date) for p in _pointers(published).values()} == {"2026-08-31"}


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (("radio",), "surfaces are discover_weekly"),
        (("discover_weekly", "--store", "mailbox"), "its stores are sqlite, bundle"),
    ],
)
def test_unknown_words_touch_nothing(plant: Any, published: Warehouse, words: tuple[str, ...], seen: str) -> None:
    before = _pointers(published)
    answer = plant("rollback", *words)
    assert answer.code == 64
    assert seen in answer.err
    assert _pointers(published) == before
