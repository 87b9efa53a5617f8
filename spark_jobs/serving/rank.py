"""candidates, histories, features -> ranked: the order that lists are made from, for any context and for a listener's own.

Spark brings what belongs to a listener into one row; every worker makes the matrix of a block in memory, from that row and from
memory-mapped arrays of tracks (models/ranking/matrix.py), scores it and keeps the best. A row depends on its own listener and
on the artefacts alone, so any split over machines gives the same rows. Where the ranker is missing, damaged, fails, or was not
let through its gate, the blend's order goes on as it is, and the run says so: a week never fails for its ranker.
build_<surface> makes lists of the rows for any context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conf.errors import ArtefactError
from conf.ranking import Rank
from models.histories import COLUMNS
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.contract import Blocks, Output, Run
from spark_jobs.serving import ranking_rows as rr
from spark_jobs.serving.orderer import Orderer, open_ranker

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RANKER, TRACKS = "ranker", "ranking_tracks"


def transform(
    *,
    candidates: DataFrame,
    histories: DataFrame,
    listener_features: DataFrame,
    listener_contexts: DataFrame,
    track_features: DataFrame,
    artist_features: DataFrame,
    track_audio: DataFrame,
    tracks: DataFrame,
    users: DataFrame,
    params: Rank,
    run: Run,
) -> dict[str, Output]:
    """Orders of the Monday `run.run_date`."""
    listeners = gather(candidates, histories, listener_features, listener_contexts, users)
    ranker = usable(run)
    if ranker and listener_features.isEmpty():
        run.warn(f"the blend serves: there are no features of listeners for {run.run_date}")
        ranker = None
    side = ship_tracks(track_features, artist_features, tracks, track_audio, run) if ranker else None
    failed = histories.sparkSession.sparkContext.accumulator(0)
    orderer = Orderer(ranker if side else None, side, params, run.run_date, run.cut, failed.add)
    run.write("ranked", Output(Blocks(listeners, orderer.rows)))
    if failed.value:
        run.warn(f"the blend serves {failed.value} blocks of listeners: the ranker failed at them, the log says why")
    return {}


def usable(run: Run) -> ArtefactRef | None:
    """The ranker where it is there, whole and through its gate; else None, and why is told."""
    if RANKER not in run.artefacts:
        run.warn(f"the blend serves: there is no artefact ranker for {run.run_date}")
        return None
    try:
        open_ranker(run.artefacts[RANKER])
    except (ArtefactError, KeyError, ValueError, OSError) as broken:
        run.warn(f"the blend serves: {broken}")
        return None
    return run.artefacts[RANKER]


def ship_tracks(
    track_features: DataFrame, artist_features: DataFrame, tracks: DataFrame, track_audio: DataFrame, run: Run
) -> ArtefactRef | None:
    """What is known of tracks as arrays that workers map, once per machine; None where there are no features, which is told."""
    features = track_features.select(rr.TRACK_FEATURES).toArrow()
    if not len(features):
        run.warn(f"the blend serves: there are no features of tracks for {run.run_date}")
        return None
    beside = artist_features.select(rr.ARTIST_FEATURES), tracks.select(rr.TRACK_COLUMNS), track_audio.select(rr.AUDIO_COLUMNS)
    side = rr.tracks_of(features, *(frame.toArrow() for frame in beside), run.run_date)
    served = Artefact(side.save(), params={"run_date": run.run_date.isoformat()})
    return artefacts.save(run.warehouse, TRACKS, run.run_date.isoformat(), served)


def gather(
    candidates: DataFrame, histories: DataFrame, listener_features: DataFrame, listener_contexts: DataFrame, users: DataFrame
) -> DataFrame:
    """One row per listener with candidates: all that their order depends on.

    Sorted by user_id within each partition, and lists by source, so a re-run writes the same bytes.
    """
    from pyspark.sql import functions as F

    def gathered(frame: DataFrame, name: str, columns: list[str]) -> DataFrame:
        told: Any = F.sort_array(F.collect_list(F.struct(*columns)))
        return frame.groupBy("user_id").agg(told.alias(name))

    lists = gathered(candidates, "lists", ["source", "track_idx", "score", "because", "via"])
    contexts = gathered(listener_contexts, "contexts", rr.CONTEXT_FEATURES)
    joined = (
        lists.join(histories.select(COLUMNS), "user_id")
        .join(listener_features.select("user_id", *rr.LISTENER_FEATURES), "user_id", "left")
        .join(contexts, "user_id", "left")
        .join(users.select("user_id", "country"), "user_id", "left")
    )
    return joined.repartition("user_id").sortWithinPartitions("user_id")
