"""ranked, histories, tracks, artists, users, feedback -> playlists, charts: thirty tracks never heard, every Monday.

One row per listener with a history; listeners without one are served the chart of their country, which keeps the same rules.
Spark joins what belongs to a listener; blocks of listeners then meet the memory-mapped catalogue in a compiled kernel
(models/slates/discover_weekly.py). publish_discover_weekly brings the lists to the stores.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from conf import tables as t
from conf.settings import BuildDiscoverWeekly
from models.slates import ragged
from models.slates.discover_weekly import Asked, choose
from models.slates.mondays import mondays
from models.slates.ragged import Ragged
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.contract import Blocks, Output, Run
from spark_jobs.schema import arrow_schema
from spark_jobs.serving import catalogue_arrays, popular_charts
from spark_jobs.serving.catalogue_arrays import ARTIST_COLUMNS, TRACK_COLUMNS, Catalogue
from spark_jobs.serving.popular_charts import PopularCharts
from spark_jobs.serving.track_lists import Spoken, tracks_column

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger(__name__)
SURFACE = "discover_weekly"
CONTEXT = "any"


def transform(
    *,
    ranked: DataFrame,
    histories: DataFrame,
    tracks: DataFrame,
    artists: DataFrame,
    users: DataFrame,
    feedback: DataFrame,
    params: BuildDiscoverWeekly,
    run: Run,
) -> dict[str, Output]:
    """Lists of the Monday `run.run_date`."""
    arrays = tracks.select(TRACK_COLUMNS).toArrow(), artists.select(ARTIST_COLUMNS).toArrow()
    catalogue = catalogue_arrays.ship(run.warehouse, run.run_date, *arrays)
    builder = ListBuilder(catalogue, run.artefacts["popularity"], run.run_date, params.length, params.per_artist)
    listeners = gather(ranked, histories, users, feedback)
    return {
        "playlists": Output(Blocks(listeners, builder.playlists)),
        "charts": Output(builder.charts(*served(histories, users))),
    }


def gather(ranked: DataFrame, histories: DataFrame, users: DataFrame, feedback: DataFrame) -> DataFrame:
    """One row per listener with a history: all that their list depends on, sorted by user_id within each partition.

    The sort makes a re-run write the same bytes whatever order the files of the inputs are read in.
    """
    from pyspark.sql import functions as F

    heard = histories.select("user_id", F.col("track_idx").alias("heard"), "simulated")
    wishes = ranked.where(F.col("context") == CONTEXT).select(
        "user_id", F.col("track_idx").alias("wishes"), "score", "because", "via"
    )
    homes = users.select("user_id", "timezone", "country")
    joined = heard.join(wishes, "user_id", "left").join(homes, "user_id", "left").join(blocks(feedback), "user_id", "left")
    return joined.repartition("user_id").sortWithinPartitions("user_id")


def blocks(feedback: DataFrame) -> DataFrame:
    """Tracks and artists that each listener blocked; the last word stands, a block wins against a save of that instant."""
    from pyspark.sql import functions as F

    last = F.max_by("kind", F.struct("at", F.col("kind") == "block"))
    of_listener = feedback.repartition("user_id")  # one shuffle serves both groupings
    standing = of_listener.groupBy("user_id", "entity", "entity_id").agg(last.alias("kind")).where("kind = 'block'")

    def ids(entity: str) -> Any:
        return F.sort_array(F.collect_list(F.when(F.col("entity") == entity, F.col("entity_id"))))

    return standing.groupBy("user_id").agg(ids("track").alias("blocked_tracks"), ids("artist").alias("blocked_artists"))


def served(histories: DataFrame, users: DataFrame) -> tuple[list[str], bool]:
    """(countries of the listeners, whether any history behind the popular lists was simulated)."""
    from pyspark.sql import functions as F

    homes = users.select("country", F.lit(False).alias("simulated"))
    both = homes.unionByName(histories.select(F.lit(None).cast("string").alias("country"), "simulated"))
    found = both.groupBy("country").agg(F.bool_or("simulated").alias("simulated")).collect()  # one pass for both
    return sorted(row.country for row in found if row.country), any(row.simulated for row in found)


@dataclass(frozen=True)
class ListBuilder:
    """What a worker needs to turn blocks of listeners into lists: two references and three numbers."""

    catalogue: ArtefactRef
    popularity: ArtefactRef
    run_date: date
    length: int
    per_artist: int

    def playlists(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `playlists`, one per listener, in the order of the input."""
        catalogue, charts = catalogue_arrays.load(self.catalogue), popular_charts.load(self.popularity)
        for block in batches:
            yield self._rows(block, catalogue, charts)

    def charts(self, countries: list[str], simulated: bool) -> pa.Table:
        """Rows of `charts`: everywhere (empty country) first, then each of `countries`."""
        catalogue, charts = catalogue_arrays.load(self.catalogue), popular_charts.load(self.popularity)
        country = pa.array(["", *countries], pa.string())
        nobody = ragged.empty(len(country))
        asked = Asked(nobody, nobody, nobody, nobody, *_places(country, catalogue, charts))
        slates = choose(asked, catalogue.rules, charts.tracks, length=self.length, per_artist=self.per_artist)
        nothing = Spoken(np.empty(0, np.float32), np.empty(0, np.int32), pa.array([], pa.string()))
        lists = tracks_column(slates, catalogue, nothing, chart_score=charts.score, country=country)
        columns = {"country": country, "tracks": lists, "simulated": pa.array([simulated] * len(country))}
        return pa.table(self._in_order(t.CHARTS, columns), schema=arrow_schema(t.CHARTS))

    def _rows(self, block: pa.RecordBatch, catalogue: Catalogue, charts: PopularCharts) -> pa.RecordBatch:
        country = block["country"].fill_null("")
        asked = self._ask(block, country, catalogue, charts)
        slates = choose(asked, catalogue.rules, charts.tracks, length=self.length, per_artist=self.per_artist)
        score, because = (block[name].flatten().to_numpy(zero_copy_only=False) for name in ("score", "because"))
        spoken = Spoken(score, because, block["via"].flatten())
        start = mondays(self.run_date, block["timezone"].to_pylist())
        columns = {
            "user_id": block["user_id"],
            "valid_from": pa.array(start.valid_from, pa.timestamp("us", tz="UTC")),
            "timezone": pa.array(start.timezone, pa.string()),
            "country": country,
            "tracks": tracks_column(slates, catalogue, spoken, chart_score=charts.score, country=country),
            "filled": pa.array(slates.filled),
            "simulated": block["simulated"],
        }
        return pa.RecordBatch.from_arrays(self._in_order(t.PLAYLISTS, columns), schema=arrow_schema(t.PLAYLISTS))

    def _ask(self, block: pa.RecordBatch, country: Any, catalogue: Catalogue, charts: PopularCharts) -> Asked:
        return Asked(
            ragged.from_arrow(block["wishes"]),
            ragged.from_arrow(block["heard"]),
            _numbered(block["blocked_tracks"], catalogue.track_id, catalogue),
            _numbered(block["blocked_artists"], catalogue.artist_id, catalogue),
            *_places(country, catalogue, charts),
        )

    def _in_order(self, table: Any, columns: dict[str, Any]) -> list[Any]:
        n = len(columns["country"])
        constant = {"run_date": pa.array([self.run_date] * n, pa.date32()), "surface": pa.array([SURFACE] * n)}
        return [(constant | columns)[name] for name in table.column_names]


def _places(country: Any, catalogue: Catalogue, charts: PopularCharts) -> tuple[Any, Any]:
    """(number of each country in the catalogue's limits, its row in the charts)."""
    return catalogue.numbers(catalogue.country, country), charts.rows(country)


def _numbered(ids: Any, known: Any, catalogue: Catalogue) -> Ragged:
    """Lists of ids as lists of numbers; an id that the catalogue does not know strikes nothing."""
    lengths = ids.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    flat = ids.flatten()
    if not len(flat):  # the usual block: nobody in it blocked anything
        return ragged.empty(len(lengths))
    number = catalogue.numbers(known, flat)
    row = np.repeat(np.arange(len(lengths)), lengths)[number >= 0]
    return ragged.from_lengths(np.bincount(row, minlength=len(lengths)), number[number >= 0])
