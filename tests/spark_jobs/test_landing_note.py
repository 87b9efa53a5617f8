"""The note of a landing folder, and the Monday that follows from it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from conf.errors import LandingError
from spark_jobs import landing_note
from spark_jobs.landing_note import LandingNote, monday_to_serve

TODAY = date(2030, 1, 2)  # a Wednesday


def test_a_note_comes_back_as_it_was_written(tmp_path: Path) -> None:
    note = LandingNote("simulated demo", "2026-09-06", 7, simulated=True)
    note.write(tmp_path)
    assert landing_note.read(tmp_path) == note


@pytest.mark.parametrize(
    ("until", "monday"),
    [
        ("2026-09-06", date(2026, 9, 7)),  # whole until Saturday: the Monday after
        ("2026-09-05", date(2026, 8, 31)),  # Saturday is not whole: one week back
        ("2026-09-12", date(2026, 9, 7)),
        ("2026-09-13", date(2026, 9, 14)),
    ],
)
def test_the_monday_is_the_newest_whose_days_are_whole(tmp_path: Path, until: str, monday: date) -> None:
    LandingNote("import x", until).write(tmp_path)
    assert monday_to_serve(tmp_path, TODAY) == monday


def test_without_a_note_the_calendar_decides(tmp_path: Path) -> None:
    assert monday_to_serve(tmp_path, TODAY) == date(2029, 12, 31)


@pytest.mark.parametrize("text", ["{", '{"until": "2026-09-06"}', '{"source": "x", "until": "2026-09-06", "mood": 1}'])
def test_a_broken_note_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / landing_note.NAME).write_text(text)
    with pytest.raises(LandingError, match=r"is not a landing note.*say --run-date"):
        landing_note.read(tmp_path)
