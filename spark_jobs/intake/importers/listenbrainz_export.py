"""ListenBrainz personal export -> landing: one listener's history, loves and hates.

The zip holds `user.json`, `listens/<year>/<month>.jsonl` (`listened_at`, `track_metadata` with the submitted names,
`recording_msid` and, once matched, `mbid_mapping`), `feedback.jsonl` (score 1 loves, -1 hates) and
`pinned_recording.jsonl`. A matched recording goes by its MusicBrainz id, any other by its MessyBrainz id; love becomes
`save`, hate becomes `block`. Left out and counted: torn lines, listens without time, title or artist, feedback that was
withdrawn or is about recordings never listened to, pins.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conf.errors import LandingError, UsageError
from spark_jobs.intake.importers.contract import ImportReport
from spark_jobs.intake.importers.heard import Heard, NamedArtist
from spark_jobs.intake.importers.identity import artist_id_of_name, track_id_of_names
from spark_jobs.intake.importers.instants import from_epoch
from spark_jobs.intake.importers.json_files import json_document, json_lines, record, text
from spark_jobs.intake.importers.landing_writer import LandingWriter
from spark_jobs.intake.importers.source_files import SourceFile, source_files

NAME = "listenbrainz-export"
EXPECTED = "a ListenBrainz export (lines of JSON objects with listened_at and track_metadata)"
INFO, FEEDBACK, PINS = "user.json", "feedback.jsonl", "pinned_recording.jsonl"
KINDS = {1: "save", -1: "block"}


def read(source: Path, landing: Path, *, user_id: str | None = None) -> ImportReport:
    """Write one listener's history to `landing`; without `user_id` the name in `user.json` is taken."""
    with source_files(source) as files:
        by_name = {file.basename: file for file in files}
        listener = user_id or _listener(by_name.get(INFO), source)
        with LandingWriter(landing, NAME, listener) as writer:
            history = _History(listener, writer)
            for file in _listen_files(files, source):
                for listen in _records(file, writer, needed=("listened_at", "track_metadata")):
                    history.take(listen)
            if FEEDBACK in by_name:
                for opinion in _records(by_name[FEEDBACK], writer, needed=("score", "created")):
                    history.take_feedback(opinion)
            if PINS in by_name:
                writer.leave_out("pinned recording", sum(1 for _ in json_lines(by_name[PINS])))
            history.finish()
    return writer.report()


class _History:
    """Listens and feedback of one listener on their way into the writer."""

    def __init__(self, user_id: str, writer: LandingWriter) -> None:
        self._user_id, self._writer = user_id, writer
        self._heard = Heard()
        self._track_of: dict[str, str] = {}  # MBID or MSID -> track_id: feedback may use either

    def take(self, listen: dict[str, Any]) -> None:
        """Write one listen, or count why not."""
        metadata = record(listen.get("track_metadata"))
        title, artist = metadata.get("track_name"), metadata.get("artist_name")
        started_at = from_epoch(listen.get("listened_at"))
        if started_at is None:
            self._writer.leave_out("no time")
        elif not (isinstance(title, str) and title.strip() and isinstance(artist, str) and artist.strip()):
            self._writer.leave_out("no title or artist")
        else:
            info = record(metadata.get("additional_info"))
            track_id = self._note(metadata, info, title, artist)
            row = {"user_id": self._user_id, "track_id": track_id, "started_at": started_at}
            platform = text(info.get("media_player")) or text(info.get("submission_client"))
            self._writer.add("listens", row | {"ms_played": _ms_played(info), "platform": platform})

    def take_feedback(self, opinion: dict[str, Any]) -> None:
        """Write one love or hate, or count why not."""
        kind = KINDS.get(opinion["score"]) if isinstance(opinion["score"], int) else None
        at = from_epoch(opinion["created"])
        ids = (text(opinion.get("recording_mbid")), text(opinion.get("recording_msid")))
        track_id = next((self._track_of[i] for i in ids if i is not None and i in self._track_of), None)
        if kind is None:
            self._writer.leave_out("feedback withdrawn")
        elif at is None:
            self._writer.leave_out("feedback without time")
        elif track_id is None:
            self._writer.leave_out("feedback on a recording never listened to")
        else:
            row = {"user_id": self._user_id, "kind": kind, "entity": "track", "entity_id": track_id, "at": at}
            self._writer.add("feedback", row)

    def finish(self) -> None:
        """Write the catalogue and the listener."""
        self._heard.write(self._writer)
        self._writer.add("users", {"user_id": self._user_id})

    def _note(self, metadata: dict[str, Any], info: dict[str, Any], title: str, artist: str) -> str:
        """Remember the listen's recording; its track_id."""
        mapping = record(metadata.get("mbid_mapping"))
        mbid = text(mapping.get("recording_mbid")) or text(info.get("recording_mbid"))
        msid = text(metadata.get("recording_msid")) or text(info.get("recording_msid"))
        track_id = mbid or msid or track_id_of_names(artist, title)
        self._track_of |= {known: track_id for known in (mbid, msid) if known}
        album, artists = text(metadata.get("release_name")), _artists(mapping, info, artist)
        self._heard.add(track_id, title, artists, album, _milliseconds(info, "duration_ms", "duration"))
        return track_id


def _artists(mapping: dict[str, Any], info: dict[str, Any], credit: str) -> list[NamedArtist]:
    """Artists of the match, main artist first; without one, the submitted name under its own id or a hash."""
    entries = mapping.get("artists")
    matched = [record(entry) for entry in entries] if isinstance(entries, list) else []
    named = [(text(entry.get("artist_mbid")), text(entry.get("artist_credit_name"))) for entry in matched]
    if named and all(mbid and name for mbid, name in named):
        return [NamedArtist(str(mbid), str(name)) for mbid, name in named]
    mbids = mapping.get("artist_mbids") or info.get("artist_mbids")
    if isinstance(mbids, list) and len(mbids) == 1 and text(mbids[0]):
        return [NamedArtist(mbids[0], credit)]
    return [NamedArtist(artist_id_of_name(credit), credit)]  # several ids and one credit: who is who is unknown


def _ms_played(info: dict[str, Any]) -> int | None:
    """Milliseconds heard where the submitting client tells (imports from Spotify do); None: intake infers it."""
    return _milliseconds(info, "ms_played", "duration_played")


def _milliseconds(info: dict[str, Any], ms_field: str, seconds_field: str) -> int | None:
    """A length given in milliseconds in one field or in seconds in another; clients send numbers and text alike."""
    for field, factor in ((ms_field, 1), (seconds_field, 1000)):
        try:
            length = round(float(info[field]) * factor)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if 0 < length <= 86_400_000:
            return length
    return None


def _listener(info: SourceFile | None, source: Path) -> str:
    """Name in `user.json`; UsageError where there is none."""
    if info is not None:
        name = record(json_document(info, "the listener's account (an object with username)")).get("username")
        if isinstance(name, str) and name:
            return name
    raise UsageError(f"{source} does not say whose history it is (no {INFO} with a username); give --user NAME")


def _listen_files(files: list[SourceFile], source: Path) -> list[SourceFile]:
    """Files of listens; LandingError where there are none."""
    found = [f for f in files if f.basename.endswith(".jsonl") and f.basename not in (FEEDBACK, PINS)]
    if not found:
        seen = ", ".join(file.name for file in files[:5]) or "no files"
        raise LandingError(f"expected {EXPECTED} in listens/<year>/<month>.jsonl, saw {seen} in {source}")
    return found


def _records(file: SourceFile, writer: LandingWriter, needed: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Objects of a JSONL file with the `needed` keys; the first line decides whether the file is the right one."""
    number = 0
    for number, value in json_lines(file):
        if isinstance(value, dict) and value.keys() >= set(needed):
            yield value
        elif number == 1:
            seen = f"an object with keys {sorted(value)[:8]}" if isinstance(value, dict) else file.head()
            raise LandingError(f"expected {EXPECTED}: {', '.join(needed)}; saw {seen} in {file.name}")
        else:
            writer.leave_out("malformed line")
    if number == 0:
        raise LandingError(f"expected {EXPECTED}, saw an empty file {file.name}")
