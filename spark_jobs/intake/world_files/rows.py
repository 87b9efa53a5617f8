"""Listens -> landing rows: columns for Parquet, dictionaries for JSON lines, and the spoiling of planted rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from models.world import World
from models.world.dirt import REASONS
from models.world.ids import track_ids, user_ids
from models.world.listening import Listens
from models.world.modes import DEVICES, PLATFORMS
from models.world.playback import CONTEXTS
from models.world.playback import REASONS as REASONS_END

Row = dict[str, Any]

_WORD = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("listen_id", pa.string()),
        ("user_id", _WORD),
        ("track_id", _WORD),
        ("started_at", pa.timestamp("ms", tz="UTC")),
        ("ms_played", pa.int64()),
        ("device", _WORD),
        ("platform", _WORD),
        ("playlist_context", _WORD),
        ("reason_end", _WORD),
        ("simulated", pa.bool_()),
    ]
)
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8).reshape(256, 2)
_UNREADABLE_TIMES = ("yesterday evening", "2026-13-45T99:00:00Z", "??")
_REQUIRED = ("user_id", "track_id", "started_at")


class RowMaker:
    """Turns arrays of one world into landing rows."""

    def __init__(self, world: World) -> None:
        self._midnight = np.datetime64(world.first_day, "ms")
        self._users = user_ids(world.size.listeners + world.size.bots)
        self._tracks = track_ids(world.size.tracks)
        self._words = {"device": DEVICES, "platform": PLATFORMS, "playlist_context": CONTEXTS, "reason_end": REASONS_END}

    def _codes(self, rows: Listens) -> dict[str, NDArray[np.int8]]:
        codes = (rows.device, rows.device, rows.context, rows.reason)
        return dict(zip(self._words, codes, strict=True))

    def instants(self, ms: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Return instants (UTC) of milliseconds since the first day of the world."""
        return self._midnight + ms.astype("timedelta64[ms]")

    def table(self, rows: Listens) -> pa.Table:
        """Return genuine listens as a table of SCHEMA."""
        words = {
            name: pa.DictionaryArray.from_arrays(codes.astype(np.int32), pa.array(self._words[name]))
            for name, codes in self._codes(rows).items()
        }
        columns = {
            "listen_id": listen_ids(rows.key),
            "user_id": pa.DictionaryArray.from_arrays(*_compact(rows.listener, self._users)),
            "track_id": pa.DictionaryArray.from_arrays(*_compact(rows.track, self._tracks)),
            "started_at": pa.array(self.instants(rows.start_ms)).cast(pa.timestamp("ms", tz="UTC")),
            "ms_played": pa.array(rows.ms_played),
            **words,
            "simulated": pa.array(np.ones(len(rows), bool)),
        }
        return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)

    def dictionaries(self, rows: Listens) -> Iterator[Row]:
        """Yield listens as dictionaries; started_at is a naive datetime in UTC."""
        words = [np.array(self._words[name])[codes].tolist() for name, codes in self._codes(rows).items()]
        columns = (
            listen_ids(rows.key).to_pylist(),
            self._users[rows.listener].tolist(),
            self._tracks[rows.track].tolist(),
            self.instants(rows.start_ms).tolist(),
            rows.ms_played.tolist(),
            *words,
            [True] * len(rows),
        )
        for values in zip(*columns, strict=True):
            yield dict(zip(SCHEMA.names, values, strict=True))


def _compact(codes: NDArray[np.int32], words: NDArray[np.str_]) -> tuple[NDArray[np.int32], pa.StringArray]:
    # only the ids that occur: a row group's dictionary page would otherwise carry every listener of the world
    present = np.zeros(len(words), bool)
    present[codes] = True
    position = np.cumsum(present, dtype=np.int32) - 1
    return position[codes], pa.array(words[present].tolist(), pa.string())


def listen_ids(keys: NDArray[np.uint64]) -> pa.StringArray:
    """Return 16 hexadecimal digits per key; null for key 0."""
    digits = _HEX[keys.astype(">u8").view(np.uint8)].tobytes()
    offsets = np.arange(0, 16 * len(keys) + 1, 16, dtype=np.int32)
    known = np.packbits(keys != 0, bitorder="little").tobytes()
    return pa.StringArray.from_buffers(len(keys), pa.py_buffer(offsets.tobytes()), pa.py_buffer(digits), pa.py_buffer(known))


def spoil(row: Row, reason: str, variant: int) -> Row:
    """Return a planted row with its text spoiled; other kinds of dirt are in the numbers already."""
    if reason == "missing_field":
        return row | {_REQUIRED[variant % 3]: None}
    if reason == "bad_value" and row["ms_played"] >= 0:
        return row | {"started_at": _UNREADABLE_TIMES[variant % 3]}
    if reason == "unknown_track":
        return row | {"track_id": f"x{variant:06d}"}
    return row


def line(row: Row) -> bytes:
    """Return a row as one JSON line; fields without a value are left out, as apps do.

    Examples
    --------
    >>> line({"user_id": "u1", "listen_id": None})
    b'{"user_id":"u1"}'
    """
    present = {name: value for name, value in row.items() if value is not None}
    return orjson.dumps(present, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z)


def malformed_line(text: bytes, variant: int) -> bytes:
    """Break a line: cut short, or JSON that is not an object.

    Examples
    --------
    >>> malformed_line(b'{"user_id":"u1"}', 0)
    b'{"user_'
    """
    return (text[: 7 + variant % 40 if len(text) > 47 else 7], b'["u000001","t000001"]', b"not json at all", b"42")[variant % 4]


def reason_names(codes: NDArray[np.int8]) -> list[str]:
    """Return reasons by name; code -1, a genuine row, gives the empty word."""
    return [REASONS[code] if code >= 0 else "" for code in codes.tolist()]
