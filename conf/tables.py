"""Every table, once: `docs/tables.md`, the DDL, the CHECK constraints and `plant migrate` come from here.

Events are partitioned by the UTC date of their start, weekly tables by `run_date` (the Monday served). The contracts
themselves stand in `conf/contracts/`, by what the rows are.
"""

from __future__ import annotations

from conf.contract import Table
from conf.contracts.audio import AUDIO_QUARANTINE, TRACK_AUDIO
from conf.contracts.books import LANDING_FILES, MODELS, PUBLICATIONS, RUNS
from conf.contracts.events import (
    ARTISTS,
    FEEDBACK,
    FOLLOWS,
    FOREIGN_EXPOSURES,
    LISTENER_PLAYLISTS,
    LISTENS,
    QUARANTINE,
    SESSIONS,
    TAGS,
    TRACKS,
    USERS,
)
from conf.contracts.features import (
    ARTIST_FEATURES,
    LISTENER_CONTEXTS,
    LISTENER_FEATURES,
    RANKED,
    SESSION_MODES,
    TRACK_FEATURES,
)
from conf.contracts.weekly import CANDIDATES, CHARTS, EXPOSURES, HISTORIES, METRICS, PLAYLISTS

__all__ = [
    "ARTISTS",
    "ARTIST_FEATURES",
    "AUDIO_QUARANTINE",
    "CANDIDATES",
    "CHARTS",
    "EXPOSURES",
    "FEEDBACK",
    "FOLLOWS",
    "FOREIGN_EXPOSURES",
    "HISTORIES",
    "LANDING_FILES",
    "LISTENER_CONTEXTS",
    "LISTENER_FEATURES",
    "LISTENER_PLAYLISTS",
    "LISTENS",
    "METRICS",
    "MODELS",
    "PLAYLISTS",
    "PUBLICATIONS",
    "QUARANTINE",
    "RANKED",
    "RUNS",
    "SESSIONS",
    "SESSION_MODES",
    "TABLES",
    "TAGS",
    "TRACKS",
    "TRACK_AUDIO",
    "TRACK_FEATURES",
    "USERS",
]

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        LISTENS, QUARANTINE, LANDING_FILES, TRACKS, ARTISTS, USERS, FOLLOWS, TAGS, FEEDBACK, LISTENER_PLAYLISTS,
        FOREIGN_EXPOSURES, SESSIONS, HISTORIES, TRACK_AUDIO, AUDIO_QUARANTINE, LISTENER_FEATURES, LISTENER_CONTEXTS,
        SESSION_MODES, TRACK_FEATURES, ARTIST_FEATURES, CANDIDATES, RANKED, PLAYLISTS, CHARTS, EXPOSURES, PUBLICATIONS,
        MODELS, METRICS, RUNS,
    )
}  # fmt: skip
