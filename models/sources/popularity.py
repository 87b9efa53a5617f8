"""histories -> popular tracks: listeners per track, decayed, everywhere, per country and per context.

Each listener counts once per completed track, by the day of their last play: 2^(-age / half_life), age against the run's cut.
A country's shares are shrunk to the world's: share(t, c) = (n(t, c) + prior * share(t)) / (n(c) + prior), so that a country
with few listeners is served the world's list and a large one its own. Contexts, small named groups of plays like `morning`, are
shrunk alike; histories do not know them, so their counts are given beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.trainers import TrainPopularity
from models.frozen import frozen
from models.histories import Histories
from models.sources.base import Catalogue, Exclusions, Listeners, Reason, Saved, TopK

EVERYWHERE = ""
# Counts are kept as whole millionths (2^20 a listener): integers add up to the same in any order of the rows.
ONE_LISTENER = float(1 << 20)
ARRAYS = ("shares", "countries", "top", "top_shares", "contexts", "context_top", "context_shares")


@dataclass
class Tally:
    """Decayed listeners per track, country by country and context by context, over any number of blocks.

    `cut_day`: day (since 1970-01-01) against which plays are decayed; `heard` maps a country, `heard_in` a context, to
    float64 [tracks].
    """

    tracks: int
    cut_day: int
    half_life_days: float
    heard: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    heard_in: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def add(self, block: Listeners) -> None:
        """Count the completed tracks of a block of listeners."""
        log = block.log
        age_days = np.maximum(self.cut_day - log.last_day, 0)
        share = np.rint(np.exp2(-age_days / self.half_life_days) * ONE_LISTENER) * (log.completions > 0)
        encoded = block.country.fill_null(EVERYWHERE).dictionary_encode()
        country_of = np.repeat(encoded.indices.to_numpy(), np.diff(log.indptr))
        for code, country in enumerate(map(str, encoded.dictionary.to_pylist())):
            there = country_of == code
            total = self.heard.setdefault(country, np.zeros(self.tracks))
            total += np.bincount(log.track_idx[there], share[there], minlength=self.tracks)

    def add_context(self, context: str, track_idx: npt.NDArray[np.int32], listeners: npt.NDArray[Any]) -> None:
        """Count the listeners who completed each track in a context; they are counted beside, and change no country.

        Parameters
        ----------
        track_idx : int32 [m], a track may come again.
        listeners : [m], how many; decayed or whole, >= 0.
        """
        total = self.heard_in.setdefault(context, np.zeros(self.tracks))
        total += np.bincount(track_idx, np.rint(np.asarray(listeners) * ONE_LISTENER), minlength=self.tracks)


@dataclass(frozen=True)
class Popularity:
    """Candidate source `popularity`.

    Attributes
    ----------
    shares : float32 [tracks], share of the world's decayed listeners.
    countries : string [c], "" (everywhere) first, then ISO 3166-1 alpha-2 in order.
    top : int32 [c, depth], most popular allowed tracks of each country, -1 pads.
    top_shares : float32 [c, depth], their shares there.
    contexts : string [m], in order; context_top, context_shares : [m, depth], their charts.
    """

    shares: npt.NDArray[np.float32]
    countries: npt.NDArray[np.str_]
    top: npt.NDArray[np.int32]
    top_shares: npt.NDArray[np.float32]
    contexts: npt.NDArray[np.str_]
    context_top: npt.NDArray[np.int32]
    context_shares: npt.NDArray[np.float32]
    catalogue: Catalogue

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainPopularity) -> Self:
        """Popularity everywhere, decayed against the newest play of `log`."""
        newest = int(log.last_day.max()) + 1 if len(log.last_day) else 0
        tally = Tally(len(catalogue), newest, params.half_life_days)
        tally.add(Listeners(log, pa.nulls(len(log), pa.string())))
        return cls.of(tally, catalogue, params)

    @classmethod
    def of(cls, tally: Tally, catalogue: Catalogue, params: TrainPopularity) -> Self:
        """Popularity from counts."""
        heard, heard_in = (
            {name: counts / ONE_LISTENER for name, counts in sorted(counted.items())}
            for counted in (tally.heard, tally.heard_in)
        )
        world = np.sum([*heard.values()] or [np.zeros(len(catalogue))], axis=0)
        shares = world / max(world.sum(), 1e-300)
        abroad = {name: counts for name, counts in heard.items() if name != EVERYWHERE}
        places = [shares, *(_shrunk(counts, shares, params.country_prior) for counts in abroad.values())]
        moods = [_shrunk(counts, shares, params.context_prior) for counts in heard_in.values()]
        countries, contexts = np.array([EVERYWHERE, *abroad]), np.array([*heard_in], np.str_)
        top, context_top = _charts(places, catalogue, params.depth), _charts(moods, catalogue, params.depth)
        return cls(shares.astype(np.float32), countries, *top, contexts, *context_top, catalogue)

    def recommend(self, block: Listeners, k: int, exclude: Exclusions, threads: int = 1) -> TopK:
        """Most popular tracks of each listener's country; the world's where the country is unknown.

        A list ends early where a listener's exclusions use up the country's `depth` tracks. There is no reason to give
        but popularity, and one thread is quick enough: 0.5 microseconds a proposal.
        """
        country = self._charts_of(block)
        ids = np.full((len(block), k), -1, np.int32)
        scores = np.full((len(block), k), -np.inf, np.float32)
        read = (self.top, self.top_shares, self.catalogue.allowed, country, exclude.indptr, exclude.ids)
        _walk(*map(frozen, read), ids, scores)
        return TopK(ids, scores, np.full_like(ids, -1))

    def explain(self, listener: Listeners, track: int, most: int = 3) -> tuple[Reason, ...]:
        """The chart that holds the track: that of the listener's country, or the world's."""
        chart = int(self._charts_of(listener)[0])
        held = track in self.top[chart]
        return (Reason("popular", str(self.countries[chart]), 1.0),) if held and most else ()

    def chart(self, context: str) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """(tracks, shares) most popular in a context, best first; everywhere where nobody listened in it."""
        row = np.flatnonzero(self.contexts == context)
        ids, shares = (self.context_top[row[0]], self.context_shares[row[0]]) if len(row) else (self.top[0], self.top_shares[0])
        allowed = self.catalogue.allowed[ids]
        return ids[allowed], shares[allowed]

    def _charts_of(self, block: Listeners) -> npt.NDArray[np.int32]:
        """Row of each listener's chart, int32 [n]; the world's is 0."""
        place = pc.index_in(block.country, pa.array(self.countries.tolist()))
        return np.asarray(place.fill_null(0).to_numpy(), np.int32)

    def save(self) -> Saved:
        """All arrays; there are no other settings to serve by."""
        return Saved({name: getattr(self, name) for name in ARRAYS}, {})

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any], catalogue: Catalogue) -> Self:
        """The source of saved counts; an artefact of before there were contexts has none."""
        none = {"contexts": np.empty(0, np.str_), "context_top": np.empty((0, 0), np.int32)}
        held = none | {"context_shares": np.empty((0, 0), np.float32)} | dict(arrays)
        return cls(**{name: held[name] for name in ARRAYS}, catalogue=catalogue)


def _shrunk(heard: npt.NDArray[np.float64], shares: npt.NDArray[np.float64], prior: float) -> npt.NDArray[np.float64]:
    return np.asarray((heard + prior * shares) / max(heard.sum() + prior, 1e-300))


def _charts(
    shares: list[npt.NDArray[np.float64]], catalogue: Catalogue, depth: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """(tracks, their shares), [charts, at most `depth`], of shares float64 [tracks] each."""
    depth = min(depth, int(catalogue.allowed.sum()))
    ids = np.array([_best(some, catalogue, depth) for some in shares], np.int32).reshape(len(shares), depth)
    return ids, np.array([some[row] for some, row in zip(shares, ids, strict=True)], np.float32).reshape(ids.shape)


def _best(shares: npt.NDArray[np.float64], catalogue: Catalogue, depth: int) -> npt.NDArray[np.int32]:
    """The `depth` allowed tracks with the largest share; equal ones in order of track_id."""
    order = np.lexsort((catalogue.tie_rank, -shares))
    return order[catalogue.allowed[order]][:depth].astype(np.int32)


_jit: Any = numba.njit(nogil=True, cache=True)


@_jit
def _walk(
    top: npt.NDArray[np.int32],
    top_shares: npt.NDArray[np.float32],
    allowed: npt.NDArray[np.bool_],
    country: npt.NDArray[np.int32],
    indptr: npt.NDArray[np.int64],
    excluded: npt.NDArray[np.int32],
    ids: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
) -> None:
    """Walk down each listener's chart past what they must not get; `mark` remembers whose exclusion a track was last."""
    mark = np.full(len(allowed), -1, np.int64)
    for listener in range(len(ids)):
        for at in range(indptr[listener], indptr[listener + 1]):
            mark[excluded[at]] = listener
        taken, chart = 0, country[listener]
        for place in range(top.shape[1]):
            track = top[chart, place]
            if taken == ids.shape[1]:
                break
            if allowed[track] and mark[track] != listener:
                ids[listener, taken], scores[listener, taken] = track, top_shares[chart, place]
                taken += 1
