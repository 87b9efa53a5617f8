"""edition -> stores, publications: how any surface goes on air, and how the books are kept.

The protocol is exports/publish.py. The record of a flip may be lost when a run is killed right after it: the next run finds
the pointer already moved and writes the row then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.errors import EXIT_DONE, BusyError, DiskError, FactoryError, PublishError, StoreAwayError
from exports.edition import Edition, Gates
from exports.publish import StoreOutcome, exit_code, publish
from exports.stores.opening import open_store
from spark_jobs.contract import Output, Rows, Run
from spark_jobs.schema import arrow_schema

_ERRORS: dict[int, type[FactoryError]] = {e.exit_code: e for e in (PublishError, StoreAwayError, DiskError, BusyError)}


def bring(
    edition: Edition,
    gates: Gates,
    params: Any,
    run: Run,
    publications: Rows,
    exposures: Callable[[str], None] = lambda generation: None,
) -> dict[str, Output]:
    """Flip every store that answers; raise for the others once the flips that happened are written down.

    `params` has `stores` and `redis`, as every publishing job's settings do.
    """
    with ExitStack() as opened:
        folder = run.warehouse / "stores"
        stores = [opened.enter_context(closing(open_store(name, folder, params.redis))) for name in params.stores]
        outcomes = publish(edition, stores, gates, fence=run.fence, exposures=exposures, epoch=run.epoch)
    flips = unrecorded(edition.surface, outcomes, publications, run)
    written = {"publications": Output(flips, replace="")} if flips.num_rows else {}
    code = exit_code(outcomes)
    if code == EXIT_DONE:
        return written
    for table, output in written.items():
        run.write(table, output)
    raise _ERRORS[code](_failures(outcomes))


def unrecorded(surface: str, outcomes: list[StoreOutcome], publications: Rows, run: Run) -> pa.Table:
    """Rows of `publications` for the stores that serve this week and whose move is not written down yet."""
    ours = pc.field("surface") == surface
    seen = publications.table(columns=["store", "generation", "epoch"], where=ours).to_pylist()
    known = {(row["store"], row["generation"], row["epoch"]) for row in seen}
    moved = [o for o in outcomes if o.state in ("flipped", "already")]
    rows = [
        {
            "run_date": run.run_date,
            "surface": surface,
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


def _failures(outcomes: list[StoreOutcome]) -> str:
    """One line about the stores that were left behind, and those that were not."""
    failed = [f"{o.store} {o.state}: {o.error}" for o in outcomes if o.exit_code != EXIT_DONE]
    served = [o.store for o in outcomes if o.exit_code == EXIT_DONE]
    return f"{'; '.join(failed)}. Served: {', '.join(served) or 'none'}. A re-run completes only what is missing"
