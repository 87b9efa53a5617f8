"""Plays with all that they say: outcome, local time, device, what was playing, and the session they belong to.

What build_histories forgets (when, where, in which order) is what features and contexts are made of. One block holds
whole listeners over a window before a cut; every function downstream is pure on such blocks, so Spark's workers, the
backtest in memory and the streaming job see the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.contexts import DEVICES, PLAYLIST_CONTEXTS
from conf.values import ListenRule
from models.plays import SKIP_REASONS, Plays, infer_ms_played, is_listen, is_skip

Bools = npt.NDArray[np.bool_]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


@dataclass(frozen=True)
class Listening:
    """Plays of n listeners, in order of (listener, started_at).

    Attributes
    ----------
    listener : int64 [m], 0 to n - 1; a listener's rows stand together. listeners : n.
    track_idx : int32 [m].
    started_at : int64 [m], microseconds since 1970-01-01 UTC.
    local_at : int64 [m], the same instant on the listener's wall clock: microseconds since 1970-01-01 local time.
    heard_ms : int64 [m], milliseconds heard, logged or inferred.
    completed, skipped : bool [m], as build_histories counts them; a play may be neither.
    device, playlist : int8 [m], places in conf.contexts.DEVICES and PLAYLIST_CONTEXTS.
    session : int64 [m], number of the session, rising by one, across listeners too.
    """

    listeners: int
    listener: Int64s
    track_idx: Int32s
    started_at: Int64s
    local_at: Int64s
    heard_ms: Int64s
    completed: Bools
    skipped: Bools
    device: Int8s
    playlist: Int8s
    session: Int64s

    def __len__(self) -> int:
        return len(self.listener)

    @property
    def sessions(self) -> int:
        """How many session numbers there are: the last one and those below it."""
        return int(self.session[-1]) + 1 if len(self) else 0

    def where(self, kept: Bools) -> Listening:
        """The plays that `kept` names; listeners and session numbers stay."""
        columns = {name: value[kept] for name, value in vars(self).items() if name != "listeners"}
        return Listening(self.listeners, **columns)

    def within(self, cut_us: int, days: int) -> Listening:
        """The plays of the `days` before `cut_us` (microseconds since 1970-01-01 UTC), which itself is not among them."""
        return self.where((self.started_at < cut_us) & (self.started_at >= cut_us - days * DAY_US))


def listening(
    plays: Plays, listeners: int, timezone: pa.Array[Any], device: Int8s, playlist: Int8s, rule: ListenRule, gap_minutes: float
) -> Listening:
    """`plays` with outcome, local time and sessions; a pause longer than `gap_minutes` from end to start makes a new session.

    Parameters
    ----------
    plays : `listener` is a number below `listeners`.
    timezone : string [listeners], IANA names; null and names that nobody knows are UTC.
    """
    heard = infer_ms_played(plays.listener, plays.started_at, plays.ms_played, plays.duration_ms)
    counts = is_listen(heard, plays.duration_ms, rule)
    skipped = is_skip(counts, plays.button)
    offset = utc_offsets(plays.started_at, timezone.take(pa.array(plays.listener, pa.int64())))
    return Listening(
        listeners, plays.listener, plays.track_idx, plays.started_at, plays.started_at + offset, heard,
        counts & ~skipped, skipped, device, playlist, sessions(plays.listener, plays.started_at, heard, gap_minutes),
    )  # fmt: skip


def sessions(listener: Int64s, started_at: Int64s, heard_ms: Int64s, gap_minutes: float) -> Int64s:
    """Number of each play's session, int64 [m], from 0.

    >>> minute = MINUTE_US
    >>> sessions(np.array([0, 0, 0, 1]), np.array([0, 4, 60, 60]) * minute, np.array([180_000] * 4), gap_minutes=30).tolist()
    [0, 0, 1, 2]
    """
    if not len(listener):
        return np.empty(0, np.int64)
    end = started_at + heard_ms * 1000
    new = np.ones(len(listener), bool)
    new[1:] = (np.diff(listener) != 0) | (started_at[1:] - end[:-1] > gap_minutes * MINUTE_US)
    numbers: Int64s = np.cumsum(new) - 1
    return numbers


def utc_offsets(started_at: Int64s, timezone: Any) -> Int64s:
    """Microseconds by which each listener's wall clock is ahead of UTC, int64 [m]; unknown zones are UTC.

    >>> utc_offsets(np.array([0, 0]), pa.array(["Asia/Tokyo", None])).tolist()
    [32400000000, 0]
    """
    zones: Any = timezone.fill_null("UTC").dictionary_encode()
    if isinstance(zones, pa.ChunkedArray):
        zones = zones.combine_chunks()
    of_zone = zones.indices.to_numpy()
    offset = np.zeros(len(started_at), np.int64)
    for code, name in enumerate(zones.dictionary.to_pylist()):
        there = np.flatnonzero(of_zone == code)
        instants: Any = pa.array(started_at[there], pa.timestamp("us", name))
        try:
            local = pc.local_timestamp(instants)
        except pa.ArrowInvalid:
            continue
        offset[there] = local.cast(pa.int64()).to_numpy() - started_at[there]
    return offset


def codes(words: Any, known: tuple[str, ...]) -> Int8s:
    """Place of each word in `known`, int8 [m]; null and strangers take the last one.

    >>> codes(pa.array(["car", None, "fridge"]), DEVICES).tolist()
    [3, 8, 8]
    """
    found = pc.index_in(words, value_set=pa.array(known)).fill_null(len(known) - 1)
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int8)


# Columns of a listen that `from_arrow` needs, beside track_idx, duration_ms and timezone joined to it.
LISTEN_COLUMNS = ["user_id", "started_at", "listen_id", "ms_played", "reason_end", "device", "playlist_context"]


def from_arrow(rows: pa.RecordBatch | pa.Table, new_listener: Bools, rule: ListenRule, gap_minutes: float) -> Listening:
    """Listening of joined rows in order of (user_id, started_at, listen_id).

    Parameters
    ----------
    rows : track_idx, started_at (timestamp), ms_played, duration_ms, reason_end, device, playlist_context, timezone.
    new_listener : bool [m], true at each listener's first row.
    """

    def ints(name: str) -> Int64s:
        return np.asarray(_flat(rows.column(name)).fill_null(-1).to_numpy(zero_copy_only=False), np.int64)

    listener = np.cumsum(new_listener) - 1
    at = _flat(rows.column("started_at")).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    button = pc.is_in(_flat(rows.column("reason_end")), value_set=pa.array(SKIP_REASONS)).to_numpy(zero_copy_only=False)
    track = np.asarray(_flat(rows.column("track_idx")).to_numpy(), np.int32)
    plays = Plays(listener, track, at, ints("ms_played"), ints("duration_ms"), button)
    first = pa.array(np.flatnonzero(new_listener))
    device = codes(_flat(rows.column("device")), DEVICES)
    playlist = codes(_flat(rows.column("playlist_context")), PLAYLIST_CONTEXTS)
    return listening(plays, len(first), _flat(rows.column("timezone")).take(first), device, playlist, rule, gap_minutes)


def _flat(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
