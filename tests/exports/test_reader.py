"""The fallback chain, rung by rung, over every store."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from conf.errors import ContractError, UsageError
from exports.edition import Edition
from exports.publish import publish
from exports.reader import Reader

SURFACE = "discover_weekly"
SUNDAY_NOON = datetime(2026, 9, 13, 12, tzinfo=UTC)  # the second week is published, its Monday has begun in Kiribati only


@pytest.fixture
def two_weeks(store, make_list, gates, monday):
    """Ana lives in Berlin, kiri where Monday comes first; neu joined in the second week, left has no second list."""
    people = {0: [("ana", 2), ("kiri", 14), ("left", 0)], 1: [("ana", 2), ("kiri", 14), ("neu", 0)]}
    for week, listeners in people.items():
        records = [make_list(user, week, offset_hours=hours) for user, hours in listeners]
        records += [make_list(None, week, ["chart-de", "b", "c"]), make_list(None, week, ["chart-all", "b", "c"], country=None)]
        edition = Edition(SURFACE, monday + timedelta(weeks=week), lambda held=records: iter(held), len(listeners))
        publish(edition, [store], gates, fence=lambda: None, exposures=lambda generation: None)
    return Reader(store)


@pytest.mark.parametrize(
    ("user", "country", "at", "rung", "first_track"),
    [
        # The record is valid: hers, of this week.
        ("ana", None, SUNDAY_NOON + timedelta(days=1), "current", "w1-ana-0"),
        # Published but not yet her Monday: last week's list goes on.
        ("ana", None, SUNDAY_NOON, "previous", "w0-ana-0"),
        # Midnight in Berlin is 22:00 UTC; the instant itself counts, the second before does not.
        ("ana", None, datetime(2026, 9, 13, 22, tzinfo=UTC), "current", "w1-ana-0"),
        ("ana", None, datetime(2026, 9, 13, 21, 59, 59, tzinfo=UTC), "previous", "w0-ana-0"),
        # The earliest Monday on earth starts on Sunday 10:00 UTC.
        ("kiri", None, SUNDAY_NOON, "current", "w1-kiri-0"),
        # No list this week: the one before is better than none.
        ("left", None, SUNDAY_NOON + timedelta(days=1), "previous", "w0-left-0"),
        # First list, not valid yet: the popular list of the country in their record.
        ("neu", None, SUNDAY_NOON, "country", "chart-de"),
        ("nobody", "DE", SUNDAY_NOON, "country", "chart-de"),
        ("nobody", "FR", SUNDAY_NOON, "everywhere", "chart-all"),
        ("nobody", None, SUNDAY_NOON, "everywhere", "chart-all"),
        ("\ud800/../\n", "\ud800", SUNDAY_NOON, "everywhere", "chart-all"),
    ],
)
def test_rungs(two_weeks, user, country, at, rung, first_track) -> None:
    served = two_weeks.get(user, SURFACE, country, at=at)
    assert (served.rung, served.tracks[0]["track_id"]) == (rung, first_track)


def test_a_surface_never_published_serves_nothing(store) -> None:
    store.check()
    served = Reader(store).get("ana", "daily_mix", at=SUNDAY_NOON)
    assert (served.record, served.rung, served.tracks) == (None, "nothing", [])


def test_questions_that_make_no_sense_are_refused(sqlite) -> None:
    with pytest.raises(ContractError, match="no time zone"):
        Reader(sqlite).get("ana", SURFACE, at=SUNDAY_NOON.replace(tzinfo=None))
    with pytest.raises(UsageError):
        Reader(sqlite).get("ana", "../secrets", at=SUNDAY_NOON)


def test_a_reader_between_pointer_and_record_still_finds_its_week(store, edition, gates) -> None:
    """The pointer moves twice in one week while a reader holds the first one: its generation must still be there."""

    def run(week: Edition) -> None:
        publish(week, [store], gates, fence=lambda: None, exposures=lambda generation: None)

    run(edition(0))
    run(edition(1))
    held = store.pointer(SURFACE)
    run(edition(1, mark="again"))
    store.pointer = lambda surface: held
    served = Reader(store).get("user1", SURFACE, at=SUNDAY_NOON + timedelta(days=1))
    assert (served.rung, served.generation) == ("current", held.generation)


def test_apps_import_the_reader_without_spark_or_arrow() -> None:
    code = "import sys, exports.reader; print([m for m in ('pyspark', 'pyarrow', 'deltalake', 'pandas') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert answer.stdout.strip() == "[]"


def test_served_is_the_record_as_published(two_weeks, make_list) -> None:
    served = two_weeks.get("ana", SURFACE, at=SUNDAY_NOON)
    assert served.record == replace(make_list("ana", 0, offset_hours=2))
