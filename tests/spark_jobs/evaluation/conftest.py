"""A planted week: four listeners, ten tracks, and what they did in the seven days after the cut."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from conf import tables as t
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Run
from spark_jobs.schema import arrow_schema

LAST_MONDAY, MONDAY = date(2026, 8, 31), date(2026, 9, 7)
LENGTH_MS = 200_000


class MemoryRows:
    """Rows of a read, held in memory."""

    def __init__(self, table, rows: list[dict]) -> None:
        blank = {c.name: False if c.type == "boolean" and not c.nullable else None for c in table.columns}
        self.schema = arrow_schema(table)
        self._held = ds.dataset(pa.Table.from_pylist([blank | row for row in rows], schema=self.schema))

    def table(self, columns: list[str] | None = None, where: Any = None) -> pa.Table:
        return self._held.to_table(columns=columns, filter=where)

    def batches(self, columns: list[str] | None = None, where: Any = None) -> Iterator[pa.RecordBatch]:
        return iter(self._held.to_batches(columns=columns, filter=where, batch_size=2))

    def count(self) -> int:
        return self._held.count_rows()


def at(day: int, second: int = 0) -> datetime:
    """An instant of September 2026; day 0 is 31 August."""
    month, day = (8, 31 + day) if day < 1 else (9, day)
    return datetime(2026, month, day, 12, second // 60, second % 60, tzinfo=UTC)


def play(user: str, track: int, day: int, seconds: int = 200, **more: Any) -> dict:
    heard = {"started_at": at(day), "started_date": at(day).date(), "ms_played": seconds * 1000}
    names = {"listen_id": f"{user}-{track}-{day}", "user_id": user, "track_id": f"t{track}", "file_id": "f"}
    return heard | names | {"simulated": True} | more


def history(user: str, tracks: list[int]) -> dict:
    per_track = {name: [1] * len(tracks) for name in ("plays", "completions", "skips", "last_day", "weight")}
    rest = {"run_date": LAST_MONDAY, "bucket": 0, "listens": len(tracks), "last_listen_at": at(-5)}
    return per_track | rest | {"user_id": user, "track_idx": tracks}


def playlist(user: str, tracks: list[int], surface: str = "discover_weekly") -> dict:
    shown = {"title": "", "artists": [], "artist_ids": [], "score": 1.0, "source": "mf", "reason": ""}
    listed = [shown | {"position": i + 1, "track_id": f"t{track}"} for i, track in enumerate(tracks)]
    place = {"run_date": LAST_MONDAY, "surface": surface, "timezone": "UTC", "country": "", "valid_from": at(0), "filled": 0}
    return place | {"user_id": user, "tracks": listed}


LISTENS = [
    play("ana", 2, day=1),  # a discovery: first on Ana's list
    play("ana", 3, day=1, seconds=10),  # on the list, but skipped
    play("ana", 0, day=2),  # heard before
    play("ana", 4, day=6),  # the week is over: it began on 30 August
    play("ana", 4, day=-2),  # before the cut
    play("bo", 6, day=1, seconds=100, reason_end="fwdbtn"),  # long enough, but skipped by button
    play("bo", 7, day=2),  # a discovery: third on Bo's list
    play("bo", 7, day=3),  # again: counts once
    play("stranger", 8, day=3),  # not on the panel
]
SAVES = [
    ("ana", "save", "track", 5, 3),
    ("ana", "save", "track", 6, 6),
    ("bo", "block", "track", 8, 2),
    ("cy", "save", "artist", 1, 2),
]


@pytest.fixture
def week(tmp_path) -> SimpleNamespace:
    """Rows that evaluate reads, its run, and makers for more rows."""
    tracks = [
        {"track_id": f"t{i}", "track_idx": i, "title": "", "artist_ids": [f"a{i // 2}"], "duration_ms": LENGTH_MS}
        for i in range(10)
    ]
    feedback = [
        {"user_id": user, "kind": kind, "entity": entity, "entity_id": f"t{i}", "at": at(day)}
        for user, kind, entity, i, day in SAVES
    ]
    popularity = {
        "shares": np.linspace(0.1, 1.0, 10, dtype=np.float32),
        "countries": np.array(["", "DE"]),
        "top": np.array([[8, 7, 2, 5, 1], [9, 1, 5, 2, 3]], np.int32),
        "top_shares": np.linspace(1, 0.1, 10, dtype=np.float32).reshape(2, 5),
    }
    ref = artefacts.save(tmp_path, "popularity", LAST_MONDAY.isoformat(), Artefact(popularity, {}))
    return SimpleNamespace(
        run=Run(MONDAY, date(2026, 9, 6), tmp_path, tmp_path, artefacts={"popularity": ref}),
        reads={
            "playlists": MemoryRows(
                t.PLAYLISTS, [playlist("ana", [2, 3, 4]), playlist("bo", [0, 6, 7]), playlist("cy", [0, 1, 2])]
            ),
            "histories": MemoryRows(t.HISTORIES, [history("cy", [3]), history("bo", [2]), history("ana", [0, 1])]),
            "listens": MemoryRows(t.LISTENS, LISTENS),
            "tracks": MemoryRows(t.TRACKS, tracks),
            "users": MemoryRows(t.USERS, [{"user_id": "bo", "country": "DE"}, {"user_id": "ana"}]),
            "feedback": MemoryRows(t.FEEDBACK, feedback),
            "tags": MemoryRows(t.TAGS, []),
            "follows": MemoryRows(t.FOLLOWS, []),
        },
        rows=MemoryRows,
        play=play,
        history=history,
        playlist=playlist,
        folder=tmp_path,
    )
