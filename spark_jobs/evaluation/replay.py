"""listens, users, follows, feedback -> replay: a log in memory that can be cut at any day.

For measuring only, so it may hold what the line never does: all plays of a sample of listeners (the lowest crc32(user_id))
as flat arrays, 39 bytes a play. Cutting it gives the same histories that build_histories makes, and the discoveries of the
week behind the cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.contexts import DEVICES, PLAYLIST_CONTEXTS
from conf.settings import BuildHistories, CircleRule
from conf.values import ListenRule
from models.circles import circles, loved
from models.gather import gather
from models.histories import Histories
from models.listening import Int8s, Listening, codes, listening
from models.plays import SKIP_REASONS, Plays, infer_ms_played, is_listen, is_skip
from models.sources.base import Circle, Listeners
from models.splits import WEEK, discoveries, in_week_after, microseconds
from spark_jobs.contract import Rows
from spark_jobs.training.listener_sample import lowest_checksums

COLUMNS = ["user_id", "track_id", "started_at", "ms_played", "reason_end", "device", "playlist_context", "simulated"]
Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Cut:
    """What was known before a day, and what came in the week behind it.

    Attributes
    ----------
    day : first UTC day that is not seen.
    block : listeners with a history before it, n rows.
    code : int64 [n], each listener's number in the replay: the same person in every cut.
    row, track : int64, int32 [m], distinct pairs discovered in the week.
    first_at : int64 [n], start of each listener's first play, microseconds since 1970-01-01 UTC.
    """

    day: date
    block: Listeners
    code: Int64s
    row: Int64s
    track: Int32s
    first_at: Int64s

    def new(self, days: int) -> npt.NDArray[np.bool_]:
        """True for listeners whose first play lies in the `days` before the cut, bool [n]."""
        return self.first_at >= microseconds(self.day - timedelta(days=days))

    @cached_property
    def relevant(self) -> Int64s:
        """Discoveries of each listener, int64 [n]."""
        return np.bincount(self.row, minlength=len(self.block)).astype(np.int64)


@dataclass(frozen=True)
class Replay:
    """A log of many listeners.

    Attributes
    ----------
    plays : in order of (listener, start); `listener` is a number below len(user_ids).
    device, playlist : int8 [plays], places in conf.contexts.DEVICES and PLAYLIST_CONTEXTS.
    user_ids, country, timezone : string [listeners].
    saved : (listener, track_idx, microseconds) of tracks saved.
    follows : (follower, followed), numbers of listeners.
    """

    plays: Plays
    device: Int8s
    playlist: Int8s
    user_ids: pa.Array[Any]
    country: pa.Array[Any]
    timezone: pa.Array[Any]
    saved: tuple[Int64s, Int32s, Int64s]
    follows: tuple[Int64s, Int64s]
    tracks: int
    simulated: bool

    def cut(self, day: date, params: BuildHistories, circle: CircleRule) -> Cut:
        """Cut before `day`; listeners without a play before it are not in it."""
        before = self.plays.started_at < microseconds(day)
        log = gather(_where(self.plays, before), self.user_ids, params).histories
        code, first = np.unique(self.plays.listener[before], return_index=True)
        country = self.country.take(pa.array(code))
        block = Listeners(log, country, self._circle(log, code, day, circle))
        discovered = self._discovered(log, code, day, params.listen_rule)
        return Cut(day, block, code, *discovered, self.plays.started_at[before][first])

    def listening(self, since: date, until: date, code: Int64s, rule: ListenRule, gap_minutes: float) -> Listening:
        """Plays of the listeners `code` (ascending) from `since` to before `until`; listener i is code[i]."""
        at = self.plays.started_at
        kept = (at >= microseconds(since)) & (at < microseconds(until)) & np.isin(self.plays.listener, code)
        plays = _where(self.plays, kept)
        plays = replace(plays, listener=np.searchsorted(code, plays.listener).astype(np.int64))
        zone = self.timezone.take(pa.array(code))
        return listening(plays, len(code), zone, self.device[kept], self.playlist[kept], rule, gap_minutes)

    def _circle(self, log: Histories, code: Int64s, day: date, circle: CircleRule) -> Circle | None:
        follower, followed = self.follows
        known = np.isin(follower, code) & np.isin(followed, code)
        if not known.any():
            return None
        loves = loved(log, (day - date(1970, 1, 1)).days, circle.days, circle.depth)
        pair = np.searchsorted(code, follower[known]), np.searchsorted(code, followed[known])
        return circles(log, *pair, loves, circle.k)

    def _discovered(self, log: Histories, code: Int64s, day: date, rule: ListenRule) -> tuple[Int64s, Int32s]:
        plays = _where(self.plays, in_week_after(self.plays.started_at, day))
        heard = infer_ms_played(plays.listener, plays.started_at, plays.ms_played, plays.duration_ms)
        counts = is_listen(heard, plays.duration_ms, rule)
        done = counts & ~is_skip(counts, plays.button)
        who, what, at = self.saved
        week = in_week_after(at, day)
        listener = np.concatenate([plays.listener[done], who[week]])
        track = np.concatenate([plays.track_idx[done], what[week]])
        known = np.isin(listener, code)
        before = np.repeat(np.arange(len(log)), np.diff(log.indptr))
        return discoveries(np.searchsorted(code, listener[known]), track[known], before, log.track_idx, self.tracks)


def listeners_of_tracks(block: Listeners, tracks: int) -> npt.NDArray[np.int64]:
    """How many listeners completed each track, int64 [tracks]."""
    log = block.log
    return np.bincount(log.track_idx[log.completions > 0], minlength=tracks).astype(np.int64)


def cuts(newest: date, weeks: int) -> list[date]:
    """The `weeks` cuts whose week lies before `newest`, and the one before them that teaches the first blend.

    >>> cuts(date(2026, 9, 6), 2)
    [datetime.date(2026, 8, 16), datetime.date(2026, 8, 23), datetime.date(2026, 8, 30)]
    """
    return [newest - WEEK * n for n in range(weeks + 1, 0, -1)]


def newest_cut(last_play: date) -> date:
    """The last Sunday that has a whole log before it: the day behind the last play, or a Sunday before.

    >>> newest_cut(date(2026, 9, 5)), newest_cut(date(2026, 9, 6))
    (datetime.date(2026, 9, 6), datetime.date(2026, 9, 6))
    """
    behind = last_play + timedelta(days=1)
    return behind - timedelta(days=(behind.weekday() + 1) % 7)


def take(listens: Rows, users: Rows, follows: Rows, feedback: Rows, tracks: pa.Table, most: int) -> Replay:
    """Replay of at most `most` listeners; `tracks` has track_id, track_idx and duration_ms."""
    user_ids = _listeners(listens, most)
    durations = _durations(tracks)
    plays, device, playlist, simulated = _plays(listens, user_ids, tracks, durations)
    return Replay(
        plays, device, playlist, user_ids, *_homes(users, user_ids), _saves(feedback, user_ids, tracks),
        _follows(follows, user_ids), len(durations), simulated,
    )  # fmt: skip


def _listeners(listens: Rows, most: int) -> pa.Array[Any]:
    seen = pa.chunked_array([pc.unique(batch["user_id"]) for batch in listens.batches(columns=["user_id"])], pa.string())
    return lowest_checksums(pa.chunked_array([pc.unique(seen)]), most).sort()


def _durations(tracks: pa.Table) -> Int64s:
    idx = tracks["track_idx"].to_numpy()
    durations = np.full(int(idx.max(initial=-1)) + 1, -1, np.int64)
    durations[idx] = tracks["duration_ms"].fill_null(-1).to_numpy()
    return durations


def _plays(listens: Rows, user_ids: pa.Array[Any], tracks: pa.Table, durations: Int64s) -> tuple[Plays, Int8s, Int8s, bool]:
    """(plays, their devices, what they came from, whether any was simulated)."""
    ids, idx = tracks["track_id"].combine_chunks(), tracks["track_idx"].to_numpy()
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    simulated = False
    for batch in listens.batches(columns=COLUMNS):
        who, what = _place(batch["user_id"], user_ids), _place(batch["track_id"], ids)
        kept = (who >= 0) & (what >= 0)
        button = pc.fill_null(pc.is_in(batch["reason_end"], pa.array(SKIP_REASONS)), False).to_numpy(zero_copy_only=False)
        beside = codes(batch["device"], DEVICES), codes(batch["playlist_context"], PLAYLIST_CONTEXTS)
        columns = who, what, _micros(batch["started_at"]), batch["ms_played"].fill_null(-1).to_numpy(), button, *beside
        parts.append(tuple(column[kept] for column in columns))
        simulated |= bool(pc.any(batch["simulated"]).as_py())
    who, what, at, ms, button, device, playlist = (np.concatenate(part) for part in zip(*parts, strict=True))
    track = idx[what].astype(np.int32)
    order = np.lexsort((track, at, who))
    plays = Plays(
        who[order].astype(np.int64), track[order], at[order], ms[order].astype(np.int64), durations[track[order]], button[order]
    )  # fmt: skip
    return plays, device[order], playlist[order], simulated


def _homes(users: Rows, user_ids: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """(country, timezone) of each listener, null where unknown."""
    home = users.table(columns=["user_id", "country", "timezone"])
    place = pc.index_in(user_ids, value_set=home["user_id"].combine_chunks())
    country, timezone = (home[name].combine_chunks().take(place) for name in ("country", "timezone"))
    return country, timezone


def _follows(follows: Rows, user_ids: pa.Array[Any]) -> tuple[Int64s, Int64s]:
    pairs = follows.table(columns=["user_id", "followed_id"])
    one, other = (_place(pairs[name], user_ids) for name in ("user_id", "followed_id"))
    known = (one >= 0) & (other >= 0)
    return one[known].astype(np.int64), other[known].astype(np.int64)


def _saves(feedback: Rows, user_ids: pa.Array[Any], tracks: pa.Table) -> tuple[Int64s, Int32s, Int64s]:
    wanted = (pc.field("kind") == "save") & (pc.field("entity") == "track")
    saves = feedback.table(columns=["user_id", "kind", "entity", "entity_id", "at"], where=wanted)
    who, what = _place(saves["user_id"], user_ids), _place(saves["entity_id"], tracks["track_id"].combine_chunks())
    known = (who >= 0) & (what >= 0)
    track = tracks["track_idx"].to_numpy()[what[known]].astype(np.int32)
    return who[known].astype(np.int64), track, _micros(saves["at"])[known]


def _where(plays: Plays, mask: npt.NDArray[np.bool_]) -> Plays:
    return Plays(**{name: column[mask] for name, column in vars(plays).items()})


def _place(wanted: Any, known: pa.Array[Any]) -> Int32s:
    flat = wanted.combine_chunks() if isinstance(wanted, pa.ChunkedArray) else wanted
    return np.asarray(pc.index_in(flat, value_set=known).fill_null(-1).to_numpy(), np.int32)


def _micros(column: Any) -> Int64s:
    return np.asarray(column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy())
