"""listens, tracks, users, feedback -> track_features, artist_features: how tracks and artists are doing, what they stand for.

Counts come from the same pass over whole listeners as their own features (models/ranking/features/tracks.py); rates, ranks and
vectors are made on the driver, where a catalogue fits. The ranker reads them. Without an artefact its features are null, and
the run says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf import tables as t
from conf.contract import Table
from conf.feature_jobs import BuildTrackFeatures
from conf.pipeline import cut
from models.listening import DAY_US
from models.ranking.features.tracks import Tally, item_features, track_features
from spark_jobs.contract import Output, Run
from spark_jobs.features.arrow_columns import rows_of, vectors
from spark_jobs.features.build_listener_features import before, micros, ship_items
from spark_jobs.features.item_tallies import ROWS, Counter, added_up
from spark_jobs.features.listener_plays import in_order, saves_of
from spark_jobs.features.opened import Opened, at_hand, opened

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_VIEWS = ("mf", "content", "contexts")


def transform(
    *,
    listens: DataFrame,
    tracks: DataFrame,
    users: DataFrame,
    feedback: DataFrame,
    track_audio: DataFrame,
    params: BuildTrackFeatures,
    run: Run,
) -> dict[str, Output]:
    """Features of every track of the catalogue and of every main artist."""
    refs = at_hand(run, _VIEWS, ship_items(tracks, track_audio, run, popularity=False))
    held = opened(refs)
    heads = _heads(users, saves_of(feedback.where(before(run.cut, "at")), tracks))
    rows = in_order(listens.where(before(run.cut, "started_at")), tracks, heads)
    tallies = added_up(rows.mapInArrow(Counter(refs, params, micros(run.cut)).rows, ROWS), held)
    simulated = _simulated(tracks.select("track_idx", "simulated").toArrow(), held)
    made = {
        "track_features": track_rows(tallies["track"], held, simulated["track"], params, run),
        "artist_features": artist_rows(tallies["artist"], held, simulated["artist"], params, run),
    }
    return {name: Output(rows, together=True) for name, rows in made.items()}


def _heads(users: DataFrame, saves: DataFrame) -> DataFrame:
    """What stands in front of each listener's plays: where they live, what they saved."""
    from pyspark.sql import functions as F

    homes = users.select("user_id", "timezone", "country").join(saves, "user_id", "full")
    return homes.withColumn("simulated", F.lit(False))


def track_rows(tally: Tally, held: Opened, simulated: npt.NDArray[np.bool_], params: BuildTrackFeatures, run: Run) -> pa.Table:
    """Rows of track_features in order of track_idx, for every number that a track has."""
    items, embedder, size = held.items, held.embedder, len(held.items.items)
    cut_day = micros(cut(run.run_date)) // DAY_US
    made = track_features(tally, items.released, cut_day, params)
    shares = made.pop("track_context_shares")
    taste = _padded(embedder.mf.factors if embedder.mf else None, size)
    meaning = _padded(embedder.content.vectors if embedder.content else None, size, nothing_is_null=True)
    columns = made | {
        "track_idx": np.arange(size, dtype=np.int32), "track_id": items.track_id, "track_context_shares": vectors(shares),
        "taste": vectors(taste), "meaning": vectors(meaning), "plays_by_country": _by_country(tally), "simulated": simulated,
    }  # fmt: skip
    return _table(t.TRACK_FEATURES, run, columns).filter(items.track_id.is_valid())


def artist_rows(tally: Tally, held: Opened, simulated: npt.NDArray[np.bool_], params: BuildTrackFeatures, run: Run) -> pa.Table:
    """Rows of artist_features in order of artist_id, for every main artist."""
    beside = {"artist_id": held.items.artist_id, "plays_by_country": _by_country(tally), "simulated": simulated}
    return _table(t.ARTIST_FEATURES, run, item_features(tally, params) | beside)


def _table(table: Table, run: Run, columns: dict[str, Any]) -> pa.Table:
    return pa.Table.from_batches([rows_of(table, run.run_date, columns, nullable=True)])


def _simulated(tracks: pa.Table, held: Opened) -> dict[str, npt.NDArray[np.bool_]]:
    items = held.items.items
    by_track, by_artist = np.zeros(len(items), bool), np.zeros(len(held.items.artist_id), bool)
    by_track[tracks["track_idx"].to_numpy()] = tracks["simulated"].to_numpy()
    by_artist[items.artist[by_track & (items.artist >= 0)]] = True
    return {"track": by_track, "artist": by_artist}


def _padded(known: npt.NDArray[np.float32] | None, size: int, nothing_is_null: bool = False) -> npt.NDArray[np.float32] | None:
    """Vectors of all tracks, float32 [size, d]; NaN for those that an artefact does not know."""
    if known is None:
        return None
    padded = np.full((size, known.shape[1]), np.nan, np.float32)
    padded[: len(known)] = known[:size]
    if nothing_is_null:
        padded[~padded.any(axis=1)] = np.nan
    return padded


def _by_country(tally: Tally) -> Any:
    """Map column: country -> plays of 28 days, in order of country."""
    names = sorted(tally.by_country)
    plays = (
        np.stack([tally.by_country[name] for name in names], axis=1) if names else np.zeros((len(tally.counts), 0), np.int64)
    )
    row, column = np.nonzero(plays)
    start = np.searchsorted(row, np.arange(len(plays) + 1)).astype(np.int32)
    keys = pa.array(names, pa.string()).take(pa.array(column))
    return pa.MapArray.from_arrays(pa.array(start), keys, pa.array(plays[row, column]))
