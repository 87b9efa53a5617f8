"""Importers: listening histories of other systems -> a landing folder (`conf/landing.py`, `docs/importing.md`).

One module per format, each with one function `read(source, landing, **options) -> ImportReport`. `plant import NAME`
looks the name up here.
"""

from __future__ import annotations

from conf.errors import UsageError
from spark_jobs.intake.importers.contract import SEED, TRACKS, UNTIL, USER, Importer, ImportReport, Option

__all__ = ["IMPORTERS", "ImportReport", "Importer", "Option", "importer"]

_FORMATS = (
    Importer(
        "lastfm-2k",
        "HetRec 2011 Last.fm: real play counts; the spread over tracks and time is simulated and flagged",
        f"{__name__}.lastfm_2k",
        (TRACKS, SEED, UNTIL),
    ),
    Importer(
        "listenbrainz-dump",
        "ListenBrainz full or incremental dump: a folder of parquet files",
        f"{__name__}.listenbrainz_dump",
        (),
    ),
    Importer(
        "listenbrainz-export",
        "ListenBrainz personal export: the zip, its folder, or one .jsonl file",
        f"{__name__}.listenbrainz_export",
        (USER,),
    ),
    Importer(
        "spotify-history",
        "Spotify extended streaming history: the zip, its folder, or one .json file",
        f"{__name__}.spotify_history",
        (USER,),
    ),
    Importer(
        "lastfm-csv",
        "Last.fm scrobbles as CSV: uts,utc_time,artist,... or artist,album,track,date",
        f"{__name__}.lastfm_csv",
        (USER,),
    ),
)
IMPORTERS: dict[str, Importer] = {entry.name: entry for entry in _FORMATS}


def importer(name: str) -> Importer:
    """Importer called `name`; UsageError naming the known ones where there is none."""
    if name not in IMPORTERS:
        raise UsageError(f"no importer {name!r}; known: {', '.join(IMPORTERS)}")
    return IMPORTERS[name]
