"""plays -> counts per track and artist: partial tallies of each task, added up by Spark, laid out again on the driver.

A task holds one row of counts per track, however many listeners pass; what grows with listeners never leaves the workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from conf.feature_jobs import BuildTrackFeatures
from models.ranking.features.tracks import COLUMNS, Tally
from spark_jobs.features.listener_plays import block_of
from spark_jobs.features.opened import AtHand, Opened, opened
from spark_jobs.intake.listener_blocks import whole_listeners

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KINDS = ("track", "artist")
ROWS = "kind string, idx int, country string, " + ", ".join(f"{name} bigint" for name in COLUMNS)
_SCHEMA = pa.schema(
    [("kind", pa.string()), ("idx", pa.int32()), ("country", pa.string()), *((name, pa.int64()) for name in COLUMNS)]
)
_PLAYS = "plays_28d"  # what is told by country; the other columns are 0 there


@dataclass(frozen=True)
class Counter:
    """What a worker needs: references to files and a few numbers; cut_us as in listener_rows."""

    refs: AtHand
    params: BuildTrackFeatures
    cut_us: int

    def rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of ROWS for all batches of one task."""
        for kind, tally in self.tallies(batches).items():
            yield from _rows(kind, tally)

    def tallies(self, batches: Iterator[pa.RecordBatch]) -> dict[str, Tally]:
        """Tracks and artists counted over batches in order of listener."""
        held = opened(self.refs)
        items = held.items.items
        owner = {"track": np.arange(len(items), dtype=np.int32), "artist": items.artist}
        tallies = {kind: Tally.empty(size) for kind, size in sizes(held).items()}
        for batch in whole_listeners(batches):
            block = block_of(batch, self.cut_us, self.params.listen_rule, self.params.gap_minutes)
            judged = held.judge(block.listening) if held.judge else None
            country = block.country.fill_null("").to_numpy(zero_copy_only=False)
            for kind, tally in tallies.items():
                tally.add(block.listening, owner[kind], block.saves, country, self.cut_us, judged)
        return tallies


def sizes(held: Opened) -> dict[str, int]:
    """How many tracks and artists there are."""
    return {"track": len(held.items.items), "artist": len(held.items.artist_id)}


def added_up(rows: DataFrame, held: Opened) -> dict[str, Tally]:
    """The tallies of all tasks together."""
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    summed = rows.groupBy("kind", "idx", "country").agg(*(F.sum(name).alias(name) for name in COLUMNS))
    summed = summed.persist(StorageLevel.MEMORY_AND_DISK)
    total = summed.where("country IS NULL").drop("country").toArrow()
    abroad = summed.where("country IS NOT NULL").select("kind", "idx", "country", _PLAYS).toArrow()
    return {kind: laid_out(total, abroad, kind, size) for kind, size in sizes(held).items()}


def laid_out(total: pa.Table, abroad: pa.Table, kind: str, size: int) -> Tally:
    """The tally that summed rows of one kind stand for."""
    mine, countries = (rows.filter(pa.compute.equal(rows["kind"], kind)) for rows in (total, abroad))
    tally, idx = Tally.empty(size), mine["idx"].to_numpy()
    for column, name in enumerate(COLUMNS):
        tally.counts[idx, column] = mine[name].to_numpy()
    names = countries["country"].to_numpy()
    for name in np.unique(names.astype(str)):
        there = names == name
        plays = np.zeros(size, np.int64)
        plays[countries["idx"].to_numpy()[there]] = countries[_PLAYS].to_numpy()[there]
        tally.by_country[str(name)] = plays
    return tally


def _rows(kind: str, tally: Tally) -> Iterator[pa.RecordBatch]:
    """What is not zero of a tally: totals with no country, then each country."""
    yield _of(kind, None, tally.counts, np.flatnonzero(tally.counts.any(axis=1)))
    for country, plays in sorted(tally.by_country.items()):
        counts = np.zeros((len(plays), len(COLUMNS)), np.int64)
        counts[:, COLUMNS.index(_PLAYS)] = plays
        yield _of(kind, country, counts, np.flatnonzero(plays))


def _of(kind: str, country: str | None, counts: np.ndarray, idx: np.ndarray) -> pa.RecordBatch:  # type: ignore[type-arg]
    n = len(idx)
    beside = [pa.repeat(pa.scalar(kind), n), pa.array(idx, pa.int32()), pa.repeat(pa.scalar(country, pa.string()), n)]
    return pa.RecordBatch.from_arrays([*beside, *(pa.array(column) for column in counts[idx].T)], schema=_SCHEMA)
