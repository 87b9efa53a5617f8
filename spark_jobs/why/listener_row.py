"""a listener's rows of a week -> the one row that `rank` gathers in Spark, and the side of the tracks that it meets."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from conf import tables as t
from conf.contexts import CONTEXTS
from models.histories import COLUMNS
from models.ranking.matrix import TrackSide
from spark_jobs.rows import Condition
from spark_jobs.schema import arrow_schema
from spark_jobs.serving import ranking_rows as rr
from spark_jobs.serving.orderer import open_tracks
from spark_jobs.serving.rank import TRACKS
from spark_jobs.why.evidence import Evidence

_ENTRY = ("source", "track_idx", "score", "because", "via")


def tracks_of(evidence: Evidence) -> TrackSide | None:
    """The side of the tracks of the week, as it was shipped, else made again; None where no features were built."""
    shipped = evidence.shipped(TRACKS)
    if shipped:
        return open_tracks(shipped)
    week: list[Condition] = [("run_date", "=", evidence.run_date)]

    def rows(table: Any, columns: list[str]) -> pa.Table:
        return evidence.warehouse.rows(table, conditions=week).table(columns)

    features = rows(t.TRACK_FEATURES, rr.TRACK_FEATURES)
    by_artist = rows(t.ARTIST_FEATURES, rr.ARTIST_FEATURES)
    if not len(features) or not len(by_artist):
        return None
    tracks = evidence.events(t.TRACKS, rr.TRACK_COLUMNS)
    return rr.tracks_of(features, by_artist, tracks, rows(t.TRACK_AUDIO, rr.AUDIO_COLUMNS), evidence.run_date)


def listener_row(evidence: Evidence) -> pa.RecordBatch:
    """The listener with the sources' lists, their history, features, contexts and country."""
    row = evidence.history.select(COLUMNS).to_pylist()[0]
    features = evidence.weekly(t.LISTENER_FEATURES, rr.LISTENER_FEATURES).to_pylist()
    row |= features[0] if features else dict.fromkeys(rr.LISTENER_FEATURES)
    contexts = evidence.weekly(t.LISTENER_CONTEXTS, rr.CONTEXT_FEATURES).to_pylist()
    row["contexts"] = [view for view in contexts if view["context"] in CONTEXTS]
    row["lists"] = [{name: found[name] for name in _ENTRY} for found in evidence.candidates.values()]
    row["country"] = evidence.home["country"]
    return pa.RecordBatch.from_pylist([row], schema=_schema())


def _schema() -> pa.Schema:
    """Types of the columns, from the contracts that they come from."""
    candidates, contexts = arrow_schema(t.CANDIDATES), arrow_schema(t.LISTENER_CONTEXTS)
    history, features = arrow_schema(t.HISTORIES), arrow_schema(t.LISTENER_FEATURES)
    lists = pa.list_(pa.struct([candidates.field(name) for name in _ENTRY]))
    views = pa.list_(pa.struct([contexts.field(name) for name in rr.CONTEXT_FEATURES]))
    own = [history.field(name) for name in COLUMNS]
    known = [features.field(name) for name in rr.LISTENER_FEATURES]
    return pa.schema([*own, *known, ("contexts", views), ("lists", lists), ("country", pa.string())])
