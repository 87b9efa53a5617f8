"""blocks of whole listeners -> rows of listener_features, listener_contexts and session_modes: what a worker does.

All three come from one look at a block. They leave the worker as Arrow's own bytes, a message a table and block, so that the
JVM keeps them for three writers without taking a vector apart, number by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf import tables as t
from conf.contexts import CONTEXTS
from conf.contract import Table
from conf.feature_jobs import BuildListenerFeatures
from models.contexts import MODES
from models.ranking.features.listener import ListenerFeatures, listener_features
from models.ranking.features.sessions import ContextFeatures, SessionFeatures, context_features, session_features
from spark_jobs.features.arrow_columns import lists, rows_of, vectors
from spark_jobs.features.listener_plays import Block, block_of
from spark_jobs.features.opened import AtHand, Opened, opened
from spark_jobs.intake.listener_blocks import whole_listeners

Columns = dict[str, Any]
MESSAGES = "table string, rows binary"
TABLES = (t.LISTENER_FEATURES, t.LISTENER_CONTEXTS, t.SESSION_MODES)


@dataclass(frozen=True)
class FeatureMaker:
    """What a worker needs: references to files and a few numbers.

    cut_us : microseconds since 1970-01-01 UTC of the first instant that does not count.
    """

    refs: AtHand
    params: BuildListenerFeatures
    run_date: date
    cut_us: int

    def messages(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of MESSAGES for the batches of one task."""
        held = opened(self.refs)
        for batch in whole_listeners(batches):
            made = self.tables(batch, held)
            packed = [pack(rows) for rows in made.values()]
            yield pa.RecordBatch.from_pydict({"table": list(made), "rows": pa.array(packed, pa.binary())})

    def tables(self, batch: pa.RecordBatch, held: Opened) -> dict[str, pa.RecordBatch]:
        """Table -> its rows of a batch of whole listeners."""
        block = block_of(batch, self.cut_us, self.params.listen_rule, self.params.gap_minutes)
        plays, cut_us, embedder = block.listening, self.cut_us, held.embedder
        judged = held.judge(plays) if held.judge else None
        content = embedder.content.vectors if embedder.content else None
        factors = embedder.mf.factors if embedder.mf else None
        made = listener_features(plays, held.items.items, block.saves, cut_us, judged, self.params)
        contexts = context_features(plays, cut_us, judged, content, self.params)
        sessions = session_features(plays, cut_us, judged, factors)
        everybody = np.arange(len(block.user_id))
        return {
            t.LISTENER_FEATURES.name: self._rows(t.LISTENER_FEATURES, block, everybody, _listeners(made, block, held)),
            t.LISTENER_CONTEXTS.name: self._rows(t.LISTENER_CONTEXTS, block, contexts.listener, _contexts(contexts)),
            t.SESSION_MODES.name: self._rows(t.SESSION_MODES, block, sessions.listener, _sessions(sessions)),
        }

    def _rows(self, table: Table, block: Block, who: npt.NDArray[np.int64], columns: Columns) -> pa.RecordBatch:
        """Rows of listeners `who`, with what every row carries beside its features."""
        user_id = block.user_id.take(pa.array(who))
        buckets = np.array([crc32(name.encode()) % self.params.buckets for name in block.user_id.to_pylist()], np.int32)
        beside = {"bucket": buckets[who], "user_id": user_id, "simulated": block.simulated[who]}
        return rows_of(table, self.run_date, columns | beside)


def _listeners(made: ListenerFeatures, block: Block, held: Opened) -> Columns:
    artists, genres = made.artists, made.genres
    start, shares = artists.groups.start, {name: vectors(values) for name, values in made.vectors.items()}
    return made.scalars | shares | {
        "artist_ids": lists(start, held.items.artist_id.take(pa.array(artists.groups.values))),
        "artist_affinity": lists(start, artists.affinity),
        "skip_adjusted_affinity": lists(start, artists.adjusted),
        "activation": lists(start, artists.activation),
        "genres": lists(genres.groups.start, held.items.genre.take(pa.array(genres.groups.values))),
        "genre_affinity": lists(genres.groups.start, genres.affinity),
        "embedding": vectors(held.embedder.listeners(block.log)),
    }  # fmt: skip


def _contexts(made: ContextFeatures) -> Columns:
    named = pa.array(CONTEXTS).take(pa.array(made.context))
    embedding = vectors(made.embedding)
    return {"context": named, "share": made.share, "sessions": made.sessions, "context_embedding": embedding}


def _sessions(made: SessionFeatures) -> Columns:
    return {
        "started_at": pa.array(made.started_at, pa.timestamp("us", "UTC")),
        "plays": made.plays,
        "context": pa.array(CONTEXTS).take(pa.array(made.context)),
        "mode": pa.array(MODES).take(pa.array(made.mode)),
        "contexts": vectors(made.contexts),
        "own": made.own,
        "session_embedding": vectors(made.embedding),
    }


def pack(rows: pa.RecordBatch) -> bytes:
    """Rows as bytes that `unpack` reads."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    return sink.getvalue().to_pybytes()


def unpack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of the messages in column `rows`, without copying."""
    for batch in batches:
        for message in batch.column("rows"):
            yield from pa.ipc.open_stream(message.as_buffer())
