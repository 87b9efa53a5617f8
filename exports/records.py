"""playlists, charts -> records: one listener's list, or one popular list, as versioned JSON.

A record is written canonically (UTF-8, sorted keys, no spaces, times as `YYYY-MM-DDTHH:MM:SSZ`): equal content gives equal
bytes, so a generation can be named by the hash of its records. The generation is therefore not part of a record.
exports/schema/record.schema.json describes the JSON for readers in other languages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypedDict, cast

import orjson

from conf.errors import ContractError
from exports.keys import listener_key, popular_key

if TYPE_CHECKING:  # apps that only read need no pyarrow
    import pyarrow as pa

SCHEMA_VERSION = 1
_CANONICAL = orjson.OPT_SORT_KEYS
_TRACK_FIELDS = ("artist_ids", "artists", "position", "reason", "source", "title", "track_id")


class Track(TypedDict):
    """One track of a list, ready to be shown.

    `position` counts from 1; `artists` are names as shown, `artist_ids` their ids in the same order, main artist first;
    `reason` is what the listener reads; `source` is the candidate source that found the track.
    """

    artist_ids: list[str]
    artists: list[str]
    position: int
    reason: str
    source: str
    title: str
    track_id: str


@dataclass(frozen=True, slots=True)
class Record:
    """One list.

    Attributes
    ----------
    user_id : the listener; None for a popular list.
    country : ISO 3166-1 alpha-2; None where unknown, and for the popular list of everywhere.
    valid_from : UTC instant from which the list may be served; None for a popular list, which is always valid.
    filled_from_fallback : how many tracks came from the popular list because the sources had too few.
    simulated : true where the listens behind the list were simulated.
    """

    surface: str
    run_date: date
    user_id: str | None
    country: str | None
    valid_from: datetime | None
    tracks: list[Track]
    filled_from_fallback: int
    simulated: bool

    @property
    def key(self) -> str:
        """Key of the record inside its generation."""
        return popular_key(self.country) if self.user_id is None else listener_key(self.user_id)

    def encode(self) -> bytes:
        """Return the canonical JSON."""
        document = {
            "country": self.country,
            "filled_from_fallback": self.filled_from_fallback,
            "run_date": self.run_date.isoformat(),
            "schema_version": SCHEMA_VERSION,
            "simulated": self.simulated,
            "surface": self.surface,
            "tracks": self.tracks,
            "user_id": self.user_id,
            "valid_from": None if self.valid_from is None else rfc3339(self.valid_from),
        }
        return orjson.dumps(document, option=_CANONICAL)


def canonical(document: Any) -> bytes:
    """Canonical JSON of a parsed document: what `Record.encode` wrote comes back byte for byte."""
    return orjson.dumps(document, option=_CANONICAL)


def decode(value: bytes) -> Record:
    """Record of its JSON.

    Raises
    ------
    ContractError
        For bytes that are no record of schema version 1.
    """
    try:
        document = orjson.loads(value)
        version = document["schema_version"]
        if version != SCHEMA_VERSION:
            raise ContractError(
                f"a record has schema_version {version}, this reader knows {SCHEMA_VERSION}: upgrade the reader"
            )
        starts = document["valid_from"]
        return Record(
            surface=document["surface"],
            run_date=date.fromisoformat(document["run_date"]),
            user_id=document["user_id"],
            country=document["country"],
            valid_from=None if starts is None else datetime.fromisoformat(starts),
            tracks=document["tracks"],
            filled_from_fallback=document["filled_from_fallback"],
            simulated=document["simulated"],
        )
    except (KeyError, TypeError, ValueError) as broken:
        raise ContractError(f"{len(value)} stored bytes are not a record ({broken!r}): publish the week again") from None


def rfc3339(instant: datetime) -> str:
    """UTC instant to the second, e.g. `2026-09-06T22:00:00Z`.

    >>> rfc3339(datetime(2026, 9, 6, 22, tzinfo=UTC))
    '2026-09-06T22:00:00Z'
    """
    if instant.tzinfo is None:
        raise ContractError(f"instant {instant.isoformat()} has no time zone: records hold UTC instants")
    # A fifth of strftime's time, which was half of a record's.
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def from_arrow(batch: pa.RecordBatch) -> Iterator[Record]:
    """Records of a batch of the table `playlists`, one per row, in the batch's order."""
    lists = _track_lists(batch)
    columns = [batch.column(c).to_pylist() for c in ("run_date", "surface", "user_id", "country", "valid_from")]
    counts = [batch.column(c).to_pylist() for c in ("filled", "simulated")]
    rows = zip(*columns, *counts, lists, strict=True)
    for run_date, surface, user_id, country, valid_from, filled, simulated, tracks in rows:
        yield Record(surface, run_date, user_id, country or None, valid_from, tracks, filled, simulated)


def charts_from_arrow(batch: pa.RecordBatch) -> Iterator[Record]:
    """Popular lists of a batch of the table `charts`; an empty country means everywhere."""
    lists = _track_lists(batch)
    columns = [batch.column(c).to_pylist() for c in ("run_date", "surface", "country", "simulated")]
    for run_date, surface, country, simulated, tracks in zip(*columns, lists, strict=True):
        yield Record(surface, run_date, None, country or None, None, tracks, 0, simulated)


def _track_lists(batch: pa.RecordBatch) -> Iterator[list[Track]]:
    """Track lists of a batch; each struct field becomes Python values once, the dicts are made list by list.

    `to_pylist` of the nested column takes four times longer (200 against 50 us a list of thirty).
    """
    column = cast("pa.ListArray[Any]", batch.column("tracks"))
    entries = cast("pa.StructArray", column.flatten())
    values = zip(*(entries.field(name).to_pylist() for name in _TRACK_FIELDS), strict=True)
    for length in cast("list[int]", column.value_lengths().to_pylist()):
        yield [_track(*value) for value in islice(values, length)]


def _track(
    artist_ids: list[str], artists: list[str], position: int, reason: str, source: str, title: str, track_id: str
) -> Track:
    return {
        "artist_ids": artist_ids,
        "artists": artists,
        "position": position,
        "reason": reason,
        "source": source,
        "title": title,
        "track_id": track_id,
    }
