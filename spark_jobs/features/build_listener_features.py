"""listens, histories, tracks, users, feedback -> listener_features, listener_contexts, session_modes: what is known of each.

One shuffle by listener, one walk over their plays (models/ranking/features), three tables; a row depends on its own listener,
the catalogue and the artefacts alone, so any bucket can be built again by itself. The ranker reads them. Without an artefact
its features are null, and the run says so.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import pyarrow as pa

from conf.feature_jobs import BuildListenerFeatures
from models.histories import PER_TRACK
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.contract import Blocks, Output, Run
from spark_jobs.features import item_arrays
from spark_jobs.features.listener_plays import in_order, saves_of
from spark_jobs.features.listener_rows import MESSAGES, TABLES, FeatureMaker, unpack
from spark_jobs.features.opened import at_hand
from spark_jobs.rows import sql
from spark_jobs.schema import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_VIEWS = ("mf", "content", "sequence", "contexts")


def transform(
    *,
    listens: DataFrame,
    histories: DataFrame,
    tracks: DataFrame,
    users: DataFrame,
    feedback: DataFrame,
    track_audio: DataFrame,
    params: BuildListenerFeatures,
    run: Run,
) -> dict[str, Output]:
    """Features of everybody with a history, or of one shard of them."""
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    refs = at_hand(run, _VIEWS, ship_items(tracks, track_audio, run))
    maker = FeatureMaker(refs, params, run.run_date, micros(run.cut))
    heads = heads_of(histories, users, saves_of(feedback.where(before(run.cut, "at")), tracks))
    rows = in_order(listens.where(before(run.cut, "started_at")), tracks, heads.where(_in_shard(params)))
    if params.shard is not None:
        rows = rows.where(_in_shard(params))
    made = rows.mapInArrow(maker.messages, MESSAGES).persist(StorageLevel.MEMORY_AND_DISK)
    outputs = {}
    for table in TABLES:
        own = made.where(F.col("table") == table.name).select("rows")
        if params.shard is None:
            outputs[table.name] = Output(Blocks(own, unpack))
        else:
            shard = list(unpack(iter(own.toArrow().to_batches())))
            outputs[table.name] = Output(pa.Table.from_batches(shard, arrow_schema(table)), replaced(params, run.run_date))
    return outputs


def ship_items(tracks: DataFrame, track_audio: DataFrame, run: Run, popularity: bool = True) -> ArtefactRef:
    """The catalogue as arrays that workers map; without `popularity`, nobody is mainstream or not."""
    ranked = run.artefacts.get("popularity") if popularity else None
    if popularity and ranked is None:
        run.warn(f"features go without popularity: it has no artefact for {run.run_date}")
    catalogue, audio = tracks.select(item_arrays.TRACK_COLUMNS), track_audio.select(item_arrays.AUDIO_COLUMNS)
    return item_arrays.ship(run.warehouse, run.run_date, catalogue.toArrow(), audio.toArrow(), ranked)


def heads_of(histories: DataFrame, users: DataFrame, saves: DataFrame) -> DataFrame:
    """What stands in front of each listener's plays: their history, where they live, what they saved."""
    history = histories.select("user_id", "simulated", *PER_TRACK)
    return history.join(users.select("user_id", "timezone", "country"), "user_id", "left").join(saves, "user_id", "left")


def before(cut: date, name: str) -> Column:
    """True for rows whose timestamp `name` lies before the cut, whatever frame the job is given."""
    from pyspark.sql import functions as F

    return F.unix_micros(name) < micros(cut)


def micros(day: date) -> int:
    """Microseconds since 1970-01-01 UTC at which a UTC day begins.

    >>> micros(date(1970, 1, 2))
    86400000000
    """
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1_000_000


def _in_shard(params: BuildListenerFeatures) -> Column:
    from pyspark.sql import functions as F

    if params.shard is None:
        return F.lit(True)
    place, shards = params.place
    return F.pmod(F.crc32(F.col("user_id").cast("binary")), F.lit(shards)) == place


def replaced(params: BuildListenerFeatures, run_date: date) -> str:
    """The rows that a shard takes the place of, as SQL.

    >>> replaced(BuildListenerFeatures(buckets=4, shard="1/2"), date(2026, 9, 7))
    "run_date = DATE '2026-09-07' AND bucket IN (1, 3)"
    """
    place, shards = params.place
    buckets = ", ".join(str(bucket) for bucket in range(place, params.buckets, shards))
    return f"{sql(('run_date', '=', run_date))} AND bucket IN ({buckets})"
