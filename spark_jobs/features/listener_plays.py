"""listens and what stands beside them -> blocks of whole listeners: everything a feature is made of, in one shuffle.

What belongs to a listener (timezone, saves, history) travels as one row of their own, the head, in front of their plays: no
play carries it, and nothing is joined with plays but the number of the track. Rows at or after the cut are dropped before
anything is inferred from them: how long a play was heard may be read off the start of the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.contexts import DEVICES, PLAYLIST_CONTEXTS
from conf.values import ListenRule
from models.histories import COLUMNS, PER_TRACK, Histories
from models.listening import Listening, listening
from models.plays import SKIP_REASONS, Plays
from models.ranking.features.listener import Saves
from spark_jobs.intake.listener_blocks import changes

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_PLAY = ("track_idx", "ms_played", "duration_ms", "button", "device", "playlist")


@dataclass(frozen=True)
class Block:
    """n whole listeners.

    Attributes
    ----------
    user_id, country : string [n]; the country is null where unknown.
    listening : their plays before the cut, none for some. saves : tracks they saved.
    log : their histories; of none for listeners without one, or where histories were not asked for.
    simulated : bool [n].
    """

    user_id: Any
    country: Any
    listening: Listening
    saves: Saves
    log: Histories
    simulated: npt.NDArray[np.bool_]


def saves_of(feedback: DataFrame, tracks: DataFrame) -> DataFrame:
    """(user_id, saves): the tracks that a listener saved, each once with its newest time in microseconds."""
    from pyspark.sql import functions as F

    saved = feedback.where("kind = 'save' AND entity = 'track'").withColumnRenamed("entity_id", "track_id")
    each = saved.join(tracks.select("track_id", "track_idx"), "track_id").groupBy("user_id", "track_idx")
    newest = each.agg(F.max(F.unix_micros("at")).alias("at"))
    return newest.groupBy("user_id").agg(F.sort_array(F.collect_list(F.struct("track_idx", "at"))).alias("saves"))


def in_order(listens: DataFrame, tracks: DataFrame, heads: DataFrame) -> DataFrame:
    """Heads and plays of each listener together, the head first, then plays in order of (started_at, listen_id).

    heads : user_id, simulated, timezone, country, saves, and the columns of a history where one is wanted.
    """
    from pyspark.sql import functions as F

    beside = [name for name in heads.columns if name not in ("user_id", "simulated")]
    head = heads.select("user_id", "simulated", F.struct(*beside).alias("head"))
    plays = listens.join(tracks.select("track_id", "track_idx", "duration_ms"), "track_id").select(
        "user_id",
        "simulated",
        F.unix_micros("started_at").alias("started_at"),
        "listen_id",
        "track_idx",
        F.coalesce("ms_played", F.lit(-1)).cast("bigint").alias("ms_played"),
        F.coalesce("duration_ms", F.lit(-1)).cast("bigint").alias("duration_ms"),
        F.coalesce(F.col("reason_end").isin(*SKIP_REASONS), F.lit(False)).alias("button"),
        _code("device", DEVICES).alias("device"),
        _code("playlist_context", PLAYLIST_CONTEXTS).alias("playlist"),
    )
    rows = plays.unionByName(head, allowMissingColumns=True).repartition("user_id")
    return rows.sortWithinPartitions("user_id", F.col("started_at").asc_nulls_first(), "listen_id").drop("listen_id")


def _code(name: str, known: tuple[str, ...]) -> Column:
    """Place of a word in `known`, tinyint; null and strangers take the last one: a byte instead of a word goes round."""
    from pyspark.sql import functions as F

    place = F.array_position(F.array(*map(F.lit, known)), F.col(name))
    return F.when(place > 0, place - 1).otherwise(len(known) - 1).cast("tinyint")


def block_of(batch: pa.RecordBatch, cut_us: int, rule: ListenRule, gap_minutes: float) -> Block:
    """The listeners of a batch of whole listeners, as `in_order` gives them."""
    listener = np.cumsum(changes(batch.column("user_id"))) - 1
    n = int(listener[-1]) + 1 if len(listener) else 0
    is_head = batch.column("head").is_valid().to_numpy(zero_copy_only=False)
    heads = _heads(batch.column("head"), listener, is_head, n)
    at = batch.column("started_at")
    before = pc.less(at, cut_us).fill_null(False).to_numpy(zero_copy_only=False) & ~is_head
    plays = _plays(batch.filter(pa.array(before)), listener[before], n, heads["timezone"], rule, gap_minutes)
    user_id = batch.column("user_id").take(pa.array(np.searchsorted(listener, np.arange(n))))
    simulated = np.zeros(n, bool)
    np.logical_or.at(simulated, listener, batch.column("simulated").fill_null(False).to_numpy(zero_copy_only=False))
    return Block(user_id, heads["country"], plays, _saves(heads["saves"]), _histories(heads, user_id), simulated)


def _heads(column: Any, listener: npt.NDArray[np.int64], is_head: npt.NDArray[np.bool_], n: int) -> dict[str, Any]:
    """Field -> array [n], null for listeners without a head."""
    heads = column.filter(pa.array(is_head))
    row = np.full(n, -1, np.int64)
    row[listener[is_head]] = np.arange(len(heads))
    taken = pa.array(np.maximum(row, 0), mask=row < 0)
    return {field.name: values.take(taken) for field, values in zip(heads.type, heads.flatten(), strict=True)}


def _plays(
    rows: pa.RecordBatch, listener: npt.NDArray[np.int64], n: int, timezone: Any, rule: ListenRule, gap_minutes: float
) -> Listening:
    columns = {name: rows.column(name).to_numpy(zero_copy_only=False) for name in ("started_at", *_PLAY)}
    device, playlist = (columns.pop(name).astype(np.int8) for name in ("device", "playlist"))
    kinds = {"started_at": np.int64, "track_idx": np.int32, "ms_played": np.int64, "duration_ms": np.int64, "button": bool}
    plays = Plays(listener, **{name: columns[name].astype(kind) for name, kind in kinds.items()})
    return listening(plays, n, timezone, device, playlist, rule, gap_minutes)


def _saves(lists: Any) -> Saves:
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    track, at = (values.to_numpy(zero_copy_only=False) for values in lists.flatten().flatten())
    return Saves(np.repeat(np.arange(len(lists)), lengths), track.astype(np.int32), at.astype(np.int64))


def _histories(heads: dict[str, Any], user_id: Any) -> Histories:
    """Histories of the listeners, of no track for those without one."""
    if "weight" not in heads:
        flat = {name: np.empty(0, kind) for name, kind in PER_TRACK.items()}
        return Histories(user_id, np.zeros(len(user_id) + 1, np.int64), **flat)
    empty = {name: pa.scalar([], heads[name].type) for name in PER_TRACK}
    lists = {name: pc.fill_null(heads[name], empty[name]) for name in PER_TRACK}
    return Histories.from_arrow(pa.RecordBatch.from_pydict({"user_id": user_id, **{n: lists[n] for n in COLUMNS[1:]}}))
