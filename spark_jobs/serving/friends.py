"""histories, follows -> what each listener's friends lately love, as arrays beside the listener's own row.

Rows grow with listeners and whom they follow, never with tracks: a friend's loves travel as one array of at most `depth`
entries. Counting how many friends love a track, and hiding what too few do, is the worker's part (models/circles.py).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from conf.settings import CircleRule

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_EPOCH = date(1970, 1, 1)
# Strongest first, of equal ones the lower track number, as models/circles.py orders them.
_STRONGEST = """
    (a, b) -> case when a.weight > b.weight then -1 when a.weight < b.weight then 1
                   when a.track_idx < b.track_idx then -1 when a.track_idx > b.track_idx then 1 else 0 end
"""


def loved_by_friends(histories: DataFrame, follows: DataFrame, cut: date, rule: CircleRule) -> DataFrame:
    """(user_id, loved_tracks, loved_weights): the loves of all friends, one friend after the other."""
    from pyspark.sql import functions as F

    loved = histories.select(F.col("user_id").alias("followed_id"), loves(cut, rule)).where("size(loves) > 0")
    pairs = follows.select("user_id", "followed_id").where("user_id <> followed_id").distinct()
    found = pairs.join(loved, "followed_id", "inner").groupBy("user_id").agg(F.flatten(F.collect_list("loves")).alias("loves"))
    return found.select("user_id", F.col("loves.track_idx").alias("loved_tracks"), F.col("loves.weight").alias("loved_weights"))


def loves(cut: date, rule: CircleRule) -> object:
    """Column `loves` of a history row: its strongest tracks completed lately, array<struct<weight, track_idx>>."""
    from pyspark.sql import functions as F

    first_day = (cut - _EPOCH).days - rule.days
    entry = "arrays_zip(weight, track_idx, completions, last_day)"
    lately = f"filter({entry}, x -> x.completions > 0 and x.last_day >= {first_day} and x.weight > 0)"
    strongest = f"slice(array_sort({lately}, {_STRONGEST}), 1, {rule.depth})"
    return F.expr(f"transform({strongest}, x -> struct(x.weight as weight, x.track_idx as track_idx))").alias("loves")
