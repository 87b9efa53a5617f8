"""sessions of the last seven days, users, tracks -> what a sample of listeners completes in each part of their day.

A listener counts once per track and daypart, with the completed share of their fullest session: a session says how many of its
plays were completed, not which. A sample of fixed size, so that nothing on the driver grows with the number of listeners.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.dayparts import DAYPARTS, dayparts
from models.sources.popularity import Tally
from spark_jobs.contract import Rows
from spark_jobs.training.listener_sample import lowest_checksums

_COLUMNS = ["user_id", "started_at", "ended_at", "listens", "completed", "track_ids"]
Part = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


def add(tally: Tally, sessions: Rows, users: pa.Table, tracks: pa.Table, cut: date, most: int) -> None:
    """Count the dayparts' charts into `tally`.

    Parameters
    ----------
    users : user_id, country, timezone. tracks : track_id, track_idx.
    cut : first UTC day that is not seen; a session that reaches into it is left out.
    most : size of the sample of listeners, those with the lowest crc32(user_id).
    """
    chosen = lowest_checksums(users["user_id"], most)
    homes = users.filter(pc.is_in(users["user_id"], chosen)).combine_chunks()
    parts = list(_plays(sessions, homes, tracks, cut, tally.tracks))
    if not parts:
        return
    key = np.concatenate([keys for keys, _ in parts])
    share = np.concatenate([shares for _, shares in parts])
    order = np.argsort(key, kind="stable")
    found, first = np.unique(key[order], return_index=True)
    fullest = np.maximum.reduceat(share[order], first)
    part, track = (found // tally.tracks) % len(DAYPARTS), found % tally.tracks
    for code, name in enumerate(DAYPARTS):
        there = part == code
        if there.any():
            tally.add_context(name, track[there].astype(np.int32), fullest[there])


def _plays(sessions: Rows, homes: pa.Table, tracks: pa.Table, cut: date, n_tracks: int) -> Iterator[Part]:
    """(listener, daypart and track as one number; completed share of the session), batch by batch."""
    ids, numbers = tracks["track_id"].combine_chunks(), tracks["track_idx"].to_numpy()
    names, zones = homes["user_id"].combine_chunks(), homes["timezone"].combine_chunks()
    until = pa.scalar(datetime.combine(cut, time(), UTC), pa.timestamp("us", "UTC"))
    for batch in sessions.batches(columns=_COLUMNS):
        batch = batch.filter(pc.less(batch.column("ended_at"), until))
        row = pc.index_in(batch.column("user_id"), value_set=names)
        batch, row = batch.filter(row.is_valid()), row.drop_null()
        part = dayparts(batch.column("started_at"), zones.take(row))
        lists: Any = batch.column("track_ids")
        lengths = lists.value_lengths().to_numpy()
        place = pc.index_in(lists.flatten(), value_set=ids).fill_null(-1).to_numpy()
        session = np.repeat(np.arange(len(batch)), lengths)
        share = batch.column("completed").to_numpy() / np.maximum(batch.column("listens").to_numpy(), 1)
        known = (place >= 0) & (share[session] > 0)
        session, place = session[known], place[known]
        context = row.to_numpy().astype(np.int64)[session] * len(DAYPARTS) + part[session]
        yield context * n_tracks + numbers[place], share[session]
