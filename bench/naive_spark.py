"""The rival of bench/week.py: Discover Weekly as a Spark user would write it.

MLlib's ALS on the exploded histories, recommendForAllUsers, heard tracks removed by an anti-join, at most two tracks per
main artist and thirty per listener by window functions, written to Delta. It is given what the line has to find out: whole
numbers for listeners, and a catalogue that needs no filling up of short lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

# recommendForAllUsers cannot leave out heard tracks: the best 100 are asked for, as most such pipelines do.
ASKED, LENGTH, PER_ARTIST = 100, 30, 2


@dataclass(frozen=True)
class Setting:
    """One setting of MLlib's ALS."""

    alpha: float
    reg: float


# MLlib's defaults; Hu, Koren & Volinsky's alpha 40; and two that match the line's confidence (1 / alpha0 = 10).
SETTINGS = (Setting(1.0, 0.1), Setting(40.0, 0.1), Setting(10.0, 0.1), Setting(10.0, 1.0))


def ratings(histories: DataFrame) -> DataFrame:
    """One row per listener and track of positive weight; the number of the listener stands in the user_id."""
    pairs = histories.select(
        F.substring("user_id", 2, 9).cast("int").alias("listener"), F.explode(F.arrays_zip("track_idx", "weight")).alias("pair")
    )
    return pairs.select("listener", F.col("pair.track_idx").alias("track"), F.col("pair.weight").alias("weight"))


def week(histories: DataFrame, tracks: DataFrame, setting: Setting, *, dimensions: int, epochs: int, out: Path) -> None:
    """Histories to playlists in Delta."""
    heard = ratings(histories)
    als = ALS(
        rank=dimensions, maxIter=epochs, implicitPrefs=True, alpha=setting.alpha, regParam=setting.reg, seed=7,
        userCol="listener", itemCol="track", ratingCol="weight", coldStartStrategy="drop",
    )  # fmt: skip
    model = als.fit(heard.where("weight > 0"))
    best = model.recommendForAllUsers(ASKED).select("listener", F.explode("recommendations").alias("found"))
    best = best.select("listener", F.col("found.track").alias("track"), F.col("found.rating").alias("score"))
    playlists(best, heard, tracks).write.format("delta").mode("overwrite").save(str(out))


def playlists(best: DataFrame, heard: DataFrame, tracks: DataFrame) -> DataFrame:
    """One row per listener with thirty tracks, best first."""
    served = tracks.where("not blocked and release_date <= date '2026-09-07'")
    served = served.select(F.col("track_idx").alias("track"), "track_id", "title", F.col("artist_ids")[0].alias("artist"))
    new = best.join(heard, ["listener", "track"], "left_anti").join(served, "track")
    order: list[Any] = [F.desc("score"), F.asc("track_id")]
    by_artist = Window.partitionBy("listener", "artist").orderBy(*order)
    by_listener = Window.partitionBy("listener").orderBy(*order)
    few = new.withColumn("nth", F.row_number().over(by_artist)).where(F.col("nth") <= PER_ARTIST)
    ranked = few.withColumn("position", F.row_number().over(by_listener)).where(F.col("position") <= LENGTH)
    entry = F.struct("position", "track", "track_id", "title", "artist", "score")
    return ranked.groupBy("listener").agg(F.sort_array(F.collect_list(entry)).alias("tracks"))
