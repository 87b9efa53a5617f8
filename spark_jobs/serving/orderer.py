"""Blocks of listeners -> rows of `ranked`: what a worker does, by the ranker, or by the blend where the ranker may not serve.

A block's matrix is made once, for any context; for a context of a listener's own only its few columns are made anew. The
ranker's artefact and the side of tracks are opened once per worker process and memory-mapped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.contexts import CONTEXTS
from conf.errors import ArtefactError
from conf.features.pair import COLUMNS, SOURCES
from conf.ranking import Rank
from models.histories import Histories
from models.ranking.matrix import ANY, ListenerSide, Pairs, TrackSide, assemble, for_context
from models.ranking.ranker import Ranker, best_first, places, ranks
from models.sources.base import TopK
from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.schema import arrow_schema
from spark_jobs.serving import ranking_rows as rr

log = logging.getLogger(__name__)
BLEND, RANKER = "blend", "ranker"
SCHEMA = arrow_schema(t.RANKED)
_DRIVER = SCHEMA.field("drivers").type.value_type.value_type
_NAMES = pa.array(COLUMNS, pa.string())
# Any comes first: the others write its columns over.
_CONTEXTS = (ANY, *(at for at in range(len(CONTEXTS)) if at != ANY))
Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Orders:
    """Orders of r (listener, context) pairs, best first: row i owns entries start[i] to start[i + 1].

    Attributes
    ----------
    listener : int64 [r], row of the block. context : which order all of them are.
    drivers, effects : [m, 3], columns that moved each score most; -1 pads and where nobody explained.
    """

    listener: npt.NDArray[np.int64]
    context: int
    model: str
    start: npt.NDArray[np.int64]
    track: Int32s
    score: npt.NDArray[np.float32]
    blend_rank: Int32s
    because: Int32s
    via: Any
    drivers: Int32s
    effects: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Orderer:
    """What a worker needs: references to files and a few numbers.

    ranker, tracks : None where the blend serves. failed : told how many blocks the ranker failed at.
    """

    ranker: ArtefactRef | None
    tracks: ArtefactRef | None
    params: Rank
    run_date: date
    cut: date
    failed: Callable[[int], None] = lambda blocks: None

    def rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `ranked`: for each block of listeners, the order for any context, then those for theirs."""
        for batch in batches:
            for start in range(0, len(batch), self.params.block):
                yield from self._answers(batch.slice(start, self.params.block))

    def _answers(self, rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        row, flat = candidates(rows)
        served = blended(row, flat, len(rows))
        made = self._ranked(rows, row, flat, served) if self.ranker and self.tracks else None
        for orders in made if made is not None else [self._as_blended(served)]:
            if len(orders.listener):
                yield self._batch(rows.column("user_id"), orders)

    def _ranked(self, rows: pa.RecordBatch, row: Any, flat: Any, served: Blended) -> list[Orders] | None:
        """Orders by the ranker; None where it fails at this block."""
        assert self.ranker is not None
        assert self.tracks is not None
        try:
            ranker, tracks = open_ranker(self.ranker), open_tracks(self.tracks)
            block = Block.of(rows, row, flat, ranker, tracks, self.cut)
            return [self._order(block, ranker.of_context(context), context, served) for context in _CONTEXTS]
        except (ArtefactError, KeyError, ValueError, IndexError) as broken:
            log.warning("run_date=%s the blend serves %d listeners: %s", self.run_date, len(rows), broken)
            self.failed(1)
            return None

    def _order(self, block: Block, ranker: Ranker, context: int, served: Blended) -> Orders:
        """The best `kept` of each listener who has candidates and, but for any, plays the context enough."""
        asked = np.diff(block.pairs.first) > 0
        if context != ANY:
            asked &= block.listeners.share[:, context] >= self.params.context_share
        pairs = of_listeners(block.pairs, asked)
        who = np.flatnonzero(asked)
        if context != ANY:
            pairs = for_context(pairs, only(block.listeners, who), block.tracks, context)
        scores = ranker.score(pairs.x)
        order = best_first(pairs.first, scores)
        rank = ranks(pairs.first)
        kept = order[rank < self.params.kept]
        size = np.minimum(np.diff(pairs.first), self.params.kept)
        drivers, effects = np.full((len(kept), 3), -1, np.int32), np.zeros((len(kept), 3), np.float32)
        told = rank[rank < self.params.kept] < self.params.explained
        drivers[told], effects[told] = ranker.drivers(pairs.x[kept[told]])
        names = pa.array(pairs.sources, pa.string())
        before = places(served.ids, np.repeat(who, size), pairs.track[kept]) + 1
        return Orders(
            who, context, RANKER, np.concatenate([[0], np.cumsum(size)]).astype(np.int64), pairs.track[kept],
            scores[kept].astype(np.float32), before.astype(np.int32), pairs.because[kept],
            names.take(pa.array(pairs.via[kept])), drivers, effects,
        )  # fmt: skip

    def _as_blended(self, served: Blended) -> Orders:
        """The blend's own order, for any context."""
        lengths = (served.ids >= 0).sum(axis=1)
        who = np.flatnonzero(lengths)
        held = served.ids >= 0
        start = np.concatenate([[0], np.cumsum(lengths[who])]).astype(np.int64)
        size = int(start[-1])
        return Orders(
            who, ANY, BLEND, start, served.ids[held], served.scores[held], (np.nonzero(held)[1] + 1).astype(np.int32),
            served.because[held], served.via, np.full((size, 3), -1, np.int32), np.zeros((size, 3), np.float32),
        )  # fmt: skip

    def _batch(self, user_ids: Any, orders: Orders) -> pa.RecordBatch:
        n, offsets = len(orders.listener), pa.array(orders.start.astype(np.int32))

        def lists(name: str, values: Any) -> Any:
            return pa.ListArray.from_arrays(offsets, values, type=SCHEMA.field(name).type)

        columns = {
            "run_date": pa.repeat(pa.scalar(self.run_date, pa.date32()), n),
            "user_id": user_ids.take(pa.array(orders.listener)),
            "context": pa.repeat(pa.scalar(CONTEXTS[orders.context]), n),
            "model": pa.repeat(pa.scalar(orders.model), n),
            "track_idx": lists("track_idx", pa.array(orders.track)),
            "score": lists("score", pa.array(orders.score)),
            "blend_rank": lists("blend_rank", pa.array(orders.blend_rank)),
            "because": lists("because", pa.array(orders.because)),
            "via": lists("via", orders.via),
            "drivers": lists("drivers", _drivers(orders.drivers, orders.effects)),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _drivers(drivers: Int32s, effects: npt.NDArray[np.float32]) -> Any:
    there = drivers >= 0
    offsets = pa.array(np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32))
    told = [_NAMES.take(pa.array(drivers[there])), pa.array(effects[there])]
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(told, fields=list(_DRIVER)), type=pa.list_(_DRIVER))


@dataclass(frozen=True)
class Blended:
    """The blend's lists of n listeners as they were made: ids, scores, because [n, k], -1 pads; via of each entry."""

    ids: Int32s
    scores: npt.NDArray[np.float32]
    because: Int32s
    via: Any


def candidates(rows: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], Any]:
    """(listener of each row of candidates, the rows as a struct array), by listener and source."""
    lists = rows.column("lists")
    return np.repeat(np.arange(len(rows)), lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)), lists.flatten()


def blended(row: npt.NDArray[np.int64], flat: Any, n: int) -> Blended:
    """The blend's lists."""
    mine = pc.equal(flat.field("source"), BLEND)
    there = mine.to_numpy(zero_copy_only=False)
    own = flat.filter(mine)
    columns = {name: own.field(name) for name in ("track_idx", "score", "because")}
    longest = pc.max(columns["track_idx"].value_lengths()).as_py() or 1
    top = rr.padded(row[there], columns, n, longest)
    return Blended(top.ids, top.scores, top.because, own.field("via").flatten())


@dataclass(frozen=True)
class Block:
    """Listeners, and the matrix of their candidates for any context."""

    listeners: ListenerSide
    tracks: TrackSide
    pairs: Pairs

    @classmethod
    def of(cls, rows: pa.RecordBatch, row: Any, flat: Any, ranker: Ranker, tracks: TrackSide, cut: date) -> Block:
        """The matrix of a block of rows that `gather` made."""
        columns = {name: flat.field(name) for name in ("track_idx", "score", "because")}
        lists: dict[str, TopK] = rr.lists_of(row, flat.field("source"), columns, len(rows), ranker.asked)
        lists.pop(BLEND, None)
        features = {name: rows.column(name) for name in (*rr.LISTENER_FEATURES, "country")}
        log_ = Histories.from_arrow(rows)
        listeners = rr.listeners_of(log_, features, rr.InContexts.of_lists(rows.column("contexts")), tracks, cut)
        known = {name: top for name, top in lists.items() if name in SOURCES}
        return cls(listeners, tracks, assemble(known, listeners, tracks, ranker.weights, ranker.depth))


def of_listeners(pairs: Pairs, asked: npt.NDArray[np.bool_]) -> Pairs:
    """The rows of the listeners that `asked`, bool [n], names, as a copy."""
    rows = np.repeat(asked, np.diff(pairs.first))
    first = np.concatenate([[0], np.cumsum(np.diff(pairs.first)[asked])]).astype(np.int64)
    return Pairs(first, pairs.track[rows], pairs.because[rows], pairs.via[rows], pairs.sources, pairs.x[rows])


def only(listeners: ListenerSide, who: npt.NDArray[np.int64]) -> ListenerSide:
    """What an order for a context reads of some listeners: their shares and modes. All else stays as it was."""
    return replace(listeners, share=listeners.share[who], modes=listeners.modes[who])


@lru_cache(maxsize=2)
def open_ranker(ref: ArtefactRef) -> Ranker:
    """The ranker of an artefact; ArtefactError where it is damaged or may not serve."""
    params = artefacts.manifest(ref)["params"]
    if not params.get("serves"):
        raise ArtefactError(f"{params.get('why') or 'it does not serve'}")
    return Ranker.load(artefacts.load_arrays(ref), params)


@lru_cache(maxsize=2)
def open_tracks(ref: ArtefactRef) -> TrackSide:
    """The side of tracks that `rank` shipped."""
    return TrackSide.load(artefacts.load_arrays(ref))
