"""listens, feedback of the week after the cut -> discoveries: what each listener of the panel came to like.

A discovery is a track outside the listener's whole history that they completed (listen rule, not skipped) or saved in the
seven days after the cut; models/splits.py says why just these.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.values import ListenRule
from models.plays import SKIP_REASONS, Plays, infer_ms_played, is_listen, is_skip
from models.splits import discoveries, in_week_after
from spark_jobs.contract import Rows
from spark_jobs.evaluation.panel import Panel

LISTEN_COLUMNS = ["user_id", "track_id", "started_at", "listen_id", "ms_played", "reason_end", "simulated"]
FEEDBACK_COLUMNS = ["user_id", "kind", "entity", "entity_id", "at"]
Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]


@dataclass(frozen=True)
class WeekAfter:
    """What a panel of n listeners did in the week after.

    Attributes
    ----------
    row, track : int64, int32 [m], distinct (listener, track_idx) pairs discovered, in order.
    relevant : int64 [n], discoveries of each listener.
    played : (row, track_idx) of every play, skipped ones too.
    simulated : whether any of the plays was simulated.
    """

    row: npt.NDArray[np.int64]
    track: npt.NDArray[np.int32]
    relevant: npt.NDArray[np.int64]
    played: Pairs
    simulated: bool


def look(panel: Panel, listens: Rows, feedback: Rows, cut: date, rule: ListenRule) -> WeekAfter:
    """Discoveries of the panel in the seven days from `cut` on."""
    heard = listens.table(columns=LISTEN_COLUMNS, where=panel.theirs)
    heard = heard.filter(pa.array(in_week_after(_microseconds(heard["started_at"]), cut)))
    plays = plays_of(panel, heard)
    saved = saved_in_week(panel, feedback, cut)
    done = completed(plays, rule)
    row = np.concatenate([plays.listener[done], saved[0]])
    track = np.concatenate([plays.track_idx[done], saved[1]])
    log, n_tracks = panel.listeners.log, len(panel.catalogue)
    before = np.repeat(np.arange(len(log)), np.diff(log.indptr))
    row, track = discoveries(row, track, before, log.track_idx, n_tracks)
    simulated = bool(pc.any(heard["simulated"]).as_py())
    return WeekAfter(row, track, np.bincount(row, minlength=len(panel)), (plays.listener, plays.track_idx), simulated)


def completed(plays: Plays, rule: ListenRule) -> npt.NDArray[np.bool_]:
    """True for plays that pass the listen rule and were not skipped, as build_histories counts completions."""
    heard = infer_ms_played(plays.listener, plays.started_at, plays.ms_played, plays.duration_ms)
    counts = is_listen(heard, plays.duration_ms, rule)
    return counts & ~is_skip(counts, plays.button)


def plays_of(panel: Panel, listens: pa.Table) -> Plays:
    """Plays of known tracks, in order of (listener, start, id)."""
    row, track = panel.rows_of(listens["user_id"]), panel.track_idx_of(listens["track_id"])
    known = pa.array(track >= 0)
    rows = listens.append_column("row", pa.array(row.astype(np.int64))).append_column("track_idx", pa.array(track))
    rows = rows.filter(known).sort_by([(name, "ascending") for name in ("row", "started_at", "listen_id")])
    duration = np.full(len(panel.catalogue), -1, np.int64)
    duration[panel.tracks["track_idx"].to_numpy()] = panel.tracks["duration_ms"].fill_null(-1).to_numpy()
    track_idx = rows["track_idx"].to_numpy()
    return Plays(
        listener=rows["row"].to_numpy(),
        track_idx=track_idx,
        started_at=_microseconds(rows["started_at"]),
        ms_played=rows["ms_played"].fill_null(-1).to_numpy(),
        duration_ms=duration[track_idx],
        button=pc.is_in(rows["reason_end"], pa.array(SKIP_REASONS)).to_numpy(),
    )


def saved_in_week(panel: Panel, feedback: Rows, cut: date) -> Pairs:
    """(row, track_idx) of tracks saved in the week."""
    wanted = panel.theirs & (pc.field("kind") == "save") & (pc.field("entity") == "track")
    saves = feedback.table(columns=FEEDBACK_COLUMNS, where=wanted)
    track = panel.track_idx_of(saves["entity_id"])
    counted = in_week_after(_microseconds(saves["at"]), cut) & (track >= 0)
    return panel.rows_of(saves["user_id"])[counted].astype(np.int64), track[counted]


def _microseconds(column: Any) -> npt.NDArray[np.int64]:
    return np.asarray(column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy())
