"""Spotify extended streaming history -> landing: one listener's plays of many years.

`Streaming_History_Audio_*.json` (`endsong_*.json` in older downloads) hold arrays of plays. `ts` is when the playback
**stopped**, so started_at = ts - ms_played. Left out and counted: podcasts, audiobooks and plays without a track, and
private sessions, since the listener asked Spotify not to let those shape anything. Never copied: IP address, user
agent, account name. A track has no duration in the export; the median of what was heard until the track was done
stands in for it, where there is such a play.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median_low
from typing import Any

from conf.errors import LandingError
from spark_jobs.intake.importers.contract import ImportReport
from spark_jobs.intake.importers.heard import Heard, NamedArtist
from spark_jobs.intake.importers.identity import artist_id_of_name
from spark_jobs.intake.importers.instants import from_iso
from spark_jobs.intake.importers.json_files import json_document, text
from spark_jobs.intake.importers.landing_writer import LandingWriter
from spark_jobs.intake.importers.source_files import SourceFile, source_files

NAME = "spotify-history"
EXPECTED = "a Spotify streaming history (an array of objects with ts, ms_played, master_metadata_track_name, ...)"
NEEDED = ("ts", "ms_played", "master_metadata_track_name", "master_metadata_album_artist_name", "spotify_track_uri")
PREFIXES = ("streaming_history_audio", "endsong")
PLAYS_PER_DURATION = 9  # more finished plays than this move the median by milliseconds only
# First word that occurs in the platform text decides; tablets and cars name a phone system too, so they come first.
DEVICES = {
    "ipad": "tablet", "tablet": "tablet", "watch": "watch", "wear": "watch", "carthing": "car", "android auto": "car",
    "web_player": "web", "webplayer": "web", "tv": "tv", "playstation": "tv", "xbox": "tv", "sonos": "speaker",
    "echo": "speaker", "cast": "speaker", "speaker": "speaker", "ios": "phone", "iphone": "phone", "android": "phone",
    "windows": "desktop", "os x": "desktop", "osx": "desktop", "macos": "desktop", "linux": "desktop",
}  # fmt: skip


def read(source: Path, landing: Path, *, user_id: str) -> ImportReport:
    """Write one listener's history to `landing`; see the module for what is left out."""
    with source_files(source) as files, LandingWriter(landing, NAME, user_id) as writer:
        history = _History(user_id, writer)
        audio = _audio_files(files, source)
        for file in audio:
            for play in _plays(file):
                history.take(play)
        history.finish()
        writer.facts.update(files_read=len(audio), files_not_read=len(files) - len(audio))
    return writer.report()


class _History:
    """Plays of one listener on their way into the writer."""

    def __init__(self, user_id: str, writer: LandingWriter) -> None:
        self._user_id, self._writer = user_id, writer
        self._heard = Heard()
        self._finished: dict[str, list[int]] = {}
        self._countries: Counter[str] = Counter()

    def take(self, play: object) -> None:
        """Write one play, or count why not."""
        if not isinstance(play, dict):
            self._writer.leave_out("not an object")
            return
        started_at = _start(play)
        if reason := _reason_to_leave_out(play, started_at):
            self._writer.leave_out(reason)
            return
        track_id = "spotify-" + play["spotify_track_uri"].rsplit(":", 1)[-1]
        self._note(track_id, play)
        platform = text(play.get("platform"))
        row = {"user_id": self._user_id, "track_id": track_id, "started_at": started_at, "platform": platform}
        row |= {"ms_played": play["ms_played"], "reason_end": text(play.get("reason_end")), "device": _device(platform)}
        self._writer.add("listens", row)

    def finish(self) -> None:
        """Write the catalogue and the listener."""
        for track_id, heard_ms in self._finished.items():
            self._heard.add(track_id, "", (), duration_ms=median_low(heard_ms))
        self._heard.write(self._writer)
        most = min(self._countries.items(), key=lambda entry: (-entry[1], entry[0]), default=(None, 0))
        self._writer.add("users", {"user_id": self._user_id, "country": most[0]})

    def _note(self, track_id: str, play: dict[str, Any]) -> None:
        """Remember the track, its artist, its finished plays and the country."""
        artist = play["master_metadata_album_artist_name"]
        named = NamedArtist(artist_id_of_name(artist), artist)
        album = text(play.get("master_metadata_album_album_name"))
        self._heard.add(track_id, play["master_metadata_track_name"], [named], album)
        finished = self._finished.setdefault(track_id, []) if play.get("reason_end") == "trackdone" else None
        if finished is not None and play["ms_played"] > 0 and len(finished) < PLAYS_PER_DURATION:
            finished.append(play["ms_played"])
        country = play.get("conn_country")
        if isinstance(country, str) and len(country) == 2 and country not in ("ZZ", "XX"):  # Spotify's "unknown"
            self._countries[country] += 1


def _reason_to_leave_out(play: dict[str, Any], started_at: datetime | None) -> str | None:
    """Why a play does not come along; None: it does."""
    if play.get("spotify_episode_uri") or play.get("episode_name"):
        return "podcast episode"
    if play.get("audiobook_uri") or play.get("audiobook_title"):
        return "audiobook"
    if not all(text(play.get(field)) for field in NEEDED[2:]):
        return "no track"
    if play.get("incognito_mode"):
        return "private session"
    return "no valid ts or ms_played" if started_at is None else None


def _start(play: dict[str, Any]) -> datetime | None:
    """Start of playback: `ts` is its end."""
    end, ms_played = from_iso(play.get("ts")), play.get("ms_played")
    if end is None or type(ms_played) is not int or not 0 <= ms_played <= 86_400_000:
        return None
    try:
        return end - timedelta(milliseconds=ms_played)
    except OverflowError:  # an end in the first hours of the year 1
        return None


def _device(platform: str | None) -> str | None:
    """Landing's device word for Spotify's platform text, e.g. `Android OS 9 API 28 (...)`; None where it says nothing."""
    words = (platform or "").casefold()
    return next((device for word, device in DEVICES.items() if word in words), None)


def _audio_files(files: list[SourceFile], source: Path) -> list[SourceFile]:
    """Files of audio plays; a source of one file is taken whatever its name."""
    if len(files) == 1 and source.is_file() and source.suffix.lower() != ".zip":
        return files
    audio = [file for file in files if file.basename.lower().startswith(PREFIXES) and file.basename.endswith(".json")]
    if not audio:
        seen = ", ".join(file.name for file in files[:5]) or "no files"
        raise LandingError(f"expected Streaming_History_Audio_*.json, saw {seen} in {source}")
    return audio


def _plays(file: SourceFile) -> Iterator[object]:
    """Entries of one file; LandingError where its first entry is no play of the extended history."""
    plays = json_document(file, EXPECTED)
    if not isinstance(plays, list):
        keys = f"an object with keys {sorted(plays)[:8]}" if isinstance(plays, dict) else f"a {type(plays).__name__}"
        raise LandingError(f"expected {EXPECTED}, saw {keys} in {file.name}")
    if plays and not (isinstance(plays[0], dict) and plays[0].keys() >= set(NEEDED)):
        first = f"an object with keys {sorted(plays[0])[:8]}" if isinstance(plays[0], dict) else repr(plays[0])[:80]
        hint = " (the short account data; ask Spotify for the extended history)" if "endTime" in first else ""
        raise LandingError(f"expected {EXPECTED}, saw {first}{hint} in {file.name}")
    yield from plays
