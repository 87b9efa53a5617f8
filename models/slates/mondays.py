"""run_date, timezone -> valid_from: the instant at which Monday starts where the listener lives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UTC_NAME = "UTC"


class Mondays(NamedTuple):
    """When each listener's Monday starts.

    Attributes
    ----------
    valid_from : int64 [n], microseconds since 1970-01-01 UTC.
    timezone : n names of the zones that it was computed in.
    """

    valid_from: npt.NDArray[np.int64]
    timezone: list[str]


def mondays(run_date: date, timezones: Sequence[str | None]) -> Mondays:
    """Local Monday 00:00 of each listener; one computation per distinct timezone.

    >>> found = mondays(date(2026, 9, 7), ["Europe/Berlin", None, "Europe/Berlin", "Mars/Olympus"])
    >>> found.timezone
    ['Europe/Berlin', 'UTC', 'Europe/Berlin', 'UTC']
    >>> (np.diff(found.valid_from) // 3_600_000_000).tolist()
    [2, -2, 2]
    """
    starts = {name: monday_start(run_date, name) for name in set(timezones)}
    instants = {name: (start - _EPOCH) // timedelta(microseconds=1) for name, (start, _) in starts.items()}
    return Mondays(np.array([instants[z] for z in timezones], np.int64), [starts[z][1] for z in timezones])


@cache
def monday_start(run_date: date, timezone: str | None) -> tuple[datetime, str]:
    """First UTC instant at which the local date is `run_date`, and the zone it was computed in.

    Kiritimati is 14 hours ahead of UTC: the earliest Monday on earth, on Sunday 10:00 UTC.

    >>> monday_start(date(2026, 9, 7), "Pacific/Kiritimati")[0].isoformat()
    '2026-09-06T10:00:00+00:00'

    On Monday 2021-03-22 Iran's clocks went from 00:00 to 01:00: there was no midnight, Monday began at 01:00 (+04:30).

    >>> monday_start(date(2021, 3, 22), "Asia/Tehran")[0].isoformat()
    '2021-03-21T20:30:00+00:00'

    Santiago's and Beirut's clocks jump at midnight too, but into a Sunday; their Mondays are whole.

    >>> monday_start(date(2026, 9, 7), "America/Santiago")[0].isoformat()
    '2026-09-07T03:00:00+00:00'
    >>> monday_start(date(2026, 3, 30), "Asia/Beirut")[0].isoformat()
    '2026-03-29T21:00:00+00:00'

    An unknown, malformed or missing zone is UTC.

    >>> monday_start(date(2026, 9, 7), "../etc")[1], monday_start(date(2026, 9, 7), None)[1]
    ('UTC', 'UTC')
    """
    zone, name = _zone(timezone)
    midnight = datetime.combine(run_date, time(), zone)
    start = midnight.astimezone(UTC)
    if start.astimezone(zone).replace(tzinfo=None) != midnight.replace(tzinfo=None):
        start = _end_of_gap(run_date, zone, start)
    return start, name


def _zone(timezone: str | None) -> tuple[ZoneInfo, str]:
    try:
        return ZoneInfo(timezone or UTC_NAME), timezone or UTC_NAME
    except (KeyError, ValueError, OSError):  # unknown; malformed; a folder of the database, e.g. "America"
        return ZoneInfo(UTC_NAME), UTC_NAME


def _end_of_gap(run_date: date, zone: ZoneInfo, inside: datetime) -> datetime:
    """First second of `run_date` where its midnight was skipped, by bisection of the day before `inside`."""
    before, after = inside - timedelta(days=1), inside
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).date() < run_date:
            before = middle
        else:
            after = middle
    return after
