"""`plant features`: the catalogue, and each promise broken once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from conf.features.catalogue import CATALOGUE, STORED
from conf.features.feature import TABLE_OF
from conf.tables import TABLES
from spark_jobs.cli.main import main
from spark_jobs.feature_check import check
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

MONDAY = date(2026, 9, 7)
WEEK = timedelta(days=7)
Change = Callable[[dict[str, Any]], dict[str, Any]]
_LISTED = {"string": "x", "float": 0.5, "bigint": 1}


def value(feature: Any, draw: float) -> Any:
    """A value within the domain; `draw` in [0, 1) makes numbers differ."""
    if feature.type.startswith("array"):
        return [_LISTED[feature.type[6:-1]]] * (feature.size or 1)
    if feature.type.startswith("map"):
        return [("DE", 1)]
    high = 10.0 if feature.high is None else feature.high
    number = (feature.low or 0.0) + draw * (high - (feature.low or 0.0))
    return number if feature.type == "float" else int(number)


def fill(warehouse: Warehouse, monday: date, change: Change = lambda row: row, names: tuple[str, ...] = ()) -> None:
    """Two hundred rows of one week in each feature table; `change` alters those of the tables called `names`."""
    keys = {"run_date": monday, "simulated": True, "context": "any", "mode": "any", "plays": 3}
    for entity, name in TABLE_OF.items():
        rows = []
        for n in range(200):
            own = {"bucket": n % 64, "user_id": f"u{n}", "track_idx": n, "track_id": f"t{n}", "artist_id": f"a{n}"}
            own["started_at"] = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(minutes=n)
            made = {f.name: value(f, n / 200) for f in STORED if f.entity == entity}
            row = keys | own | made
            rows.append(change(row) if name in names else row)
        table = TABLES[name]
        warehouse.write_arrow(table, pa.Table.from_pylist(rows, schema=arrow_schema(table)), "")


def verdicts(warehouse: Warehouse, run_date: date = MONDAY) -> dict[str, str]:
    found = check(warehouse, run_date, STORED, 1_000)
    return {f"{each.feature.entity}.{each.feature.name}": each.verdict for each in found if each.verdict != "ok"}


@pytest.fixture
def store(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse")


def test_the_catalogue_is_printed_with_filters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [feature.name for feature in CATALOGUE]
    wanted = {"name", "layer", "entity", "type", "unit", "domain", "owner", "fresh_days", "default"}
    assert all(wanted <= row.keys() for row in rows)
    assert main(["features", "--entity", "artist", "--layer", "derived"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["popularity", "trend", "completion_rate", "save_rate"]
    assert "[0, 1]" in lines[1]


def test_names_are_unique_within_their_entity_and_tables_hold_each() -> None:
    names = [(feature.entity, feature.name) for feature in CATALOGUE]
    assert len(names) == len(set(names))
    for feature in STORED:
        assert TABLES[TABLE_OF[feature.entity]].column(feature.name).type == feature.type
        assert feature.size is None or feature.type.startswith("array")
        low, high = -np.inf if feature.low is None else feature.low, np.inf if feature.high is None else feature.high
        assert low <= feature.default <= high, feature.name


def test_a_store_that_keeps_its_promises(store: Warehouse) -> None:
    fill(store, MONDAY - WEEK)
    fill(store, MONDAY)
    assert verdicts(store) == {}


def test_rows_that_are_a_week_old_are_stale(store: Warehouse) -> None:
    fill(store, MONDAY)
    assert set(verdicts(store, MONDAY + timedelta(days=6)).values()) == set()
    assert set(verdicts(store, MONDAY + WEEK).values()) == {"stale"}
    assert set(verdicts(store, MONDAY - WEEK).values()) == {"no rows"}, "nothing of that day was there yet"


def test_nulls_beyond_the_promise_and_values_out_of_their_domain(store: Warehouse) -> None:
    def spoil(row: dict[str, Any]) -> dict[str, Any]:
        early = int(row["user_id"][1:]) < 100
        return row | {
            "plays_7d": None if early else 1,
            "skip_rate": None if early else 0.5,  # half may be null
            "weekend_share": 1.5 if row["user_id"] == "u7" else 0.5,
            "hour_shares": [float("nan")] * 24 if row["user_id"] == "u7" else row["hour_shares"],
        }

    fill(store, MONDAY, spoil, ("listener_features",))
    wanted = {"listener.plays_7d": "null", "listener.weekend_share": "domain", "listener.hour_shares": "domain"}
    assert verdicts(store) == wanted


def test_a_distribution_that_moved(store: Warehouse) -> None:
    fill(store, MONDAY - WEEK)
    moved = {"plays_28d": 100, "popularity": 0.0}
    fill(store, MONDAY, lambda row: row | {name: moved[name] for name in moved if name in row}, ("track_features",))
    assert verdicts(store) == {"track.plays_28d": "drift", "track.popularity": "drift"}


def test_a_little_move_is_told_and_breaks_nothing(store: Warehouse) -> None:
    fill(store, MONDAY - WEEK)
    # Fourteen of the twenty of the lowest tenth go to the highest: .07 (ln 1.7 - ln .3) = .121.
    change = {f"a{n}": {"trend": 9.99} for n in range(14)}
    fill(store, MONDAY, lambda row: row | change.get(row["artist_id"], {}), ("artist_features",))
    found = {f.feature.name: f for f in check(store, MONDAY, STORED, 1_000) if f.feature.entity == "artist"}
    assert (found["trend"].verdict, found["trend"].broken) == ("moved", ())
    assert found["trend"].psi == pytest.approx(0.121, abs=0.001)


def test_the_sample_is_whole_buckets_up_to_a_limit(store: Warehouse) -> None:
    fill(store, MONDAY)
    listeners = [feature for feature in STORED if feature.entity == "listener"]
    rows = {most: check(store, MONDAY, listeners[:1], most)[0].rows for most in (1, 4, 9, 10_000)}
    assert rows == {1: 4, 4: 4, 9: 8, 10_000: 200}, "at least one bucket"


def test_the_command_says_which_and_exits_with_65(store: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    here = ["--warehouse", str(store.root), "features", "--check"]
    assert main(here) == 65
    assert "run `plant week` first" in capsys.readouterr().err
    fill(store, MONDAY)
    assert main([*here, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run_date"], told["broken"], len(told["features"])) == ("2026-09-07", 0, len(STORED))
    assert main([*here, "--run-date", "2026-09-21", "--entity", "session"]) == 65
    assert "3 of 3 break a promise" in capsys.readouterr().out


def test_without_a_date_the_newest_listen_says_which_week_ought_to_be_there(
    store: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, MONDAY)
    at = datetime(2026, 9, 12, 20, tzinfo=UTC)
    listen = {
        "listen_id": "l1", "user_id": "u1", "track_id": "t1", "started_at": at, "started_date": at.date(), "simulated": True,
        "file_id": "f", "ms_played": 1,
    }  # fmt: skip
    store.write_arrow(t.LISTENS, pa.Table.from_pylist([listen], schema=arrow_schema(t.LISTENS)), "")
    assert main(["--warehouse", str(store.root), "features", "--check", "--json"]) == 65
    told = json.loads(capsys.readouterr().out)
    assert told["run_date"] == "2026-09-14"
    assert {row["verdict"] for row in told["features"]} == {"stale"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--shard", "0/4"], "--run-date"),
        (["--shard", "0/4", "--run-date", "2026-09-07", "--check"], "no --check"),
        (["--shard", "4/4", "--run-date", "2026-09-07"], "shard 4/4 must be i/N"),
        (["--shard", "0/7", "--run-date", "2026-09-07"], "a divisor of 64 buckets"),
        (["--entity", "album"], "album"),
    ],
)
def test_a_wrong_word_is_a_usage_error(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features", *arguments]) == 64
    assert told in capsys.readouterr().err
