"""The landing format: what a user brings, one folder per entity.

    LANDING/
      listens/  *.jsonl  *.jsonl.gz  *.parquet
      tracks/   artists/  users/  follows/  tags/  feedback/  playlists/  exposures/     (same three endings)
      audio/    files addressed by a track's relative `audio` path

Files may lie in sub-folders; names starting with `.` or `_` are ignored. Times are RFC 3339 strings with an offset
(`2026-09-07T08:15:30Z`) in JSON and timestamps in Parquet. A row made by a simulation carries `simulated: true`.
`docs/landing.md` is generated from this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ENDINGS = (".jsonl", ".jsonl.gz", ".parquet")


@dataclass(frozen=True)
class Field:
    """One field of a landing row. `type`: string, long, double, boolean, timestamp, date, or a list such as list<string>."""

    name: str
    type: str
    meaning: str
    required: bool = False


@dataclass(frozen=True)
class Entity:
    """One landing folder: its fields, and the fields that make a row unique."""

    name: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the fields that no row may lack."""
        return tuple(f.name for f in self.fields if f.required)


SIMULATED = Field("simulated", "boolean", "true where a simulation made the row")

LISTENS = Entity(
    "listens",
    ("listen_id",),
    (
        Field("listen_id", "string", "id given by the app; without it one is derived from listener, track and start"),
        Field("user_id", "string", "listener", required=True),
        Field("track_id", "string", "track", required=True),
        Field("started_at", "timestamp", "start of playback", required=True),
        Field("ms_played", "long", "milliseconds heard; inferred from the next start where absent"),
        Field("device", "string", "phone, desktop, speaker, car, tv, tablet, web, watch"),
        Field("platform", "string", "operating system or client, free text"),
        Field("playlist_context", "string", "what was playing: own_playlist, album, radio, search, discover_weekly, ..."),
        Field("reason_end", "string", "trackdone, fwdbtn, backbtn, endplay, ..."),
        SIMULATED,
    ),
)
TRACKS = Entity(
    "tracks",
    ("track_id",),
    (
        Field("track_id", "string", "track", required=True),
        Field("title", "string", "title as shown", required=True),
        Field("artist_ids", "list<string>", "main artist first, then collaborators", required=True),
        Field("album", "string", "album title"),
        Field("duration_ms", "long", "length in milliseconds"),
        Field("release_date", "date", "first release; a track is not recommended before it"),
        Field("isrc", "string", "international standard recording code"),
        Field("explicit", "boolean", "explicit lyrics"),
        Field("countries", "list<string>", "ISO 3166-1 alpha-2 codes where it may be played; absent: everywhere"),
        Field("blocked", "boolean", "true: never recommend"),
        Field("genres", "list<string>", "genres, most fitting first"),
        Field("lyrics", "string", "lyrics, plain text"),
        Field("audio", "string", "path below LANDING/audio"),
        SIMULATED,
    ),
)
ARTISTS = Entity(
    "artists",
    ("artist_id",),
    (
        Field("artist_id", "string", "artist", required=True),
        Field("name", "string", "name as shown", required=True),
        Field("genres", "list<string>", "genres, most fitting first"),
        SIMULATED,
    ),
)
USERS = Entity(
    "users",
    ("user_id",),
    (
        Field("user_id", "string", "listener", required=True),
        Field("timezone", "string", "IANA name, e.g. Europe/Berlin; absent: UTC"),
        Field("country", "string", "ISO 3166-1 alpha-2"),
        SIMULATED,
    ),
)
FOLLOWS = Entity(
    "follows",
    ("user_id", "followed_id"),
    (
        Field("user_id", "string", "who follows", required=True),
        Field("followed_id", "string", "which listener is followed; a friendship is two rows", required=True),
        SIMULATED,
    ),
)
TAGS = Entity(
    "tags",
    ("entity", "entity_id", "tag"),
    (
        Field("entity", "string", "track or artist", required=True),
        Field("entity_id", "string", "track_id or artist_id", required=True),
        Field("tag", "string", "lower case", required=True),
        Field("weight", "double", "how many people set it, or any positive strength; absent: 1"),
        SIMULATED,
    ),
)
FEEDBACK = Entity(
    "feedback",
    ("user_id", "kind", "entity", "entity_id"),
    (
        Field("user_id", "string", "listener", required=True),
        Field("kind", "string", "save or block", required=True),
        Field("entity", "string", "track or artist", required=True),
        Field("entity_id", "string", "track_id or artist_id", required=True),
        Field("at", "timestamp", "when", required=True),
        SIMULATED,
    ),
)
PLAYLISTS = Entity(
    "playlists",
    ("playlist_id",),
    (
        Field("playlist_id", "string", "a list that a listener put together", required=True),
        Field("user_id", "string", "its owner", required=True),
        Field("name", "string", "title"),
        Field("track_ids", "list<string>", "tracks in order", required=True),
        Field("updated_at", "timestamp", "last change"),
        SIMULATED,
    ),
)
EXPOSURES = Entity(
    "exposures",
    ("user_id", "track_id", "surface", "shown_at"),
    (
        Field("user_id", "string", "listener", required=True),
        Field("track_id", "string", "what another system showed", required=True),
        Field("surface", "string", "where it was shown", required=True),
        Field("shown_at", "timestamp", "when", required=True),
        Field("position", "long", "rank on that surface, from 1"),
        Field("propensity", "double", "probability with which it was shown, in (0, 1]"),
        SIMULATED,
    ),
)
ENTITIES = {e.name: e for e in (LISTENS, TRACKS, ARTISTS, USERS, FOLLOWS, TAGS, FEEDBACK, PLAYLISTS, EXPOSURES)}


def truth_beside(landing: Path) -> Path:
    """Folder of what is known of a landing folder but not said in it: its neighbour."""
    return landing.parent / "truth"
