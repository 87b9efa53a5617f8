"""plays of whole listeners -> their sessions: numpy over flat columns, one reduceat per number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf.settings import Sessionize
from models.plays import infer_ms_played, is_listen, is_skip
from spark_jobs.intake.listener_blocks import changes

Ints = npt.NDArray[np.int64]


def session_block(block: pa.RecordBatch, params: Sessionize) -> pa.RecordBatch:
    """One row per session of a block in order of (listener, started_at).

    block : user_id, track_id, started_at (microseconds), ms_played and duration_ms (-1: unknown), button, device,
        playlist_context, simulated.
    """
    listener = np.cumsum(changes(block.column("user_id")))
    started, logged, duration = (block.column(c).to_numpy() for c in ("started_at", "ms_played", "duration_ms"))
    heard = infer_ms_played(listener, started, logged, duration)
    listens = is_listen(heard, duration, params.listen_rule)
    skips = is_skip(listens, _flags(block, "button"))
    first = first_plays(listener, started, heard, params.gap_minutes)
    at = pa.array(first)
    columns: dict[str, Any] = {
        "user_id": block.column("user_id").take(at),
        "start_us": started[first],
        "end_us": np.maximum.reduceat(started + heard * 1000, first),
        "listens": np.diff(np.append(first, len(started))).astype(np.int32),
        "completed": np.add.reduceat(listens & ~skips, first, dtype=np.int32),
        "skips": np.add.reduceat(skips, first, dtype=np.int32),
        "ms_played": np.add.reduceat(heard, first),
        "device": block.column("device").take(at),
        "playlist_context": block.column("playlist_context").take(at),
        "track_ids": _slices(block.column("track_id"), first),
        "simulated": np.logical_or.reduceat(_flags(block, "simulated"), first),
    }
    return pa.RecordBatch.from_pydict({name: _array(values) for name, values in columns.items()})


def first_plays(listener: Ints, started_at: Ints, heard_ms: Ints, gap_minutes: float) -> Ints:
    """Positions of the plays that begin a session.

    Overlapping plays (two devices) belong together: a pause begins where the last of all plays so far ends.

    >>> minute = 60_000_000
    >>> starts = np.array([0, 5, 50, 0]) * minute
    >>> first_plays(np.array([1, 1, 1, 2]), starts, np.array([60_000, 60_000, 60_000, 60_000]), 30.0).tolist()
    [0, 2, 3]
    """
    new = changes(listener)
    origin = started_at[np.flatnonzero(new)][np.cumsum(new) - 1]
    start, order = started_at - origin, np.cumsum(new) - 1
    end = start + heard_ms * 1000
    # One running maximum for all listeners: each is lifted above the one before, so that it begins afresh.
    step = int(end.max(initial=0)) + 1
    latest = _running_maximum(end, order, step)
    pause = start[1:] - latest[:-1]
    new[1:] |= pause > gap_minutes * 60_000_000
    return np.flatnonzero(new)


def _running_maximum(end: Ints, listener: Ints, step: int) -> Ints:
    """Largest `end` of the listener's rows so far; in milliseconds, lest 65,000 listeners of twenty years overflow."""
    lift = listener * (step // 1000 + 1)
    running: Ints = (np.maximum.accumulate(end // 1000 + lift) - lift) * 1000
    return running


def _slices(track_ids: pa.Array, first: Ints) -> pa.ListArray:
    offsets = pa.array(np.append(first, len(track_ids)).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, track_ids)


def _flags(block: pa.RecordBatch, name: str) -> npt.NDArray[np.bool_]:
    flags: npt.NDArray[np.bool_] = block.column(name).to_numpy(zero_copy_only=False)
    return flags


def _array(values: Any) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values)
