"""Mondays of every zone, checked against the definition: the date changes to Monday at that instant."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from models.slates.mondays import monday_start, mondays

ZONES = sorted(available_timezones())


@pytest.mark.parametrize("run_date", [date(2026, 9, 7), date(2021, 3, 22), date(2026, 3, 30), date(2026, 11, 2)])
def test_the_second_before_is_not_yet_monday_in_any_zone(run_date):
    for name in ZONES:
        start, _ = monday_start(run_date, name)
        zone = ZoneInfo(name)
        assert start.astimezone(zone).date() == run_date, name
        assert (start - timedelta(seconds=1)).astimezone(zone).date() < run_date, name


def test_a_gap_that_starts_before_midnight_ends_monday_late():
    # Toronto, Monday 1919-03-31: clocks went from 23:30 on Sunday to 00:30
    start, _ = monday_start(date(1919, 3, 31), "America/Toronto")
    assert start.astimezone(ZoneInfo("America/Toronto")).strftime("%H:%M") == "00:30"


def test_every_zone_lies_within_the_days_around_monday():
    found = mondays(date(2026, 9, 7), [*ZONES, None, "Nowhere/Land", "America"])
    utc = datetime(2026, 9, 7, tzinfo=UTC).timestamp()
    hours = (found.valid_from / 1e6 - utc) / 3600
    assert hours.min() == -14 and hours.max() == 12
    assert found.timezone[-3:] == ["UTC", "UTC", "UTC"]
