"""Tracks and artists that a personal history names, gathered while its listens stream by.

A history tells a track anew with every play; the first play's wording stays, later plays only fill what was missing.
One listener hears some ten thousand tracks, so this fits in memory while the listens themselves do not have to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spark_jobs.intake.importers.landing_writer import LandingWriter


@dataclass(frozen=True)
class NamedArtist:
    """An artist as a log names it."""

    artist_id: str
    name: str


@dataclass
class _Track:
    title: str
    artist_ids: list[str]
    album: str | None
    duration_ms: int | None


class Heard:
    """Catalogue of one history, in the order in which it was first heard."""

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}
        self._artists: dict[str, str] = {}

    def __contains__(self, track_id: str) -> bool:
        return track_id in self._tracks

    def add(
        self,
        track_id: str,
        title: str,
        artists: Sequence[NamedArtist],
        album: str | None = None,
        duration_ms: int | None = None,
    ) -> None:
        """Note a track; a known one keeps its title and artists and gains an album or a duration it did not have."""
        known = self._tracks.get(track_id)
        if known is None:
            self._tracks[track_id] = _Track(title, [a.artist_id for a in artists], album, duration_ms)
            for artist in artists:
                self._artists.setdefault(artist.artist_id, artist.name)
        else:
            known.album = known.album or album
            known.duration_ms = known.duration_ms or duration_ms

    def write(self, writer: LandingWriter) -> None:
        """Write the landing's artists and tracks."""
        for artist_id, name in self._artists.items():
            writer.add("artists", {"artist_id": artist_id, "name": name})
        for track_id, track in self._tracks.items():
            writer.add("tracks", {"track_id": track_id, **vars(track)})
