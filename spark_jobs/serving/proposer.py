"""Blocks of listeners -> rows of `candidates`: what a worker does, source by source and then their blend.

Artefacts are opened once per worker process and memory-mapped. All sources answer for a block before the next one is
read, so that histories are read once, and their lists are added up while they are still in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf import tables as t
from conf.settings import GenerateCandidates
from models.blend import Blended, blend
from models.circles import circle_of
from models.histories import Histories
from models.sources.base import Catalogue, Circle, Exclusions, Listeners, Source, TopK
from models.sources.kinds import SOURCES
from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.schema import arrow_schema

BLEND = "blend"
# Answers from what everybody plays; all other sources are asked only for listeners with enough history of their own.
FALLBACK = "popularity"
SCHEMA = arrow_schema(t.CANDIDATES)
_LARGEST = np.float32(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Proposer:
    """What a worker needs to answer for blocks of listeners: references to files and a few numbers.

    Attributes
    ----------
    catalogue : who may be proposed and how ties break.
    sources : artefacts, in the order of the rows.
    weights : (source, weight) of the blend.
    """

    catalogue: ArtefactRef
    sources: tuple[ArtefactRef, ...]
    weights: tuple[tuple[str, float], ...]
    params: GenerateCandidates
    run_date: date

    def rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `candidates`: for each block of listeners, one source after the other, then the blend."""
        sources = [(ref.name, open_source(ref, self.catalogue)) for ref in self.sources]
        for batch in batches:
            for start in range(0, len(batch), self.params.block):
                yield from self._answers(sources, batch.slice(start, self.params.block))

    def _answers(self, sources: list[tuple[str, Source]], rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        block = listeners(rows, self.params.circle.k)
        exclude = exclusions(block.log, rows.column("blocked"))
        known = block.log.row_sums(block.log.completions > 0) >= self.params.min_tracks
        lists = {}
        for name, source in sources:
            lists[name] = found = source.recommend(block, self.params.per_source, exclude)
            if name != FALLBACK:
                found.ids[~known], found.scores[~known], found.because[~known] = -1, -np.inf, -1
            yield self._batch(name, block.log, found)
        best = blend(lists, dict(self.weights), open_catalogue(self.catalogue).tie_rank, self.params.per_source)
        yield self._batch(BLEND, block.log, best)

    def _batch(self, source: str, log: Histories, found: TopK | Blended) -> pa.RecordBatch:
        """Proposals as rows; a listener for whom the source has none gets no row."""
        filled = found.ids >= 0
        lengths = filled.sum(axis=1)
        asked = np.flatnonzero(lengths)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths[asked])]).astype(np.int32))
        columns = {
            "run_date": pa.repeat(pa.scalar(self.run_date, pa.date32()), len(asked)),
            "user_id": log.user_ids.take(pa.array(asked)),
            "source": pa.repeat(pa.scalar(source), len(asked)),
            "track_idx": pa.ListArray.from_arrays(offsets, found.ids[filled]),
            "score": pa.ListArray.from_arrays(offsets, halves(found.scores[filled])),
            "because": pa.ListArray.from_arrays(offsets, found.because[filled]),
            "via": self._via(found, filled, offsets),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)

    def _via(self, found: TopK | Blended, filled: npt.NDArray[np.bool_], offsets: Any) -> Any:
        kind = SCHEMA.field("via").type
        if not isinstance(found, Blended):
            return pa.nulls(len(offsets) - 1, kind)
        names = pa.DictionaryArray.from_arrays(pa.array(found.source[filled]), pa.array([name for name, _ in self.weights]))
        return pa.ListArray.from_arrays(offsets, names.cast(pa.string()), type=kind)


def halves(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scores to the precision of float16 (three digits), which packs into half the bytes; order stays that of the list.

    >>> halves(np.array([1.00001, 1e9], np.float32)).tolist()
    [1.0, 65504.0]
    """
    return np.clip(scores, -_LARGEST, _LARGEST).astype(np.float16).astype(np.float32)


def listeners(rows: pa.RecordBatch, k: int) -> Listeners:
    """A block of listeners; what fewer than `k` of their friends love is not told."""
    log = Histories.from_arrow(rows)
    return Listeners(log, rows.column("country"), _circle(rows, k))


def _circle(rows: pa.RecordBatch, k: int) -> Circle | None:
    tracks, weights = rows.column("loved_tracks"), rows.column("loved_weights")
    if tracks.null_count == len(tracks):
        return None
    lengths = tracks.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return circle_of(indptr, tracks.flatten().to_numpy(), weights.flatten().to_numpy(), k)


@lru_cache(maxsize=2)
def open_catalogue(ref: ArtefactRef) -> Catalogue:
    """Who may be proposed, mapped once per worker process."""
    return Catalogue(**artefacts.load_arrays(ref))


@lru_cache(maxsize=len(SOURCES))
def open_source(ref: ArtefactRef, catalogue: ArtefactRef) -> Source:
    """The source of an artefact, opened once per worker process."""
    return SOURCES[ref.name].load(artefacts.load_arrays(ref), artefacts.manifest(ref)["params"], open_catalogue(catalogue))


def exclusions(log: Histories, blocked: Any) -> Exclusions:
    """Heard tracks and blocked ones of each listener of a block."""
    heard = Exclusions(log.indptr, log.track_idx)
    lengths = blocked.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if not lengths.any():  # the usual block: nobody in it blocked anything
        return heard
    row = np.concatenate([np.repeat(np.arange(len(log)), n) for n in (np.diff(log.indptr), lengths)])
    ids = np.concatenate([log.track_idx, blocked.flatten().to_numpy()])
    indptr: npt.NDArray[np.int64] = log.indptr + np.concatenate([[0], np.cumsum(lengths)])
    return Exclusions(indptr, ids[np.argsort(row, kind="stable")])
