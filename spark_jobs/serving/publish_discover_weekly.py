"""playlists, charts -> stores, exposures, publications: Discover Weekly goes on air.

The protocol is exports/publish.py; this edge streams the week's rows to it and keeps the books. Nothing here holds all
listeners at once. The record of a flip may be lost when a run is killed right after it: the next run finds the pointer
already moved and writes the row then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.errors import EXIT_DONE, BusyError, DiskError, FactoryError, PublishError, StoreAwayError
from conf.settings import PublishDiscoverWeekly
from exports.edition import Edition
from exports.gates import PublishGates
from exports.publish import StoreOutcome, exit_code, publish
from exports.records import Record, charts_from_arrow, from_arrow
from exports.stores.opening import open_store
from spark_jobs.contract import Output, Rows, Run
from spark_jobs.rows import sql
from spark_jobs.schema import arrow_schema

log = logging.getLogger(__name__)
SURFACE = "discover_weekly"
OURS = pc.field("surface") == SURFACE
# Listeners whose exposures go into one commit: thirty ids each, some 50 MB.
COMMIT_ROWS = 100_000
_ERRORS: dict[int, type[FactoryError]] = {e.exit_code: e for e in (PublishError, StoreAwayError, DiskError, BusyError)}


def transform(
    *,
    playlists: Rows,
    charts: Rows,
    histories: Rows,
    publications: Rows,
    params: PublishDiscoverWeekly,
    run: Run,
) -> dict[str, Output]:
    """Flip every store that answers; raise for the others once the flips that happened are written down."""
    edition = Edition(SURFACE, run.run_date, partial(records, playlists, charts), expected_listeners=histories.count())
    gates = PublishGates(**params.model_dump(include=set(PublishGates.model_fields)))
    with ExitStack() as opened:
        folder = run.warehouse / "stores"
        stores = [opened.enter_context(closing(open_store(name, folder, params.redis))) for name in params.stores]
        outcomes = publish(edition, stores, gates, fence=run.fence, exposures=partial(expose, playlists, run), epoch=run.epoch)
    flips = unrecorded(outcomes, publications, run)
    written = {"publications": Output(flips, replace="")} if flips.num_rows else {}
    code = exit_code(outcomes)
    if code == EXIT_DONE:
        return written
    for table, output in written.items():
        run.write(table, output)
    raise _ERRORS[code](_failures(outcomes))


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


def unrecorded(outcomes: list[StoreOutcome], publications: Rows, run: Run) -> pa.Table:
    """Rows of `publications` for the stores that serve this week and whose move is not written down yet."""
    seen = publications.table(columns=["store", "generation", "epoch"], where=OURS).to_pylist()
    known = {(row["store"], row["generation"], row["epoch"]) for row in seen}
    moved = [o for o in outcomes if o.state in ("flipped", "already")]
    rows = [
        {
            "run_date": run.run_date,
            "surface": SURFACE,
            "store": outcome.store,
            "generation": outcome.generation,
            "epoch": outcome.epoch,
            "action": "flip",
            "records": outcome.records,
            "at": datetime.now(UTC),  # an operator asks when; no list depends on it
        }
        for outcome in moved
        if (outcome.store, outcome.generation, outcome.epoch) not in known
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(t.PUBLICATIONS))


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


def _failures(outcomes: list[StoreOutcome]) -> str:
    """One line about the stores that were left behind, and those that were not."""
    failed = [f"{o.store} {o.state}: {o.error}" for o in outcomes if o.exit_code != EXIT_DONE]
    served = [o.store for o in outcomes if o.exit_code == EXIT_DONE]
    return f"{'; '.join(failed)}. Served: {', '.join(served) or 'none'}. A re-run completes only what is missing"
