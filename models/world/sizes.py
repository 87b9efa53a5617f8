"""Named sizes of the simulated world, and the day on which it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

# A Sunday: the cut of the run that serves Monday 2026-09-07, so that run sees every listen of the world.
WORLD_END = date(2026, 9, 6)


@dataclass(frozen=True)
class WorldSize:
    """How much world to make. `bots` and `bot_days` plant days on which a machine plays more than 24 hours.

    `audio`: how many of the tracks have a sound file.
    """

    name: str
    listeners: int
    tracks: int
    artists: int
    weeks: int
    bots: int
    bot_days: int
    audio: int = 0

    @property
    def scenes(self) -> int:
        """Groups of about ten artists whose audiences overlap."""
        return max(14, self.artists // 10)

    def first_day(self, until: date) -> date:
        """First day (UTC) of a world of this size that ends before `until`."""
        return until - timedelta(weeks=self.weeks)


SIZES = {
    size.name: size
    for size in (
        WorldSize("tiny", listeners=60, tracks=300, artists=40, weeks=4, bots=1, bot_days=1),
        WorldSize("demo", listeners=2_000, tracks=6_000, artists=500, weeks=12, bots=2, bot_days=2, audio=600),
        WorldSize("city", listeners=50_000, tracks=30_000, artists=3_000, weeks=12, bots=4, bot_days=3),
    )
}


def with_numbers(size: WorldSize, listeners: int | None, audio: int | None) -> WorldSize:
    """Return `size` with another number of listeners and of tracks that have sound; None keeps each."""
    return replace(
        size, listeners=size.listeners if listeners is None else listeners, audio=size.audio if audio is None else audio
    )
