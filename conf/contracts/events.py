"""Contracts of what came in: plays, catalogue, listeners, feedback, and what intake refused."""

from __future__ import annotations

from conf.contract import Column, Table
from conf.contracts.shared import SIMULATED

LISTENS = Table(
    "listens",
    "accepted plays, one row each; duplicates and bad rows are in `quarantine`",
    engine="spark",
    key=("listen_id",),
    partition=("started_date",),
    clock="started_date",
    keep_days=7300,
    checks={"ms_played_not_negative": "ms_played >= 0"},
    columns=(
        Column("listen_id", "string", "id given by the app, or derived from listener, track and start", nullable=False),
        Column("user_id", "string", "listener", nullable=False),
        Column("track_id", "string", "track", nullable=False),
        Column("started_at", "timestamp", "start of playback, UTC", nullable=False),
        Column("started_date", "date", "UTC date of started_at", nullable=False),
        Column("ms_played", "bigint", "milliseconds heard; null where the log has none"),
        Column("device", "string", "phone, desktop, speaker, car, ..."),
        Column("platform", "string", "operating system or client"),
        Column("playlist_context", "string", "what was playing: own_playlist, album, radio, ..."),
        Column("reason_end", "string", "trackdone, fwdbtn, ..."),
        SIMULATED,
        Column("file_id", "string", "sha256 of the landing file that brought the row", nullable=False),
    ),
)
QUARANTINE = Table(
    "quarantine",
    "refused landing rows, one reason each",
    engine="spark",
    key=("job", "file_id", "line"),
    partition=("job",),
    keep_days=365,
    columns=(
        Column("job", "string", "ingest job that refused the row", nullable=False),
        Column("entity", "string", "landing folder", nullable=False),
        Column("reason", "string", "first rule that the row broke, in the order of docs/operations.md", nullable=False),
        Column("detail", "string", "what was seen"),
        Column("file_id", "string", "sha256 of the landing file", nullable=False),
        Column("path", "string", "path below the landing folder", nullable=False),
        Column("line", "bigint", "row number in the file, from 1", nullable=False),
        Column("row", "string", "the row as it came, cut at 4,000 characters"),
        Column("taken_on", "date", "run_date of the intake that refused it", nullable=False),
        Column("refused_run", "boolean", "true where the whole run was refused with it", nullable=False),
    ),
)
TRACKS = Table(
    "tracks",
    "catalogue; track_idx is dense, append-only and never reused",
    engine="spark",
    key=("track_id",),
    checks={"track_idx_not_negative": "track_idx >= 0"},
    columns=(
        Column("track_id", "string", "track", nullable=False),
        Column("track_idx", "int", "dense internal number", nullable=False),
        Column("title", "string", "title as shown", nullable=False),
        Column("artist_ids", "array<string>", "main artist first, then collaborators", nullable=False),
        Column("album", "string", "album title"),
        Column("duration_ms", "bigint", "length in milliseconds"),
        Column("release_date", "date", "first release; not recommended before it"),
        Column("isrc", "string", "international standard recording code"),
        Column("explicit", "boolean", "explicit lyrics"),
        Column("countries", "array<string>", "ISO 3166-1 alpha-2 codes where it may be played; null: everywhere"),
        Column("blocked", "boolean", "true: never recommended", nullable=False, default="false"),
        Column("genres", "array<string>", "genres, most fitting first"),
        Column("lyrics", "string", "lyrics"),
        Column("audio", "string", "path below the landing folder's audio/"),
        SIMULATED,
    ),
)
ARTISTS = Table(
    "artists",
    "who made the tracks",
    engine="spark",
    key=("artist_id",),
    columns=(
        Column("artist_id", "string", "artist", nullable=False),
        Column("name", "string", "name as shown", nullable=False),
        Column("genres", "array<string>", "genres, most fitting first"),
        SIMULATED,
    ),
)
USERS = Table(
    "users",
    "listeners that the landing folder describes; a listener without a row is served in UTC, without a country",
    engine="spark",
    key=("user_id",),
    columns=(
        Column("user_id", "string", "listener", nullable=False),
        Column("timezone", "string", "IANA name; null: UTC"),
        Column("country", "string", "ISO 3166-1 alpha-2"),
        SIMULATED,
    ),
)
FOLLOWS = Table(
    "follows",
    "who follows whom; a friendship is two rows",
    engine="spark",
    key=("user_id", "followed_id"),
    columns=(
        Column("user_id", "string", "who follows", nullable=False),
        Column("followed_id", "string", "which listener is followed", nullable=False),
        SIMULATED,
    ),
)
TAGS = Table(
    "tags",
    "what people call tracks and artists",
    engine="spark",
    key=("entity", "entity_id", "tag"),
    columns=(
        Column("entity", "string", "track or artist", nullable=False),
        Column("entity_id", "string", "track_id or artist_id", nullable=False),
        Column("tag", "string", "lower case", nullable=False),
        Column("weight", "double", "strength, 1 where the landing row has none", nullable=False),
        SIMULATED,
    ),
)
FEEDBACK = Table(
    "feedback",
    "saves and blocks; the last word of a listener on a track or artist stands",
    engine="spark",
    key=("user_id", "kind", "entity", "entity_id"),
    clock="at",
    checks={"kind_known": "kind IN ('save', 'block')"},
    columns=(
        Column("user_id", "string", "listener", nullable=False),
        Column("kind", "string", "save or block", nullable=False),
        Column("entity", "string", "track or artist", nullable=False),
        Column("entity_id", "string", "track_id or artist_id", nullable=False),
        Column("at", "timestamp", "when, UTC", nullable=False),
        SIMULATED,
    ),
)
LISTENER_PLAYLISTS = Table(
    "listener_playlists",
    "lists that listeners put together themselves",
    engine="spark",
    key=("playlist_id",),
    columns=(
        Column("playlist_id", "string", "list", nullable=False),
        Column("user_id", "string", "owner", nullable=False),
        Column("name", "string", "title"),
        Column("track_ids", "array<string>", "tracks in order", nullable=False),
        Column("updated_at", "timestamp", "last change, UTC"),
        SIMULATED,
    ),
)
FOREIGN_EXPOSURES = Table(
    "foreign_exposures",
    "what other systems showed, as they logged it",
    engine="spark",
    key=("user_id", "track_id", "surface", "shown_at"),
    columns=(
        Column("user_id", "string", "listener", nullable=False),
        Column("track_id", "string", "track", nullable=False),
        Column("surface", "string", "where it was shown", nullable=False),
        Column("shown_at", "timestamp", "when, UTC", nullable=False),
        Column("position", "bigint", "rank there, from 1"),
        Column("propensity", "double", "probability with which it was shown, in (0, 1]"),
        SIMULATED,
    ),
)
SESSIONS = Table(
    "sessions",
    "plays of one listener without a long gap",
    engine="spark",
    key=("session_id",),
    partition=("session_date",),
    clock="session_date",
    keep_days=730,
    checks={"has_listens": "listens > 0"},
    columns=(
        Column("session_id", "string", "first 16 hex digits of sha256(user_id, start)", nullable=False),
        Column("session_date", "date", "UTC date of the session's first play", nullable=False),
        Column("user_id", "string", "listener", nullable=False),
        Column("started_at", "timestamp", "start of the first play, UTC", nullable=False),
        Column("ended_at", "timestamp", "end of the last play, UTC", nullable=False),
        Column("listens", "int", "plays in it", nullable=False),
        Column("completed", "int", "plays that pass the listen rule and were not skipped", nullable=False),
        Column("skips", "int", "plays skipped, logged or inferred from timing", nullable=False),
        Column("ms_played", "bigint", "milliseconds heard, logged or inferred", nullable=False),
        Column("device", "string", "device of the first play"),
        Column("playlist_context", "string", "context of the first play"),
        Column("track_ids", "array<string>", "tracks in order", nullable=False),
        SIMULATED,
    ),
)
