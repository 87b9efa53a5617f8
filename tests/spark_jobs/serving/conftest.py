"""A planted catalogue that every rule of a list bites on, its artefacts, and the tables of a week."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Run
from spark_jobs.schema import arrow_schema, arrow_type

MONDAY = date(2026, 9, 7)
# track_idx: title, artists, release date, isrc, countries, blocked
TRACKS = [
    ("Blue", ["ana"], None, None, None, False),
    ("Red", ["ana", "bo"], date(2020, 1, 1), None, None, False),
    ("Green", ["bo"], None, "X1", None, False),
    ("Green - Remastered", ["bo"], None, None, None, False),  # a version of 2
    ("Grün", ["cy"], None, "X1", None, False),  # another version of 2, by ISRC
    ("Soon", ["cy"], date(2026, 9, 8), None, None, False),  # not out on Monday
    ("Banned", ["cy"], None, None, None, True),
    ("Heimat", ["di"], None, None, ["DE"], False),
    ("Wind", [], None, None, None, False),  # no artist
    ("Ana too", ["ana"], None, None, None, False),
    ("Ana three", ["ana"], None, None, None, False),
    ("Nowhere", ["di"], None, None, [], False),
    ("Eve", ["eve"], None, None, None, False),
]


def rows(table, given: list[dict]) -> pa.Table:
    """Rows of a contract; columns that are not given are null, or false."""
    blank = {c.name: False if c.type == "boolean" and not c.nullable else None for c in table.columns}
    return pa.Table.from_pylist([blank | row for row in given], schema=arrow_schema(table))


@pytest.fixture
def week(tmp_path) -> SimpleNamespace:
    """Tables of a planted week as Arrow, and the run that reads them."""
    names = ("title", "artist_ids", "release_date", "isrc", "countries", "blocked")
    tracks = [{"track_id": f"t{i}", "track_idx": i} | dict(zip(names, row, strict=True)) for i, row in enumerate(TRACKS)]
    artists = [{"artist_id": a, "name": a.capitalize()} for a in ("ana", "bo", "cy", "di")]  # eve has no row
    popularity = Artefact(
        {
            "shares": np.zeros(13, np.float32),
            "countries": np.array(["", "DE"]),
            "top": np.array([[6, 12, 8, 2], [7, 12, 8, 2]], np.int32),
            "top_shares": np.array([[0.9, 0.8, 0.7, 0.6], [0.95, 0.85, 0.75, 0.65]], np.float32),
        },
        {},
    )
    ref = artefacts.save(tmp_path, "popularity", MONDAY.isoformat(), popularity)
    return SimpleNamespace(
        run=Run(MONDAY, date(2026, 9, 6), tmp_path, tmp_path, artefacts={"popularity": ref}),
        tracks=rows(t.TRACKS, tracks),
        artists=rows(t.ARTISTS, artists),
        rows=rows,
        at=lambda day: datetime(2026, 9, day, tzinfo=UTC),
        list_type=arrow_type,
    )
