from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from conf.errors import ContractError
from models.sources.base import Catalogue

MONDAY = date(2026, 9, 7)


def tracks(*rows: tuple[int, str, date | None, bool]) -> pa.Table:
    idx, ids, released, blocked = zip(*rows, strict=True)
    columns = [pa.array(idx, pa.int32()), pa.array(ids), pa.array(released, pa.date32()), pa.array(blocked)]
    return pa.table(columns, names=["track_idx", "track_id", "release_date", "blocked"])


def test_what_may_be_proposed() -> None:
    made = Catalogue.from_arrow(
        tracks(
            (4, "b", MONDAY, False),  # out on the day it is served
            (0, "d", date(2026, 9, 8), False),  # out a day later
            (2, "a", None, False),  # release unknown
            (1, "c", date(1999, 1, 1), True),  # blocked by the catalogue
        ),
        MONDAY,
    )
    assert made.allowed.tolist() == [False, False, True, False, True]  # number 3 has no track
    assert made.tie_rank[[2, 4, 1, 0]].tolist() == [0, 1, 2, 3]


def test_an_empty_catalogue() -> None:
    assert len(Catalogue.from_arrow(tracks((0, "a", None, False)).slice(0, 0), MONDAY)) == 0


def test_a_number_used_twice_is_refused() -> None:
    with pytest.raises(ContractError, match="share a track_idx"):
        Catalogue.from_arrow(tracks((0, "a", None, False), (0, "b", None, False)), MONDAY)
