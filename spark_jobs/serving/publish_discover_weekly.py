"""playlists, charts -> stores, exposures, publications: Discover Weekly goes on air.

The protocol is exports/publish.py; this edge streams the week's rows to it and keeps the books. Nothing here holds all
listeners at once. The record of a flip may be lost when a run is killed right after it: the next run finds the pointer
already moved and writes the row then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.settings import PublishDiscoverWeekly
from exports.edition import Edition
from exports.gates import PublishGates
from exports.records import Record, charts_from_arrow, from_arrow
from spark_jobs.contract import Output, Rows, Run
from spark_jobs.rows import sql
from spark_jobs.schema import arrow_schema
from spark_jobs.serving.publication import bring

log = logging.getLogger(__name__)
SURFACE = "discover_weekly"
OURS = pc.field("surface") == SURFACE
# Listeners whose exposures go into one commit: thirty ids each, some 50 MB.
COMMIT_ROWS = 100_000


def transform(
    *,
    playlists: Rows,
    charts: Rows,
    histories: Rows,
    publications: Rows,
    params: PublishDiscoverWeekly,
    run: Run,
) -> dict[str, Output]:
    """Flip every store that answers; see publication.py for the others."""
    edition = Edition(SURFACE, run.run_date, partial(records, playlists, charts), expected_listeners=histories.count())
    gates = PublishGates(**params.model_dump(include=set(PublishGates.model_fields)))
    return bring(edition, gates, params, run, publications, exposures=partial(expose, playlists, run))


def records(playlists: Rows, charts: Rows) -> Iterator[Record]:
    """Every record of the week: popular lists, then listeners."""
    for batch in charts.batches(where=OURS):
        yield from charts_from_arrow(batch)
    for batch in playlists.batches(where=OURS):
        yield from from_arrow(batch)


def expose(playlists: Rows, run: Run, generation: str) -> None:
    """Write what will have been shown, in place of what an earlier attempt wrote for this generation.

    A listener's propensity is 1 throughout: the list is not random.
    """
    week = [("run_date", "=", run.run_date), ("surface", "=", SURFACE), ("generation", "=", generation)]
    replace = " AND ".join(map(sql, week))
    for shown in _commits(playlists):
        run.write("exposures", Output(_exposures(shown, run, generation), replace))
        replace = ""  # the rest of the listeners is appended


def _commits(playlists: Rows) -> Iterator[pa.Table]:
    """Listeners with their tracks and simulated flags, COMMIT_ROWS or more at a time; one empty table for no listener."""
    held: list[pa.RecordBatch] = []
    yielded = False
    for batch in playlists.batches(columns=["user_id", "tracks", "simulated"], where=OURS):
        held.append(_ids_only(batch))
        if sum(map(len, held)) >= COMMIT_ROWS:
            yield pa.Table.from_batches(held)
            held, yielded = [], True
    if held or not yielded:
        yield pa.Table.from_batches(held, schema=_SHOWN)


_SHOWN = pa.schema([("user_id", pa.string()), ("track_ids", pa.list_(pa.string())), ("simulated", pa.bool_())])


def _ids_only(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Batch without titles, names and reasons, which are nine tenths of its bytes."""
    tracks = batch["tracks"]
    offsets = np.concatenate([[0], np.cumsum(tracks.value_lengths().to_numpy())]).astype(np.int32)
    ids = pa.ListArray.from_arrays(pa.array(offsets), tracks.flatten().field("track_id"))
    return pa.RecordBatch.from_arrays([batch["user_id"], ids, batch["simulated"]], schema=_SHOWN)


def _exposures(shown: pa.Table, run: Run, generation: str) -> pa.Table:
    track_ids = shown["track_ids"].combine_chunks()
    n = len(shown)
    certain = pa.ListArray.from_arrays(track_ids.offsets, pa.array(np.ones(len(track_ids.values), np.float32)))
    columns = {
        "run_date": pa.array([run.run_date] * n, pa.date32()),
        "surface": pa.array([SURFACE] * n, pa.string()),
        "generation": pa.array([generation] * n, pa.string()),
        "user_id": shown["user_id"],
        "track_ids": track_ids,
        "propensity": certain,
        "simulated": shown["simulated"],
    }
    schema = arrow_schema(t.EXPOSURES)
    return pa.table([columns[name] for name in schema.names], schema=schema)
