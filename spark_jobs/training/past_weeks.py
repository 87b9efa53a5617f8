"""rows of past weeks -> weeks that teach: candidates and features as of the cut, and what came of them.

At most `max_listeners` of a week are held, the same ones in every table; the newest word on contexts is the sessions' own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.contexts import CONTEXTS
from conf.pipeline import cut
from conf.ranking import TrainRanker
from models.listening import DAY_US, sessions
from models.plays import infer_ms_played, is_listen, is_skip
from models.ranking.labels import After, Picks, picks
from models.ranking.lessons import Block
from models.ranking.matrix import ListenerSide, TrackSide
from models.sources.base import TopK
from models.splits import discoveries, microseconds
from spark_jobs.contract import Rows
from spark_jobs.evaluation import panel
from spark_jobs.evaluation.panel import Panel
from spark_jobs.evaluation.week_after import LISTEN_COLUMNS, plays_of, saved_in_week
from spark_jobs.serving import ranking_rows as rr
from spark_jobs.training.train_blend import BLEND

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
SURFACE = "discover_weekly"
LISTED = 30
# A play this long after a session's start belongs to another one, which nobody judged.
_LONGEST_SITTING_US = DAY_US


@dataclass(frozen=True)
class OneWeek:
    """The rows of one Monday among those of several."""

    rows: Rows
    monday: date

    @property
    def schema(self) -> pa.Schema:
        """The table's."""
        return self.rows.schema

    def table(self, columns: list[str] | None = None, where: Any = None) -> pa.Table:
        """All rows of the week."""
        return self.rows.table(columns, self._and(where))

    def batches(self, columns: list[str] | None = None, where: Any = None) -> Iterator[pa.RecordBatch]:
        """The same as a stream."""
        return self.rows.batches(columns, self._and(where))

    def count(self) -> int:
        """Number of rows."""
        return len(self.table(columns=["run_date"]))

    def _and(self, where: Any) -> Any:
        own = pc.field("run_date") == self.monday
        return own if where is None else own & where


def weeks_of(tables: Mapping[str, Rows]) -> list[date]:
    """Mondays, oldest first, that have candidates, histories and the features of listeners and tracks."""
    needed = ("candidates", "histories", "listener_features", "track_features")
    found = [set(pc.unique(tables[name].table(columns=["run_date"])["run_date"]).to_pylist()) for name in needed]
    return sorted(set.intersection(*found))


@dataclass(frozen=True)
class PastWeek:
    """A past week.

    Attributes
    ----------
    people : its listeners. rows : candidates of theirs. tracks, listeners : the sides. picks : what came of it.
    row, track : int64, int32 [m], distinct pairs discovered.
    shown : int32 [n, places], what was on air, -1 pads.
    """

    monday: date
    people: Panel
    rows: pa.Table
    tracks: TrackSide
    listeners: ListenerSide
    picks: Picks
    row: Int64s
    track: Int32s
    shown: Int32s

    @property
    def picked(self) -> bool:
        """Whether anybody discovered anything that a list could have held."""
        return bool(len(self.row)) and bool(len(self.rows))

    @cached_property
    def asked(self) -> int:
        """How long the longest list is."""
        return int(pc.max(pc.list_value_length(self.rows["track_idx"])).as_py() or 1)

    def lists(self, asked: int) -> dict[str, TopK]:
        """The sources' lists."""
        return {name: top for name, top in self._lists(asked).items() if name != BLEND}

    def _lists(self, asked: int) -> dict[str, TopK]:
        place = self.people.rows_of(self.rows["user_id"]).astype(np.int64)
        columns = {name: self.rows[name].combine_chunks() for name in ("track_idx", "score", "because")}
        return rr.lists_of(place, self.rows["source"], columns, len(self.people), asked)

    def blocks(self, asked: int, size: int) -> Iterator[Block]:
        """Its listeners, `size` at a time, in order of user_id."""
        lists = self._lists(asked)
        n = len(self.people)
        empty = np.full((n, 1), -1, np.int32)
        blend = lists.pop(BLEND, TopK(empty, empty.astype(np.float32), empty)).ids[:, :LISTED]
        blend = np.pad(blend, ((0, 0), (0, LISTED - blend.shape[1])), constant_values=-1)
        user = np.array([crc32(name.encode()) for name in self.people.user_ids.to_pylist()], np.uint64)
        relevant = np.bincount(self.row, minlength=n).astype(np.int64)
        for start in range(0, n, size):
            stop = min(start + size, n)
            yield Block(
                user[start:stop], {name: top.rows(start, stop) for name, top in lists.items()},
                self.listeners.rows(start, stop), self.tracks, self.picks.rows(start, stop), relevant[start:stop],
                blend[start:stop], self.shown[start:stop],
            )  # fmt: skip


def open_week(monday: date, tables: Mapping[str, Rows], until: date, params: TrainRanker) -> PastWeek:
    """The week of `monday`; the log is read up to `until`, the run's own cut."""
    week = {name: OneWeek(rows, monday) if "run_date" in rows.schema.names else rows for name, rows in tables.items()}
    people = panel.gather(week["histories"], tables["users"], tables["tracks"], monday, params.max_listeners)
    columns = ["user_id", "source", "track_idx", "score", "because"]
    candidates = week["candidates"].table(columns=columns, where=people.theirs)
    tracks = rr.tracks_of(
        week["track_features"].table(columns=rr.TRACK_FEATURES), week["artist_features"].table(columns=rr.ARTIST_FEATURES),
        tables["tracks"].table(columns=rr.TRACK_COLUMNS), week["track_audio"].table(columns=rr.AUDIO_COLUMNS), monday,
    )  # fmt: skip
    made = picks(_after(people, tables, cut(monday), until, params), len(CONTEXTS))
    liked = made.liked
    log = people.listeners.log
    before = np.repeat(np.arange(len(log)), np.diff(log.indptr))
    row, track = discoveries(made.listener[liked], made.track[liked], before, log.track_idx, len(people.catalogue))
    side = _listeners(people, week, tracks, cut(monday))
    return PastWeek(monday, people, candidates, tracks, side, made, row, track, _shown(people, week, tables))


def _listeners(people: Panel, week: Mapping[str, Rows], tracks: TrackSide, day: date) -> ListenerSide:
    features = week["listener_features"].table(columns=["user_id", *rr.LISTENER_FEATURES], where=people.theirs).combine_chunks()
    place = pc.index_in(people.user_ids, value_set=features["user_id"].combine_chunks())
    own: dict[str, Any] = {name: features[name].combine_chunks().take(place) for name in rr.LISTENER_FEATURES}
    own["country"] = people.listeners.country
    told = week["listener_contexts"].table(columns=["user_id", *rr.CONTEXT_FEATURES], where=people.theirs).combine_chunks()
    row = people.rows_of(told["user_id"]).astype(np.int64)
    in_contexts = rr.InContexts(row, *(told[name].combine_chunks() for name in rr.CONTEXT_FEATURES))
    return rr.listeners_of(people.listeners.log, own, in_contexts, tracks, day)


def _after(people: Panel, tables: Mapping[str, Rows], since: date, until: date, params: TrainRanker) -> After:
    """What the panel played from `since` to before `until`, and saved in the first week."""
    first, last = (pa.scalar(microseconds(day), pa.timestamp("us", "UTC")) for day in (since, until))
    inside = (pc.field("started_at") >= first) & (pc.field("started_at") < last)
    plays = plays_of(people, tables["listens"].table(columns=LISTEN_COLUMNS, where=people.theirs & inside))
    heard = infer_ms_played(plays.listener, plays.started_at, plays.ms_played, plays.duration_ms)
    counts = is_listen(heard, plays.duration_ms, params.listen_rule)
    skipped = is_skip(counts, plays.button)
    sitting = sessions(plays.listener, plays.started_at, heard, params.gap_minutes)
    contexts = _contexts(people, tables["session_modes"], plays.listener, plays.started_at)
    saved = saved_in_week(people, tables["feedback"], since)
    return After(
        plays.listener.astype(np.int64), plays.track_idx, plays.started_at - microseconds(since), counts & ~skipped, skipped,
        sitting, contexts, *saved,
    )  # fmt: skip


def _contexts(people: Panel, session_modes: Rows, listener: Int64s, at: Int64s) -> npt.NDArray[np.float32] | None:
    """Contexts of the session that each play stands in, float32 [m, contexts]; zeros where nobody judged it."""
    told = session_modes.table(columns=["user_id", "started_at", "contexts"], where=people.theirs).combine_chunks()
    if not len(told):
        return None
    start = told["started_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    row = people.rows_of(told["user_id"]).astype(np.int64)
    order = np.lexsort((start, row))
    values = rr.vectors(told["contexts"], np.arange(len(told)), len(told))
    if values is None:
        return None
    row, start, values = row[order], start[order], np.nan_to_num(values[order])
    # Instants are microseconds of some decades: 2^52 at most, so the listener goes above them without loss as a pair of keys.
    base = int(min(start.min(), at.min(initial=start.min())))
    span = int(max(start.max(), at.max(initial=start.max()))) - base + 1
    place = np.searchsorted(row * span + (start - base), listener * span + (at - base), side="right") - 1
    known = (place >= 0) & (row[place] == listener) & (at - start[place] < _LONGEST_SITTING_US)
    out = np.zeros((len(at), values.shape[1]), np.float32)
    out[known] = values[place[known]]
    return out


def _shown(people: Panel, week: Mapping[str, Rows], tables: Mapping[str, Rows]) -> Int32s:
    """Tracks of the list that was on air, int32 [n, places]; no columns where none was."""
    flipped = week["publications"].table(columns=["surface", "generation"], where=pc.field("surface") == SURFACE)
    ours = (pc.field("surface") == SURFACE) & pc.field("generation").isin(flipped["generation"].combine_chunks())
    where = people.theirs & ours
    rows = week["exposures"].table(columns=["user_id", "track_ids"], where=where).combine_chunks()
    if not len(rows):
        return np.empty((len(people), 0), np.int32)
    lengths = rows["track_ids"].combine_chunks().value_lengths().to_numpy()
    at = np.repeat(people.rows_of(rows["user_id"]), lengths)
    place = np.arange(len(at)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    out = np.full((len(people), int(lengths.max(initial=0))), -1, np.int32)
    out[at, place] = people.track_idx_of(rows["track_ids"].combine_chunks().flatten())
    return out
