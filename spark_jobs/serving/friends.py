"""histories, follows -> what each listener's friends lately love, as arrays beside the listener's own row.

Rows grow with listeners and whom they follow, never with tracks: a friend's loves travel as one array of at most `depth`
entries. What a friend loves, how many friends love a track, and hiding what too few do is up to models/circles.py; Spark's
own array functions took 7 CPU seconds for the loves of 42,000 listeners.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from conf.settings import CircleRule
from models.circles import loved
from models.histories import COLUMNS, Histories

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

EPOCH = date(1970, 1, 1)
_LOVES = "followed_id string, loves array<struct<weight: float, track_idx: int>>"


def loved_by_friends(histories: DataFrame, follows: DataFrame, cut: date, rule: CircleRule) -> DataFrame:
    """(user_id, loved_tracks, loved_weights): the loves of all friends, one friend after the other."""
    from pyspark.sql import functions as F

    lover = Lover((cut - EPOCH).days, rule)
    loves = histories.select(COLUMNS).mapInArrow(lover.loves, _LOVES)
    pairs = follows.select("user_id", "followed_id").where("user_id <> followed_id").distinct()
    found = pairs.join(loves, "followed_id", "inner").groupBy("user_id").agg(F.flatten(F.collect_list("loves")).alias("loves"))
    return found.select("user_id", F.col("loves.track_idx").alias("loved_tracks"), F.col("loves.weight").alias("loved_weights"))


@dataclass(frozen=True)
class Lover:
    """What a worker needs to tell loves: the first day that histories do not see, and the rule."""

    cut_day: int
    rule: CircleRule

    def loves(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Listeners who love anything, and what."""
        for batch in batches:
            log = Histories.from_arrow(batch)
            chosen = loved(log, self.cut_day, self.rule.days, self.rule.depth)
            kept = log.row_sums(chosen)
            lovers = np.flatnonzero(kept)
            offsets = np.concatenate([[0], np.cumsum(kept[lovers])]).astype(np.int32)
            entry = pa.StructArray.from_arrays([log.weight[chosen], log.track_idx[chosen]], ["weight", "track_idx"])
            lists = pa.ListArray.from_arrays(pa.array(offsets), entry)
            yield pa.RecordBatch.from_arrays([log.user_ids.take(pa.array(lovers)), lists], ["followed_id", "loves"])
