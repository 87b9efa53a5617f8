"""Planted weeks: listeners with tastes, lists of three sources, and picks that a column tells or that nothing tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from conf.contexts import CONTEXTS
from conf.features.pair import ARTIST_NUMBERS, LISTENER_NUMBERS, TRACK_NUMBERS
from models.histories import Histories
from models.ranking.labels import COMPLETED, Picks
from models.ranking.lessons import Block
from models.ranking.matrix import ListenerSide, TrackSide
from models.ranking.sides import listener_side, track_side
from models.slates.ragged import from_lengths
from models.sources.base import TopK
from models.sources.taste_mean import unit_rows

TRACKS, LISTENERS, ASKED = 200, 300, 30
SOURCES = ("mf", "content", "popularity")
WEIGHTS = {"mf": 0.5, "content": 0.3, "popularity": 0.2}


def tracks(seed: int = 1, **vectors_instead: None) -> TrackSide:
    """Tracks of 20 artists and 5 genres, every third without a vector; track 0 was never played."""
    rng = np.random.default_rng(seed)
    plays = rng.integers(0, 500, TRACKS).astype(float)
    plays[0] = 0
    own = {name: plays * rng.random(TRACKS) for name in TRACK_NUMBERS} | {"plays_28d": plays, "plays_90d": 2 * plays}
    own |= {"first_plays_28d": plays / 2, "track_context_shares": rng.dirichlet(np.ones(len(CONTEXTS)), TRACKS)}
    own |= {name: rng.random(TRACKS) for name in ("popularity", "completion_rate", "save_rate")}  # shares
    theirs = {name: rng.random(20) * 100 for name in ARTIST_NUMBERS}
    meaning = rng.normal(size=(TRACKS, 8)).astype(np.float32)
    meaning[::3] = np.nan
    readings = rng.random((TRACKS, 7)).astype(np.float32)
    readings[:, 5] = 60 + 100 * readings[:, 5]
    readings[::4] = np.nan
    vectors = {"taste": rng.normal(size=(TRACKS, 4)).astype(np.float32), "meaning": meaning, "sound": meaning[:, :3].copy()}
    vectors |= vectors_instead
    genre = from_lengths(np.arange(TRACKS) % 3, np.concatenate([rng.choice(5, i % 3, replace=False) for i in range(TRACKS)]))
    artist = (np.arange(TRACKS) % 21 - 1).astype(np.int32)
    by_country = {"DE": rng.integers(0, 50, TRACKS), "FR": rng.integers(0, 50, TRACKS)}
    tie_rank = rng.permutation(TRACKS).astype(np.int32)
    return track_side(own, theirs, by_country, ["DE", "FR"], artist, genre, tie_rank, vectors, readings)


def listeners(side: TrackSide, n: int = LISTENERS, seed: int = 2) -> ListenerSide:
    """Listeners with histories of 0 to 20 tracks; the first one has none, every tenth is unknown to the feature store."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 21, n)
    sizes[0] = 0
    track = np.concatenate([np.sort(rng.choice(TRACKS, size, replace=False)) for size in sizes]).astype(np.int32)
    m = len(track)
    plays = rng.integers(1, 6, m).astype(np.int32)
    skips = np.minimum(rng.integers(0, 4, m), plays).astype(np.int32)
    days = (20_000 - rng.integers(1, 60, m)).astype(np.int32)
    log = Histories(
        pa.array([f"u{i:04d}" for i in range(n)]), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), track, plays,
        (plays - skips).astype(np.int32), skips, days, rng.random(m).astype(np.float32),
    )  # fmt: skip
    unknown = np.arange(n) % 10 == 9
    scalars = {name: np.where(unknown, np.nan, rng.random(n)) for name in LISTENER_NUMBERS}
    views = [unit_rows(rng.normal(size=(n, size))) for size in (4, 8)]  # of length 1, as the feature store has them
    embedding = np.concatenate(views, axis=1).astype(np.float32)
    embedding[unknown] = np.nan
    share = rng.dirichlet(np.ones(len(CONTEXTS)), n).astype(np.float32)
    share[unknown] = np.nan
    modes = unit_rows(rng.normal(size=(n * len(CONTEXTS), 8))).reshape(n, len(CONTEXTS), 8).astype(np.float32)
    modes[:, 1] = 0.0  # nobody has sessions of focus
    return listener_side(log, 20_000, scalars, rng.integers(-1, 2, n).astype(np.int32), embedding, share, modes, side)


def lists(n: int = LISTENERS, seed: int = 3) -> dict[str, TopK]:
    """Lists of different lengths; the second listener has none at all."""
    rng = np.random.default_rng(seed)
    made = {}
    for name in SOURCES:
        ids = np.stack([rng.choice(TRACKS, ASKED, replace=False) for _ in range(n)]).astype(np.int32)
        scores = -np.sort(-rng.random((n, ASKED)), axis=1).astype(np.float32)
        short = np.arange(ASKED) >= rng.integers(5, ASKED + 1, n)[:, None]
        short[1] = True
        ids[short], scores[short] = -1, -np.inf
        made[name] = TopK(ids, scores, np.where(ids >= 0, np.int32(7), np.int32(-1)))
    return made


@dataclass(frozen=True)
class PlantedWeek:
    """A week whose picks are the candidates that `likes`, float [n, tracks], holds highest; half of them, where `noisy`."""

    lists: dict[str, TopK]
    listeners: ListenerSide
    tracks: TrackSide
    picks: Picks

    def blocks(self, asked: int, size: int) -> Iterator[Block]:
        """Its listeners, `size` at a time."""
        n = len(self.listeners)
        for start in range(0, n, size):
            stop = min(start + size, n)
            mine, some = self.picks.rows(start, stop), {name: top.rows(start, stop) for name, top in self.lists.items()}
            relevant = np.bincount(mine.listener[mine.liked], minlength=stop - start).astype(np.int64)
            yield Block(
                np.arange(start, stop, dtype=np.uint64), some, self.listeners.rows(start, stop), self.tracks, mine, relevant,
                some["mf"].ids[:, :30], np.empty((stop - start, 0), np.int32),
            )  # fmt: skip


def week(seed: int, likes_popular: bool, per_listener: int = 4) -> PlantedWeek:
    """Listeners pick the most played tracks of their lists, or any of them."""
    side = tracks()
    made, rng = lists(seed=seed), np.random.default_rng(seed + 100)
    column = list(TRACK_NUMBERS).index("plays_7d")
    listener, track = [], []
    for row in range(LISTENERS):
        union = np.unique(np.concatenate([top.ids[row][top.ids[row] >= 0] for top in made.values()]))
        worth = side.numbers[union, column] if likes_popular else rng.random(len(union))
        track.append(np.sort(union[np.argsort(-worth)[:per_listener]]))
        listener.append(np.full(len(track[-1]), row))
    flat = np.concatenate(listener).astype(np.int64)
    contexts = np.zeros((len(flat), len(CONTEXTS)), np.float32)
    contexts[:, 0] = 1.0
    grade = np.full(len(flat), COMPLETED, np.int8)
    return PlantedWeek(made, listeners(side), side, Picks(flat, np.concatenate(track).astype(np.int32), grade, contexts))


def permuted(planted: PlantedWeek, seed: int = 5) -> PlantedWeek:
    """The same week with each listener's picks replaced by as many of their candidates, drawn at random."""
    rng = np.random.default_rng(seed)
    track = planted.picks.track.copy()
    for row in range(LISTENERS):
        there = planted.picks.listener == row
        ids = np.unique(np.concatenate([top.ids[row][top.ids[row] >= 0] for top in planted.lists.values()]))
        if there.any():
            track[there] = np.sort(rng.choice(ids, int(there.sum()), replace=False))
    return replace(planted, picks=replace(planted.picks, track=track))
