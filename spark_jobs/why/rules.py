"""one listener's wishes made into a list again -> where a track stands on it, or every rule that keeps it off.

The list is chosen by the surface's own kernel, and each rule is asked through `may_list`, the check that the kernel makes: a
reason given here is one that the list builder had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.slates import ragged
from models.slates.discover_weekly import FROM_COUNTRY, FROM_SOURCE, Asked, Slates, choose
from models.slates.ragged import read_only
from models.slates.rules import Ledger, Rules, close_artists, enter, may_list, new_ledger, rule_out
from spark_jobs.serving.proposer import BLEND
from spark_jobs.why.evidence import Evidence

Int32s = npt.NDArray[np.int32]
ROW = 0


@dataclass(frozen=True)
class Obstacle:
    """A rule that keeps the track off the list.

    rule : a word for programs. tracks : track_idx of what stands in the way, if tracks do. artists : numbers, if artists do.
    """

    rule: str
    tracks: tuple[int, ...] = ()
    artists: tuple[int, ...] = ()


@dataclass(frozen=True)
class Hearing:
    """One track before the rules of one listener's list.

    wishes : int32 [n], the order that the list is taken from, best first. model : what made that order.
    """

    evidence: Evidence
    track: int
    wishes: Int32s
    model: str = BLEND

    @cached_property
    def heard(self) -> Int32s:
        """Tracks ever heard."""
        history = self.evidence.history
        return ragged.from_arrow(history.column("track_idx").combine_chunks()).values if len(history) else np.empty(0, np.int32)

    @cached_property
    def blocked_tracks(self) -> Int32s:
        """Numbers of the tracks that the listener blocked."""
        return self._numbers("track", self.evidence.catalogue.track_id)

    @cached_property
    def blocked_artists(self) -> Int32s:
        """Numbers of the artists that the listener blocked."""
        return self._numbers("artist", self.evidence.catalogue.artist_id)

    def _numbers(self, entity: str, known: Any) -> Int32s:
        found = self.evidence.catalogue.numbers(known, pa.array(self.evidence.blocked[entity], pa.string()))
        return found[found >= 0]

    @cached_property
    def asked(self) -> Asked:
        """The listener as the list builder's kernel is given them."""
        country = pa.array([self.evidence.home["country"] or ""])
        catalogue, charts = self.evidence.catalogue, self.evidence.charts
        lists = (self.wishes, self.heard, self.blocked_tracks, self.blocked_artists)
        places = catalogue.numbers(catalogue.country, country), charts.rows(country)
        return Asked(*(ragged.from_lengths(np.array([len(values)]), values) for values in lists), *places)

    @cached_property
    def slates(self) -> Slates:
        """The list, made again."""
        settings = self.evidence.settings.build_discover_weekly
        charts = self.evidence.charts.tracks
        return choose(self.asked, self.rules, charts, length=settings.length, per_artist=settings.per_artist)

    @property
    def rules(self) -> Rules:
        """The catalogue's side of the rules."""
        return self.evidence.catalogue.rules

    @cached_property
    def listed(self) -> list[int]:
        """Tracks of the list, in their order on it."""
        return [int(track) for track in self.slates.track[ROW] if track >= 0]

    @property
    def position(self) -> int | None:
        """Place on the list from 1; None: not on it."""
        return self.listed.index(self.track) + 1 if self.track in self.listed else None

    @cached_property
    def taken(self) -> list[int]:
        """Tracks of the list in the order in which they were taken, before neighbours by one artist were pulled apart."""
        size = len(self.listed)
        order = np.lexsort((self.slates.place[ROW, :size], self.slates.origin[ROW, :size]))
        return [self.listed[at] for at in order]

    @property
    def origin(self) -> str | None:
        """What a listed track was taken from: `wishes`, the chart of the `country`, or that of `everywhere`."""
        if self.position is None:
            return None
        origin = self.slates.origin[ROW, self.position - 1]
        return "wishes" if origin == FROM_SOURCE else "country" if origin == FROM_COUNTRY else "everywhere"

    @cached_property
    def rank(self) -> int | None:
        """Rank among the wishes from 1; None: not among them."""
        at = np.flatnonzero(self.wishes == self.track)
        return int(at[0]) + 1 if len(at) else None

    @cached_property
    def last_rank(self) -> int:
        """Rank of the last wish that was taken; 0: none was."""
        places = self.slates.place[ROW][self.slates.origin[ROW] == FROM_SOURCE]
        return int(places.max(initial=-1)) + 1

    @property
    def full(self) -> bool:
        """Whether the list has all of its tracks."""
        return len(self.listed) == self.slates.track.shape[1]

    def obstacles(self) -> list[Obstacle]:
        """Every rule that keeps the track off, those that no other list would change first; none for a listed track."""
        if self.position is not None:
            return []
        found = [*self._catalogue(), *self._struck(), *self._company()]
        return found or [Obstacle("below" if self.rank else "not_wished")]

    def _catalogue(self) -> Iterable[Obstacle]:
        """What the catalogue says, whoever listens and wherever they live."""
        if not self._allowed(self.rules._replace(countries=ragged.empty(len(self.rules.servable)))):
            yield Obstacle("catalogue")
        if not self._allowed(self.rules._replace(servable=np.ones_like(self.rules.servable))):
            yield Obstacle("country")

    def _struck(self) -> Iterable[Obstacle]:
        """What the listener has heard or blocked, itself or another version of the recording."""
        for rule, tracks in (("heard", self.heard), ("blocked_track", self.blocked_tracks)):
            if not self._allowed(self._free, lambda ledger, rules, tracks=tracks: rule_out(tracks, ROW, rules, ledger)):
                yield Obstacle(rule if self.track in tracks else f"{rule}_version", self._versions(tracks))
        artists = self._artists_among(self.blocked_artists)
        if not self._allowed(self._free, lambda ledger, _: close_artists(self.blocked_artists, ROW, self._limit, ledger)):
            yield Obstacle("blocked_artist", artists=artists)

    def _company(self) -> Iterable[Obstacle]:
        """What was taken before it: another version, or as many tracks of one of its artists as a list may hold."""
        ahead = self._ahead()
        versions = self._versions(ahead)
        if versions:
            yield Obstacle("version_listed", versions)
        same = [track for track in ahead if track not in versions and self._shares_artist(track)]
        if not self._allowed(self._free, lambda ledger, rules: [enter(track, ROW, rules, ledger) for track in same]):
            yield Obstacle("artist_limit", tuple(same))

    def _ahead(self) -> list[int]:
        """Listed tracks that were taken before this one's turn; a track that never had a turn met the whole list."""
        size = len(self.listed)
        wished = self.slates.origin[ROW, :size] == FROM_SOURCE
        before = wished & (self.slates.place[ROW, :size] < (self.rank or len(self.wishes) + 1) - 1)
        return [track for track, ahead in zip(self.listed, before, strict=True) if ahead or not self.rank]

    def _allowed(self, rules: Rules, strike: Callable[[Ledger, Rules], Any] = lambda ledger, rules: None) -> bool:
        """Whether the track may join the list where nothing but `strike` has happened."""
        rules, ledger = read_only(rules), new_ledger(rules)
        strike(ledger, rules)
        return bool(may_list(self.track, ROW, self.asked.country[ROW], self._limit, rules, ledger))

    @cached_property
    def _free(self) -> Rules:
        """The rules without what the catalogue forbids: so that the listener's own side can be asked alone."""
        everything = np.ones_like(self.rules.servable)
        return self.rules._replace(servable=everything, countries=ragged.empty(len(everything)))

    @property
    def _limit(self) -> int:
        return self.evidence.settings.build_discover_weekly.per_artist

    def _versions(self, tracks: Iterable[int]) -> tuple[int, ...]:
        recording = self.rules.recording
        return tuple(int(track) for track in tracks if recording[track] == recording[self.track])

    def _shares_artist(self, track: int) -> bool:
        return bool(set(self.rules.artists.row(track)) & set(self.rules.artists.row(self.track)))

    def _artists_among(self, artists: Int32s) -> tuple[int, ...]:
        return tuple(int(artist) for artist in self.rules.artists.row(self.track) if artist in artists)
