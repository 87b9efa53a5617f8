"""table, new rows -> table: upserts by key, dense track numbers, rows for what is only referred to."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from conf.contract import Table
from conf.tables import ARTISTS, TRACKS


def upsert(table: Table, old: DataFrame, new: DataFrame) -> DataFrame:
    """`old` with the rows of `new` in place of those of equal key; the last file and line of a key wins.

    new : the table's columns, and `file`, `line`.
    """
    key = list(table.key)
    last = Window.partitionBy(*key).orderBy(F.desc("file"), F.desc("line"))
    newest = new.withColumn("age", F.row_number().over(last)).where("age = 1").select(*table.column_names)
    return old.join(newest.select(*key), key, "left_anti").select(*table.column_names).unionByName(newest)


def number_tracks(old: DataFrame, new: DataFrame) -> DataFrame:
    """`new` with `track_idx`: the number that `old` has, else the next free ones in order of track_id."""
    highest = old.agg(F.max("track_idx")).first()
    start = -1 if highest is None or highest[0] is None else highest[0]
    unknown = new.select("track_id").distinct().join(old.select("track_id"), "track_id", "left_anti")
    # Dense numbers need one order over all new ids: a single task, but it sorts the new tracks' ids alone.
    everywhere = Window.partitionBy(F.lit(0)).orderBy("track_id")
    given = unknown.withColumn("track_idx", (F.row_number().over(everywhere) + start).cast("int"))
    known = old.select("track_id", "track_idx").unionByName(given)
    return new.join(known, "track_id")


def tracks_of_listens(old: DataFrame, listens: DataFrame) -> DataFrame:
    """Rows of `tracks` (without number) for ids that only listens name: their title is their id, they have no artist."""
    named = listens.groupBy("track_id").agg(F.every(F.coalesce("simulated", F.lit(False))).alias("simulated"))
    unknown = named.join(old.select("track_id"), "track_id", "left_anti")
    rows = unknown.withColumns(
        {
            "title": F.col("track_id"),
            "artist_ids": F.array().cast("array<string>"),
            "blocked": F.lit(False),
            "file": F.lit(0),
            "line": F.lit(0).cast("bigint"),
        }
    )
    made = {*rows.columns, "track_idx"}
    return rows.withColumns({c.name: F.lit(None).cast(c.type) for c in TRACKS.columns if c.name not in made})


def with_named_artists(artists: DataFrame, tracks: DataFrame) -> DataFrame:
    """`artists` and a row for every artist whom only tracks name; the name is the id."""
    named = tracks.select(F.explode("artist_ids").alias("artist_id"), "simulated")
    unknown = named.join(artists.select("artist_id"), "artist_id", "left_anti")
    rows = unknown.groupBy("artist_id").agg(F.every("simulated").alias("simulated"))
    rows = rows.withColumns({"name": F.col("artist_id"), "genres": F.lit(None).cast("array<string>")})
    return artists.select(*ARTISTS.column_names).unionByName(rows.select(*ARTISTS.column_names))
