"""histories, tracks, users, feedback -> candidates: what each source proposes to each listener.

Spark joins what belongs to a listener; every worker maps the artefacts into memory and answers block after block. A
listener's row depends on nothing but their own history and the artefacts, so any split over machines gives the same rows.
Heard and blocked tracks are excluded here, in the search itself: a full list is left after it. Listeners with too little
history get the popular source alone. build_<surface> makes lists of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf import tables as t
from conf.settings import GenerateCandidates
from models.histories import COLUMNS, Histories
from models.sources.base import CATALOGUE_COLUMNS, Catalogue, Exclusions, Listeners, Source, TopK
from models.sources.mf import MatrixFactorization
from models.sources.popularity import Popularity
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.contract import Blocks, Output, Run
from spark_jobs.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SOURCES: dict[str, type[Source]] = {"mf": MatrixFactorization, "popularity": Popularity}
# Sources that answer from a listener's own taste: they are asked only for listeners with enough history.
PERSONAL = {"mf"}
SCHEMA = arrow_schema(t.CANDIDATES)


def transform(
    *, histories: DataFrame, tracks: DataFrame, users: DataFrame, feedback: DataFrame, params: GenerateCandidates, run: Run
) -> dict[str, Output]:
    """Candidates for the Monday `run.run_date`."""
    catalogue = ship_catalogue(tracks, run)
    proposer = Proposer(catalogue, tuple(run.artefacts[name] for name in SOURCES), params, run.run_date)
    listeners = gather(histories, tracks, users, feedback)
    return {"candidates": Output(Blocks(listeners, proposer.rows, apart="source"))}


def ship_catalogue(tracks: DataFrame, run: Run) -> ArtefactRef:
    """Who may be proposed and how ties break, as arrays that workers map: 5 bytes a track, once per machine."""
    catalogue = Catalogue.from_arrow(tracks.select(CATALOGUE_COLUMNS).toArrow(), run.run_date)
    arrays = {"tie_rank": catalogue.tie_rank, "allowed": catalogue.allowed}
    served = Artefact(arrays, params={"run_date": run.run_date.isoformat()})
    return artefacts.save(run.warehouse, "proposable", run.run_date.isoformat(), served)


def gather(histories: DataFrame, tracks: DataFrame, users: DataFrame, feedback: DataFrame) -> DataFrame:
    """Histories with the listener's country and the numbers of the tracks that they blocked (null where there are none)."""
    return (
        histories.select(COLUMNS)
        .join(users.select("user_id", "country"), "user_id", "left")
        .join(blocked(tracks, feedback), "user_id", "left")
        .select(*COLUMNS, "country", "blocked")
    )


def blocked(tracks: DataFrame, feedback: DataFrame) -> DataFrame:
    """(user_id, blocked): tracks blocked by a listener, themselves or through any of their artists.

    The last word on an entity stands; of a save and a block at the same instant the block does.
    """
    from pyspark.sql import functions as F

    last_word = F.max_by("kind", F.struct("at", F.col("kind") == "block"))
    standing = feedback.groupBy("user_id", "entity", "entity_id").agg(last_word.alias("kind")).where("kind = 'block'")
    by_track = tracks.select(F.lit("track").alias("entity"), F.col("track_id").alias("entity_id"), "track_idx")
    by_artist = tracks.select(F.lit("artist").alias("entity"), F.explode("artist_ids").alias("entity_id"), "track_idx")
    hit = standing.join(by_track.unionByName(by_artist), ["entity", "entity_id"], "inner")
    return hit.groupBy("user_id").agg(F.sort_array(F.collect_set("track_idx")).alias("blocked"))


@dataclass(frozen=True)
class Proposer:
    """What a worker needs to answer for blocks of listeners: references to files and a few numbers."""

    catalogue: ArtefactRef
    sources: tuple[ArtefactRef, ...]
    params: GenerateCandidates
    run_date: date

    def rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `candidates`: for each block of listeners, one source after the other."""
        sources = [(ref.name, open_source(ref, self.catalogue)) for ref in self.sources]
        for batch in batches:
            for start in range(0, len(batch), self.params.block):
                rows = batch.slice(start, self.params.block)
                block = Listeners(Histories.from_arrow(rows), rows.column("country"))
                exclude = exclusions(block.log, rows.column("blocked"))
                for name, source in sources:
                    found = source.recommend(block, self.params.per_source, exclude)
                    yield self._batch(name, block.log, found)

    def _batch(self, source: str, log: Histories, found: TopK) -> pa.RecordBatch:
        """Proposals as rows; a listener for whom the source has none, or too little history, gets no row."""
        filled = found.ids >= 0
        if source in PERSONAL:
            filled &= (log.row_sums(log.completions > 0) >= self.params.min_tracks)[:, None]
        lengths = filled.sum(axis=1)
        asked = np.flatnonzero(lengths)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths[asked])]).astype(np.int32))
        columns = {
            "run_date": pa.repeat(pa.scalar(self.run_date, pa.date32()), len(asked)),
            "user_id": log.user_ids.take(pa.array(asked)),
            "source": pa.repeat(pa.scalar(source), len(asked)),
            "track_idx": pa.ListArray.from_arrays(offsets, found.ids[filled]),
            "score": pa.ListArray.from_arrays(offsets, found.scores[filled]),
            "because": pa.ListArray.from_arrays(offsets, found.because[filled]),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


@lru_cache(maxsize=4)
def open_source(ref: ArtefactRef, catalogue: ArtefactRef) -> Source:
    """The source of an artefact, opened once per worker process."""
    return SOURCES[ref.name].load(
        artefacts.load_arrays(ref), artefacts.manifest(ref)["params"], Catalogue(**artefacts.load_arrays(catalogue))
    )


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
