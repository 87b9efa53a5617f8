"""records -> verdict: may these lists replace last week's?

A census counts while the records stream past once; `judge` raises with everything that is wrong, not only the first.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field

from conf.errors import PublishError
from exports.keys import GLOBAL_KEY
from exports.records import Record

Share = Annotated[float, Field(ge=0, le=1)]


class PublishGates(BaseModel):
    """Bounds that a week's lists must keep.

    Attributes
    ----------
    list_length : tracks of a full list; fewer make it short.
    min_covered : least share of the expected listeners who have a list.
    max_short_lists : largest share of short lists.
    per_artist, max_crowded_lists : more than `per_artist` tracks by one artist, collaborations counted, crowd a list;
        largest share of such lists.
    max_duplicate_lists : largest share of lists that hold a track twice.
    max_artist_share : largest share of all listed tracks that one artist may have over all listeners together.
    min_changed, max_changed : bounds of the mean share of a list's tracks that the listener's list of the week before did
        not hold, over sampled listeners who had one.
    min_lists : below so many lists (or so many compared ones) a share says nothing, and only duplicates and crowded lists
        are judged.
    verify_reads : records read back whole from each store, and listeners compared with the week before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    list_length: int = Field(30, ge=1)
    min_covered: Share = 0.99
    max_short_lists: Share = 0.05
    per_artist: int = Field(2, ge=1)
    max_crowded_lists: Share = 0.0
    max_duplicate_lists: Share = 0.0
    max_artist_share: Share = 0.5
    min_changed: Share = 0.0
    max_changed: Share = 1.0
    min_lists: int = Field(100, ge=1)
    verify_reads: int = Field(200, ge=1)

    def census(self) -> Census:
        """Counts of lists, from nothing."""
        return Census(self)

    def judge(self, census: Census, expected: int) -> dict[str, float]:
        """See `judge`."""
        return judge(census, expected, self)

    def judge_change(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """See `judge_change`."""
        judge_change(pairs, self)


class Census:
    """Counts of a stream of records; memory grows with the number of artists, not of listeners."""

    def __init__(self, gates: PublishGates) -> None:
        self._gates = gates
        self._slots: Counter[str] = Counter()
        self.listeners = self.popular = self.short = self.crowded = self.duplicated = self.filled = 0
        self.has_global = False
        self.simulated = False

    def add(self, record: Record) -> None:
        """Count one record; popular lists count as such only."""
        self.simulated |= record.simulated
        if record.user_id is None:
            self.popular += 1
            self.has_global |= record.key == GLOBAL_KEY
            return
        tracks = record.tracks
        by_artist = Counter(artist for track in tracks for artist in set(track["artist_ids"]))
        self._slots.update(by_artist)
        self.listeners += 1
        self.filled += record.filled_from_fallback
        self.short += len(tracks) < self._gates.list_length
        self.duplicated += len({track["track_id"] for track in tracks}) < len(tracks)
        self.crowded += any(count > self._gates.per_artist for count in by_artist.values())

    def measured(self, expected_listeners: int) -> dict[str, float]:
        """Numbers of the manifest: counts, and shares in [0, 1]."""
        lists = max(self.listeners, 1)
        return {
            "listeners": self.listeners,
            "expected_listeners": expected_listeners,
            "popular_lists": self.popular,
            "filled_tracks": self.filled,
            "covered": min(1.0, self.listeners / expected_listeners) if expected_listeners else 1.0,
            "short_lists": self.short / lists,
            "duplicate_lists": self.duplicated / lists,
            "crowded_lists": self.crowded / lists,
            "artist_share": max(self._slots.values(), default=0) / max(self._slots.total(), 1),
        }


def judge(census: Census, expected_listeners: int, gates: PublishGates) -> dict[str, float]:
    """Return what was measured.

    Raises
    ------
    PublishError
        Naming every gate that the lists fail, with the bound and the value seen.
    """
    seen = census.measured(expected_listeners)
    bounds = [("duplicate_lists", gates.max_duplicate_lists), ("crowded_lists", gates.max_crowded_lists)]
    if census.listeners >= gates.min_lists:
        bounds += [("short_lists", gates.max_short_lists), ("artist_share", gates.max_artist_share)]
    wrong = [f"{name} {seen[name]:.4f} > {bound}" for name, bound in bounds if seen[name] > bound]
    if seen["covered"] < gates.min_covered:
        wrong.append(f"covered {seen['covered']:.4f} < {gates.min_covered}")
    if census.listeners and not census.has_global:
        wrong.append("no popular list of everywhere: unknown listeners would get nothing")
    if wrong:
        raise PublishError(
            f"the list gates refuse {census.listeners} lists of {expected_listeners} listeners: {'; '.join(wrong)}. "
            "Nothing was flipped; look at the lists, then run the week again"
        )
    return seen


def judge_change(pairs: list[tuple[bytes, bytes]], gates: PublishGates) -> None:
    """Compare sampled lists, each as (this week's, last week's record), against the bounds of change.

    Raises
    ------
    PublishError
        When the mean share of new tracks is outside the bounds.
    """
    shares = [share for now, before in pairs if (share := _changed(now, before)) is not None]
    if len(shares) < gates.min_lists:
        return
    mean = sum(shares) / len(shares)
    if not gates.min_changed <= mean <= gates.max_changed:
        raise PublishError(
            f"the change gate refuses: {mean:.4f} of the tracks are new against the week before over {len(shares)} sampled "
            f"listeners, bounds {gates.min_changed} to {gates.max_changed}: did a stale or a broken model make the lists?"
        )


def _changed(now: bytes, before: bytes) -> float | None:
    new, old = ([track["track_id"] for track in orjson.loads(value)["tracks"]] for value in (now, before))
    return sum(track not in set(old) for track in new) / len(new) if new else None
