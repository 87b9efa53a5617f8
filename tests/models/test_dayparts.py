"""Hours where listeners live, by hand."""

from datetime import UTC, datetime

import pyarrow as pa

from models.dayparts import DAYPARTS, dayparts


def test_every_edge_belongs_to_the_part_it_opens():
    at = pa.array([datetime(2026, 9, 6, hour, 0, tzinfo=UTC) for hour in (0, 4, 5, 9, 10, 16, 17, 23)])
    found = [DAYPARTS[part] for part in dayparts(at, pa.array(["UTC"] * 8))]
    assert found == ["night", "night", "morning", "morning", "day", "day", "evening", "evening"]


def test_summer_time_and_names_that_nobody_knows():
    january, july = datetime(2026, 1, 9, 4, 30, tzinfo=UTC), datetime(2026, 7, 9, 3, 30, tzinfo=UTC)
    at = pa.array([january, july, july, july])
    zones = pa.array(["Europe/Berlin", "Europe/Berlin", None, "Nowhere/At_all"])
    assert [DAYPARTS[part] for part in dayparts(at, zones)] == ["morning", "morning", "night", "night"]
