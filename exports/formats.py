"""records -> files that players and people open: JSPF and extended M3U playlists, and one CSV for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from exports.records import Record, Track, canonical, rfc3339

COLUMNS = ("user_id", "country", "run_date", "position", "track_id", "title", "artists", "source", "reason", "simulated")


def jspf(record: Record) -> bytes:
    """JSPF playlist (https://xspf.org/jspf), the JSON form that ListenBrainz imports."""
    playlist = {
        "title": _title(record),
        "creator": "Pressing Plant" + (" (simulated listens)" if record.simulated else ""),
        "track": [
            {
                "title": track["title"],
                "creator": ", ".join(track["artists"]),
                "annotation": track["reason"],
                "identifier": [f"urn:track:{track['track_id']}"],
            }
            for track in record.tracks
        ],
    }
    if record.valid_from is not None:
        playlist["date"] = rfc3339(record.valid_from)
    return canonical({"playlist": playlist})


def m3u(record: Record) -> str:
    """Extended M3U, UTF-8; a line is a track's id, since the plant knows no file names, and -1 an unknown length."""
    lines = ["#EXTM3U", f"#PLAYLIST:{_one_line(_title(record))}"]
    for track in record.tracks:
        lines += [f"#EXTINF:-1,{_one_line(_label(track))}", _one_line(track["track_id"])]
    return "\n".join(lines) + "\n"


def write_csv(records: Iterable[Record], file: TextIO) -> int:
    """Write one row per listener and track; returns the number of rows."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows = 0
    for record in records:
        for track in record.tracks:
            writer.writerow(_row(record, track))
            rows += 1
    return rows


def _row(record: Record, track: Track) -> tuple[object, ...]:
    who = (record.user_id or "", record.country or "", record.run_date.isoformat())
    what = (track["position"], track["track_id"], track["title"], "; ".join(track["artists"]))
    return (*who, *what, track["source"], track["reason"], record.simulated)


def _title(record: Record) -> str:
    return f"{record.surface.replace('_', ' ').title()} of {record.run_date.isoformat()}"


def _label(track: Track) -> str:
    return f"{', '.join(track['artists'])} - {track['title']}"


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
