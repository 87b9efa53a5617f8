r"""Real tracks to hang under artists that are known by name only: Deezer's mood data set and the MSD subset.

`deezer_mood_*.csv` name artist and track; `msd_subset_songs.csv` adds album, length and year, its texts written as
Python's reprs of bytes (`b'Bj\xc3\xb6rk'`) and an unknown year as 0. Both carry Million Song track ids, so a track in
both is one track. Two versions of a song by one artist under the same title are one track as well.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from conf.errors import LandingError
from spark_jobs.intake.importers.identity import join_key
from spark_jobs.intake.importers.source_files import source_files

DEEZER = {"MSD_track_id": "number", "artist_name": "artist_name", "track_name": "title"}
MSD = {"track_id": "number", "artist_name": "artist_name", "title": "title", "release": "album"}
MSD_NUMBERS = {"duration": "float64", "year": "int64"}  # seconds; year of release
COLUMNS = ["track_id", "title", "album", "duration_ms", "release_date", "artist_key"]


@dataclass(frozen=True)
class TrackCatalogue:
    """tracks : frame of `COLUMNS`, sorted by track_id. merged : rows that were another row's track. untitled : left out."""

    tracks: pd.DataFrame
    merged: int
    untitled: int


def read_catalogue(folder: Path) -> TrackCatalogue:
    """Read both data sets; LandingError where neither is there or one has other columns."""
    with source_files(folder) as files:
        names = [file.name for file in files]
    deezer = [_deezer(folder / name) for name in names if name.startswith("deezer_mood_")]
    songs = [_msd(folder / name) for name in names if name.startswith("msd_subset_")]
    if not (deezer or songs) or not folder.is_dir():
        raise LandingError(f"expected deezer_mood_*.csv or msd_subset_songs.csv, saw {names[:6]} in {folder}")
    rows = pd.concat([*songs, *deezer], ignore_index=True)  # MSD first: its rows know more
    rows["artist_key"] = rows["artist_name"].map(join_key)
    rows["title"] = rows["title"].str.strip()
    titled = rows[(rows["title"] != "") & (rows["artist_key"] != "")]
    titled = titled.assign(title_key=titled["title"].map(join_key))
    kept = titled.drop_duplicates("number").drop_duplicates(["artist_key", "title_key"])
    tracks = kept.assign(track_id="msd-" + kept["number"])[COLUMNS].sort_values("track_id", ignore_index=True)
    return TrackCatalogue(tracks, merged=len(titled) - len(kept), untitled=len(rows) - len(titled))


def _deezer(path: Path) -> pd.DataFrame:
    """number, artist_name, title of one Deezer file."""
    return _csv(path, dict.fromkeys(DEEZER, "str")).rename(columns=DEEZER)


def _msd(path: Path) -> pd.DataFrame:
    """The same and album, duration_ms and release_date where known."""
    rows = _csv(path, dict.fromkeys(MSD, "str") | MSD_NUMBERS).rename(columns=MSD)
    for name in MSD.values():
        rows[name] = [_text(value, path) for value in rows[name]]
    known = rows["year"].between(1900, 2100)  # 0: unknown; the day is not known either, so 1 January
    rows["release_date"] = pd.to_datetime(rows["year"].where(known).astype("Int64").astype("string"), format="%Y").dt.date
    rows["album"] = rows["album"].str.strip().replace("", None)
    rows["duration_ms"] = (rows["duration"] * 1000).round().astype("Int64")
    return rows.drop(columns=["year", "duration"])


def _csv(path: Path, types: dict[str, str]) -> pd.DataFrame:
    """Columns of a CSV in these types; LandingError says what was seen instead."""
    try:
        return pd.read_csv(path, usecols=list(types), dtype=types, keep_default_na=False)[list(types)]
    except (ValueError, UnicodeDecodeError) as error:
        with path.open("rb") as stream:
            head = stream.readline(120).decode("utf-8", "replace").strip()
        raise LandingError(f"expected a track catalogue with {', '.join(types)}, saw {head!r} in {path} ({error})") from None


def _text(value: str, path: Path) -> str:
    """Text of a repr of UTF-8 bytes."""
    try:
        content = ast.literal_eval(value)
        return str(content.decode())
    except (ValueError, SyntaxError, AttributeError):
        raise LandingError(f"expected texts like b'...' in {path}, saw {value[:60]!r}") from None
