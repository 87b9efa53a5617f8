"""`landing.json`: what made a landing folder and until when its listens reach, so that a week needs no guess at the date."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from conf.errors import LandingError
from conf.pipeline import newest_monday

NAME = "landing.json"


@dataclass(frozen=True)
class LandingNote:
    """until : first UTC day without listens. source : who wrote the folder. seed : of whatever was simulated."""

    source: str
    until: str
    seed: int | None = None
    simulated: bool = False

    def write(self, landing: Path) -> None:
        """Put the note into the landing folder."""
        (landing / NAME).write_text(json.dumps(asdict(self), indent=1) + "\n")


def read(landing: Path) -> LandingNote | None:
    """The folder's note, None where it has none; LandingError where it is not one."""
    path = landing / NAME
    if not path.is_file():
        return None
    try:
        return LandingNote(**json.loads(path.read_text()))
    except (TypeError, ValueError) as broken:
        raise LandingError(f"{path} is not a landing note: {broken}; mend or remove it and say --run-date") from None


def monday_to_serve(landing: Path, today: date) -> date:
    """Newest Monday that the folder's listens are whole for; without a note, the Monday that is next made as of `today`."""
    note = read(landing)
    last_day = date.fromisoformat(note.until) - timedelta(days=1) if note else today - timedelta(days=1)
    return newest_monday(last_day)
