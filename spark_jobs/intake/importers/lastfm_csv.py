"""Last.fm scrobbles as CSV -> landing: one listener's history.

Two exports are widespread: `uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid` with a header (any
order, other columns ignored), and four columns without one, `artist,album,track,date`, the date UTC to the minute.
Ids are hashes of the names: Last.fm's mbids come and go between scrobbles of the same track. Left out and counted:
the track playing at the time of the export and others without a date, dates before Last.fm existed (its clock bug of
1970), rows without artist or track, ragged rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

from conf.errors import LandingError
from spark_jobs.intake.importers.contract import ImportReport
from spark_jobs.intake.importers.heard import Heard, NamedArtist
from spark_jobs.intake.importers.identity import artist_id_of_name, track_id_of_names
from spark_jobs.intake.importers.instants import from_epoch, from_text
from spark_jobs.intake.importers.landing_writer import LandingWriter
from spark_jobs.intake.importers.source_files import SourceFile, source_files

NAME = "lastfm-csv"
EXPECTED = "a Last.fm CSV (a header with uts or date, artist and track; or rows of artist,album,track,date)"
FOUNDED = datetime(2002, 1, 1, tzinfo=UTC)  # nothing was scrobbled before
ROWS_LOOKED_AT = 10  # to recognise a file without a header; the first row may be the one still playing, undated


@dataclass(frozen=True)
class _Layout:
    """Where the columns are: indices into a row (album -1: none), width of a row, and how its date is read."""

    artist: int
    album: int
    track: int
    date: int
    width: int
    instant: Callable[[str], datetime | None]


def read(source: Path, landing: Path, *, user_id: str) -> ImportReport:
    """Write one listener's scrobbles to `landing`; see the module for what is left out."""
    with source_files(source) as files, LandingWriter(landing, NAME, user_id) as writer:
        tables = [file for file in files if file.basename.lower().endswith((".csv", ".txt"))]
        if not tables:
            raise LandingError(f"expected {EXPECTED}, saw {[file.name for file in files][:5]} in {source}")
        heard = Heard()
        for file in tables:
            for layout, row in _rows(file):
                _take(row, layout, user_id, heard, writer)
        heard.write(writer)
        writer.add("users", {"user_id": user_id})
    return writer.report()


def _take(row: list[str], layout: _Layout, user_id: str, heard: Heard, writer: LandingWriter) -> None:
    """Write one scrobble, or count why not."""
    if len(row) != layout.width:
        writer.leave_out("ragged row")
        return
    artist, track, date = (row[index].strip() for index in (layout.artist, layout.track, layout.date))
    started_at = layout.instant(date)
    if not artist or not track:
        writer.leave_out("no artist or track")
    elif started_at is None:
        writer.leave_out("undated" if date in ("", "0") else "unreadable date")
    elif started_at < FOUNDED:
        writer.leave_out("dated before Last.fm")
    else:
        track_id = track_id_of_names(artist, track)
        album = row[layout.album].strip() if layout.album >= 0 else ""
        heard.add(track_id, track, [NamedArtist(artist_id_of_name(artist), artist)], album or None)
        writer.add("listens", {"user_id": user_id, "track_id": track_id, "started_at": started_at})


def _rows(file: SourceFile) -> Iterator[tuple[_Layout, list[str]]]:
    """(layout, row) of each row below the header; LandingError where the file is no Last.fm CSV."""
    with file.open() as stream:
        reader = csv.reader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""))
        try:
            rows = (row for row in reader if row)
            first = list(islice(rows, ROWS_LOOKED_AT))
            layout = _with_header(first) or _without_header(first)
            if layout is None:
                seen = f"a first row {first[0][:8]}" if first else "an empty file"
                raise LandingError(f"expected {EXPECTED}, saw {seen} in {file.name}")
            for row in chain(first[1:] if _with_header(first) else first, rows):
                yield layout, row
        except (UnicodeDecodeError, csv.Error) as error:
            where = f"{file.name} after line {reader.line_num}"
            raise LandingError(f"expected {EXPECTED} in UTF-8, saw {error} in {where}; export or save it again") from None


def _with_header(first: list[list[str]]) -> _Layout | None:
    """Layout by the names in the first row; None where it is no header."""
    names = [name.strip().casefold() for name in first[0]] if first else []
    date = next((name for name in ("uts", "date", "utc_time") if name in names), None)
    if date is None or not {"artist", "track"} <= set(names):
        return None
    album = names.index("album") if "album" in names else -1
    instant = from_epoch if date == "uts" else from_text
    return _Layout(names.index("artist"), album, names.index("track"), names.index(date), len(names), instant)


def _without_header(first: list[list[str]]) -> _Layout | None:
    """Layout `artist,album,track,date` where four columns end in a date; None otherwise."""
    fits = bool(first) and len(first[0]) == 4 and any(len(row) == 4 and from_text(row[3]) for row in first)
    return _Layout(artist=0, album=1, track=2, date=3, width=4, instant=from_text) if fits else None
