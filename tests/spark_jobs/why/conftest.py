"""A planted week in which every rule of a list bites on one track."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from conf.settings import BuildDiscoverWeekly, Settings
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.books import Books
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse
from spark_jobs.why.account import account

MONDAY = date(2026, 9, 7)
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
# track_idx: (title, artists, release date, isrc, countries, blocked)
TRACKS: list[tuple[str, list[str], date | None, str | None, list[str] | None, bool]] = [
    ("Heard", ["a0"], None, None, None, False),
    ("First", ["a1"], None, "I1", None, False),
    ("Second", ["a2"], None, None, None, False),
    ("First - Live", ["a1"], None, None, None, False),  # 3: a version of 1
    ("Second by the same", ["a2"], None, None, None, False),  # 4
    ("Banned", ["a4"], None, None, None, True),
    ("Soon", ["a5"], date(2026, 9, 8), None, None, False),
    ("Over there", ["a6"], None, None, ["JP", "US"], False),
    ("Disliked", ["a7"], None, None, None, False),
    ("By the disliked", ["a8", "a9"], None, None, None, False),  # 9
    ("Heard (Remastered)", ["a0"], None, None, None, False),  # 10: a version of 0
    ("Third", ["a10"], None, None, None, False),  # 11
    ("Too far down", ["a11"], None, None, None, False),  # 12
    ("Weakly proposed", ["a12"], None, None, None, False),  # 13
    ("Nobody's", ["a13"], None, None, None, False),  # 14
    ("Nowhere", ["a14"], None, None, [], False),  # 15
    ("Twin", ["a15"], None, None, None, False),  # 16
    ("Twin", ["a16"], None, None, None, False),  # 17
]
WISHES = [*range(1, 13), 15]
CHART = [14, 12, 1]


def rows(table: Any, given: list[dict[str, Any]]) -> pa.Table:
    """Rows of a contract; columns that are not given are null, or false."""
    blank = {c.name: False if c.type == "boolean" and not c.nullable else None for c in table.columns}
    return pa.Table.from_pylist([blank | row for row in given], schema=arrow_schema(table))


@dataclass(frozen=True)
class Week:
    """The planted week, and `account` over it."""

    warehouse: Warehouse
    settings: Settings
    monday: date = MONDAY

    def plant(self, table: Any, *given: dict[str, Any]) -> None:
        """Put these rows in the place of the table's."""
        self.warehouse.write_arrow(table, rows(table, list(given)), "true")

    def made_with(self, **rule: Any) -> Week:
        """The same week under other settings of the list."""
        return replace(self, settings=self.settings.model_copy(update={"build_discover_weekly": BuildDiscoverWeekly(**rule)}))

    def why(self, track: str, user: str = "ana", context: str = "any", run_date: date = MONDAY) -> dict[str, Any]:
        """The account of one track."""
        return account(self.warehouse, self.settings, user, track, run_date, context)


def proposal(source: str, ids: list[int], **more: Any) -> dict[str, Any]:
    """A row of candidates, its scores falling from 1."""
    n = len(ids)
    row = {"run_date": MONDAY, "user_id": "ana", "source": source, "track_idx": ids, "because": [-1] * n}
    return row | {"score": [1.0 / (place + 1) for place in range(n)]} | more


def order(ids: list[int], context: str = "any", model: str = "blend") -> dict[str, Any]:
    """A row of ranked."""
    n = len(ids)
    row = {"run_date": MONDAY, "user_id": "ana", "context": context, "model": model, "track_idx": ids}
    said = {"because": [-1] * n, "via": ["mf"] * n, "drivers": [[]] * n, "blend_rank": list(range(1, n + 1))}
    return row | said | {"score": [-float(place) for place in range(n)]}


@pytest.fixture
def week(tmp_path: Any) -> Week:
    """One listener, ana, lives in Germany, heard track 0 twice, blocked track 8 and artist a9."""
    week = Week(Warehouse(tmp_path), Settings(build_discover_weekly=BuildDiscoverWeekly(length=3, per_artist=1)))
    names = ("title", "artist_ids", "release_date", "isrc", "countries", "blocked")
    week.plant(
        t.TRACKS,
        *({"track_id": f"t{i}", "track_idx": i} | dict(zip(names, row, strict=True)) for i, row in enumerate(TRACKS)),
    )
    week.plant(t.ARTISTS, *({"artist_id": f"a{i}", "name": f"Artist {i}"} for i in range(13)))
    week.plant(t.USERS, {"user_id": "ana", "country": "DE", "timezone": "Europe/Berlin"}, {"user_id": "late"})
    history = {
        "track_idx": [0],
        "plays": [2],
        "completions": [1],
        "skips": [1],
        "last_day": [20_697],
        "weight": [1.0],
        "listens": 2,
    }
    week.plant(t.HISTORIES, {"run_date": MONDAY, "bucket": 0, "user_id": "ana", "last_listen_at": NOON, **history})
    block = {"user_id": "ana", "kind": "block", "at": NOON}
    week.plant(
        t.FEEDBACK,
        block | {"entity": "track", "entity_id": "t8"},
        block | {"entity": "artist", "entity_id": "a9"},
        {"user_id": "other", "kind": "block", "entity": "track", "entity_id": "t1", "at": NOON},
    )
    via = ["mf"] * len(WISHES)
    week.plant(t.CANDIDATES, proposal("mf", [2, 1, 13]), proposal("popularity", CHART), proposal("blend", WISHES, via=via))
    week.plant(t.RANKED, order(WISHES))
    plant_popularity(week.warehouse)
    return week


def plant_popularity(warehouse: Warehouse) -> None:
    """The charts of everywhere: CHART."""
    arrays = {
        "shares": np.full(len(TRACKS), 0.1, np.float32), "countries": np.array([""]), "top": np.array([CHART], np.int32),
        "top_shares": np.array([[0.9, 0.8, 0.7]], np.float32),
    }  # fmt: skip
    artefact = Artefact(arrays, {})
    ref = artefacts.save(warehouse.root, "popularity", MONDAY.isoformat(), artefact)
    warehouse.write_arrow(t.MODELS, Books(warehouse).register(ref, artefact, MONDAY), "")
