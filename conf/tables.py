"""Every table's contract, once: `docs/tables.md`, the DDL, the CHECK constraints and `plant migrate` come from here.

Events are partitioned by the UTC date of their start, weekly tables by `run_date` (the Monday served).
"""

from __future__ import annotations

from conf.contract import Column, Table

_SIMULATED = Column("simulated", "boolean", "true where a simulation made the row", nullable=False, default="false")
_RUN_DATE = Column("run_date", "date", "the Monday served", nullable=False)
_TRACK_LIST = (
    "array<struct<position:int,track_id:string,title:string,artists:array<string>,artist_ids:array<string>,"
    "score:float,source:string,reason:string>>"
)

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
        _SIMULATED,
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
LANDING_FILES = Table(
    "landing_files",
    "ledger: landing files taken, each content exactly once",
    engine="delta-rs",
    key=("job", "file_id"),
    partition=("job",),
    scope="book",
    columns=(
        Column("job", "string", "ingest job", nullable=False),
        Column("file_id", "string", "sha256 of the file's bytes", nullable=False),
        Column("entity", "string", "landing folder", nullable=False),
        Column("path", "string", "path below the landing folder when first seen", nullable=False),
        Column("bytes", "bigint", "size", nullable=False),
        Column("rows", "bigint", "rows read", nullable=False),
        Column("quarantined", "bigint", "rows of it refused", nullable=False),
        Column("taken_on", "date", "run_date of the intake", nullable=False),
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
        _SIMULATED,
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
        _SIMULATED,
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
        _SIMULATED,
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
        _SIMULATED,
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
        _SIMULATED,
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
        _SIMULATED,
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
        _SIMULATED,
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
        _SIMULATED,
    ),
)
SESSIONS = Table(
    "sessions",
    "plays of one listener without a long gap",
    engine="spark",
    key=("session_id",),
    partition=("session_date",),
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
        _SIMULATED,
    ),
)
HISTORIES = Table(
    "histories",
    "one row per listener: every track ever heard, arrays in order of track_idx",
    engine="spark",
    key=("run_date", "user_id"),
    partition=("run_date",),
    keep_days=28,
    scope="week",
    columns=(
        _RUN_DATE,
        Column("bucket", "int", "crc32(user_id) modulo the number of buckets", nullable=False),
        Column("user_id", "string", "listener", nullable=False),
        Column("track_idx", "array<int>", "tracks heard before the cut, ascending", nullable=False),
        Column("plays", "array<int>", "times played, skips included", nullable=False),
        Column("completions", "array<int>", "plays that pass the listen rule and were not skipped", nullable=False),
        Column("skips", "array<int>", "plays skipped", nullable=False),
        Column("last_day", "array<int>", "days since 1970-01-01 of the last play", nullable=False),
        Column("weight", "array<float>", "confidence >= 0, decayed against the listener's own last play", nullable=False),
        Column("listens", "bigint", "plays before the cut", nullable=False),
        Column("last_listen_at", "timestamp", "start of the last play before the cut, UTC", nullable=False),
        _SIMULATED,
    ),
)
CANDIDATES = Table(
    "candidates",
    "what each source proposes to each listener, best first",
    engine="spark",
    key=("run_date", "user_id", "source"),
    partition=("run_date",),
    keep_days=28,
    scope="week",
    columns=(
        _RUN_DATE,
        Column("user_id", "string", "listener", nullable=False),
        Column("source", "string", "candidate source, e.g. mf", nullable=False),
        Column("track_idx", "array<int>", "proposed tracks", nullable=False),
        Column("score", "array<float>", "the source's own score, descending", nullable=False),
        Column(
            "because",
            "array<int>",
            "track_idx of the heard track that carried the score most; -1: none",
            nullable=False,
        ),
    ),
)
PLAYLISTS = Table(
    "playlists",
    "the lists: one row per listener and surface",
    engine="spark",
    key=("run_date", "surface", "user_id"),
    partition=("run_date", "surface"),
    keep_days=730,
    scope="week",
    checks={"filled_not_negative": "filled >= 0"},
    columns=(
        _RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("user_id", "string", "listener", nullable=False),
        Column("valid_from", "timestamp", "UTC instant of the listener's own Monday 00:00", nullable=False),
        Column("timezone", "string", "zone that valid_from was computed in", nullable=False),
        Column("country", "string", "ISO 3166-1 alpha-2, empty where unknown", nullable=False),
        Column(
            "tracks",
            _TRACK_LIST,
            "the list; score is the source's own, reason is what a listener reads",
            nullable=False,
        ),
        Column("filled", "int", "how many tracks came from the popular fallback", nullable=False),
        _SIMULATED,
    ),
)
CHARTS = Table(
    "charts",
    "popular lists per country: what a listener without a list of their own is served",
    engine="spark",
    key=("run_date", "surface", "country"),
    partition=("run_date", "surface"),
    keep_days=730,
    scope="week",
    columns=(
        _RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("country", "string", "ISO 3166-1 alpha-2; empty: everywhere", nullable=False),
        Column("tracks", _TRACK_LIST, "as in playlists", nullable=False),
        _SIMULATED,
    ),
)
EXPOSURES = Table(
    "exposures",
    "what was shown; counts only where `publications` says that the generation was flipped",
    engine="delta-rs",
    key=("run_date", "surface", "generation", "user_id"),
    partition=("run_date", "surface"),
    keep_days=730,
    scope="week",
    columns=(
        _RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("generation", "string", "content hash of the published lists", nullable=False),
        Column("user_id", "string", "listener", nullable=False),
        Column("track_ids", "array<string>", "tracks in the order shown", nullable=False),
        Column(
            "propensity",
            "array<float>",
            "probability with which each was shown there; 1: no randomness",
            nullable=False,
        ),
        _SIMULATED,
    ),
)
PUBLICATIONS = Table(
    "publications",
    "every change of a store's pointer",
    engine="delta-rs",
    key=("surface", "store", "epoch", "generation", "action"),
    partition=("surface",),
    scope="book",
    columns=(
        _RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("store", "string", "sqlite, bundle, redis", nullable=False),
        Column("generation", "string", "what the store serves since then", nullable=False),
        Column("epoch", "bigint", "fencing number of the run that moved the pointer", nullable=False),
        Column("action", "string", "flip, rollback or release", nullable=False),
        Column("records", "bigint", "records in the generation", nullable=False),
        Column("at", "timestamp", "when the pointer moved, UTC", nullable=False),
    ),
)
MODELS = Table(
    "models",
    "registry of artefacts: which files made which week",
    engine="delta-rs",
    key=("name", "run_date", "sha256"),
    partition=("name",),
    scope="book",
    columns=(
        Column("name", "string", "artefact, e.g. mf", nullable=False),
        _RUN_DATE,
        Column("uri", "string", "folder, relative to the warehouse", nullable=False),
        Column("sha256", "string", "of the manifest", nullable=False),
        Column("params", "string", "JSON", nullable=False),
        Column("metrics", "string", "JSON", nullable=False),
        Column("code_version", "string", "commit or version that trained it", nullable=False),
    ),
)
METRICS = Table(
    "metrics",
    "measured quality: one row per model and metric",
    engine="delta-rs",
    key=("run_date", "surface", "model", "metric"),
    partition=("run_date",),
    scope="week",
    columns=(
        _RUN_DATE,
        Column("surface", "string", "e.g. discover_weekly", nullable=False),
        Column("cut", "date", "lists saw rows before this UTC date; hits come from the seven days after it", nullable=False),
        Column("model", "string", "discover_weekly, popularity, best_possible, ...", nullable=False),
        Column("metric", "string", "ndcg@30, recall@30, coverage, ...", nullable=False),
        Column("value", "double", "mean over listeners", nullable=False),
        Column("low", "double", "lower end of the 95 % bootstrap interval over listeners"),
        Column("high", "double", "upper end"),
        Column("listeners", "bigint", "listeners measured", nullable=False),
        _SIMULATED,
    ),
)
RUNS = Table(
    "runs",
    "one row per attempt of a job: what it read, what it wrote, how it ended",
    engine="delta-rs",
    key=("run_id", "state"),
    scope="book",
    keep_days=730,
    columns=(
        Column("run_id", "string", "attempt", nullable=False),
        Column("job", "string", "job", nullable=False),
        _RUN_DATE,
        Column("edition", "int", "0; each --fresh run of a week starts the next", nullable=False),
        Column("state", "string", "started, done, failed or refused", nullable=False),
        Column("exit_code", "int", "0, 64, 65, 69, 70, 74 or 75; null while started"),
        Column("message", "string", "why it is red; empty when done", nullable=False),
        Column("at", "timestamp", "when this state began, UTC", nullable=False),
        Column("seconds", "double", "wall clock of the attempt"),
        Column("reads", "map<string,bigint>", "table -> Delta version read", nullable=False),
        Column("writes", "map<string,bigint>", "table -> Delta version after the write", nullable=False),
        Column("rows", "map<string,bigint>", "table -> rows written", nullable=False),
        Column("settings_sha256", "string", "of the job's settings as JSON", nullable=False),
        Column("code_version", "string", "commit or version", nullable=False),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        LISTENS, QUARANTINE, LANDING_FILES, TRACKS, ARTISTS, USERS, FOLLOWS, TAGS, FEEDBACK, LISTENER_PLAYLISTS,
        FOREIGN_EXPOSURES, SESSIONS, HISTORIES, CANDIDATES, PLAYLISTS, CHARTS, EXPOSURES, PUBLICATIONS, MODELS,
        METRICS, RUNS,
    )
}  # fmt: skip
