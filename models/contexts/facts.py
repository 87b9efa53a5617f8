"""plays -> facts: what a session says of itself, as sums that grow play by play.

A session's posterior is a function of these sums alone, so a stream that adds one play at a time and a batch that adds all at
once come to the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from conf.contexts import PLAYLIST_CONTEXTS
from models.contexts.sound import Tracks
from models.listening import MINUTE_US, Listening

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
DAY_US = 1440 * MINUTE_US
SLOT_MINUTES = 30
SLOTS = 1440 // SLOT_MINUTES
# A day of listening begins at four: half past midnight on Saturday belongs to Friday's party.
DAWN_US = 240 * MINUTE_US
# 1970-01-01 was a Thursday; Monday is 0.
_FIRST_WEEKDAY = 3
# Plays whose sounds are summed at a time: a few megabytes.
_PIECE = 65_536


@dataclass(frozen=True)
class Facts:
    """Sums of s sessions.

    Attributes
    ----------
    listener : int64 [s], ascending.
    weekday : int64 [s], 0 Monday to 6 Sunday, days beginning at four in the morning where the listener lives.
    slot : int64 [s], half hour of the local day in which it began, 0 to 47.
    device : int64 [s], of the first play, place in conf.contexts.DEVICES.
    plays, skips : float64 [s]. playlist : float64 [s, 7], plays by conf.contexts.PLAYLIST_CONTEXTS.
    styles : float32 [s, c], plays of each style. count, total : float64 [s, 7], plays that know each reading, and their sum.
    """

    listener: Int64s
    weekday: Int64s
    slot: Int64s
    device: Int64s
    plays: Float64s
    skips: Float64s
    playlist: Float64s
    styles: npt.NDArray[np.float32]
    count: Float64s
    total: Float64s

    def __len__(self) -> int:
        return len(self.listener)

    @cached_property
    def weekend(self) -> Int64s:
        """1 on Saturday and Sunday, int64 [s]."""
        return (self.weekday >= 5).astype(np.int64)

    @cached_property
    def mean(self) -> Float64s:
        """Mean readings, float64 [s, 7]; 0 where no play knows one."""
        return self.total / np.maximum(self.count, 1.0)


def first_plays(session: Int64s) -> Int64s:
    """Position of each session's first play, int64 [s]; numbers may have gaps."""
    if not len(session):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.append(True, session[1:] != session[:-1]))


def facts(listening: Listening, tracks: Tracks, styles: int) -> Facts:
    """Facts of all sessions of `listening`; tracks beyond `tracks` are unknown."""
    first = first_plays(listening.session)
    weekday, slot = moments(listening.local_at[first])
    count, total = sums(listening.track_idx, first, tracks.readings)
    of_play = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(listening))))
    playlist = np.zeros((len(first), len(PLAYLIST_CONTEXTS)))
    np.add.at(playlist, (of_play, listening.playlist), 1.0)
    return Facts(
        listening.listener[first], weekday, slot, listening.device[first].astype(np.int64),
        np.bincount(of_play, minlength=len(first)).astype(np.float64),
        np.bincount(of_play, weights=listening.skipped, minlength=len(first)).astype(np.float64),
        playlist, played_styles(listening.track_idx, of_play, len(first), tracks.style, styles), count, total,
    )  # fmt: skip


def moments(local_at: Int64s) -> tuple[Int64s, Int64s]:
    """(weekday, half hour of the day) on the listener's wall clock.

    >>> saturday_half_past_midnight = 2 * DAY_US + 30 * MINUTE_US  # 1970-01-03
    >>> [int(part[0]) for part in moments(np.array([saturday_half_past_midnight]))]
    [4, 1]
    """
    weekday = ((local_at - DAWN_US) // DAY_US + _FIRST_WEEKDAY) % 7
    return weekday, (local_at % DAY_US) // (SLOT_MINUTES * MINUTE_US)


def played_styles(
    track_idx: npt.NDArray[np.int32], of_play: Int64s, sessions: int, style: Int64s, styles: int
) -> npt.NDArray[np.float32]:
    """Plays of each style in each session, float32 [s, c]."""
    out = np.zeros((sessions, styles), np.float32)
    known = (track_idx >= 0) & (track_idx < len(style))
    of_track = np.where(known, style[np.where(known, track_idx, 0)], -1) if len(style) else np.full(len(track_idx), -1)
    there = of_track >= 0
    np.add.at(out, (of_play[there], of_track[there]), np.float32(1))
    return out


def sums(track_idx: npt.NDArray[np.int32], first: Int64s, readings: Float64s) -> tuple[Float64s, Float64s]:
    """(plays that know each reading, their sum) of each session, float64 [s, 7]."""
    sessions, width = len(first), readings.shape[1]
    count, total = np.zeros((sessions, width)), np.zeros((sessions, width))
    if np.isnan(readings).all():
        return count, total
    ends = np.append(first, len(track_idx))[1:]
    start = 0
    while start < sessions:
        stop = max(int(np.searchsorted(ends, first[start] + _PIECE)), start + 1)
        low, high = int(first[start]), int(ends[stop - 1])
        track = track_idx[low:high]
        inside = (track >= 0) & (track < len(readings))
        rows = np.full((high - low, width), np.nan)
        rows[inside] = readings[track[inside]]
        known = np.isfinite(rows)
        offsets = first[start:stop] - low
        count[start:stop] = np.add.reduceat(known.astype(np.float64), offsets, axis=0)
        total[start:stop] = np.add.reduceat(np.where(known, rows, 0.0), offsets, axis=0)
        start = stop
    return count, total
