"""histories, tracks, users, follows, feedback -> candidates: what each source proposes to each listener, and their blend.

Spark joins what belongs to a listener; every worker maps the artefacts into memory and answers block after block
(proposer.py). A listener's row depends on nothing but their own history, their friends' and the artefacts, so any split over
machines gives the same rows. Heard and blocked tracks are excluded here, in the search itself: a full list is left after it.
Listeners with too little history get the popular source alone. A source whose artefact is missing or damaged is left out and
told. build_<surface> makes lists of the blend's rows.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from conf.errors import ArtefactError
from conf.settings import GenerateCandidates
from models.histories import COLUMNS
from models.sources.base import CATALOGUE_COLUMNS, Catalogue
from models.sources.kinds import SOURCES
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.contract import Blocks, Output, Run
from spark_jobs.serving.friends import loved_by_friends
from spark_jobs.serving.proposer import BLEND, FALLBACK, Proposer, open_source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger(__name__)
FRIENDS = ("loved_tracks", "loved_weights")


def transform(
    *,
    histories: DataFrame,
    tracks: DataFrame,
    users: DataFrame,
    follows: DataFrame,
    feedback: DataFrame,
    params: GenerateCandidates,
    run: Run,
) -> dict[str, Output]:
    """Candidates for the Monday `run.run_date`."""
    catalogue = ship_catalogue(tracks, run)
    sources = usable(catalogue, params, run)
    weights = weights_of(run, [ref.name for ref in sources])
    proposer = Proposer(catalogue, sources, tuple(weights.items()), params, run.run_date)
    listeners = gather(histories, tracks, users, feedback)
    listeners = listeners.join(loved_by_friends(histories, follows, run.cut, params.circle), "user_id", "left")
    return {"candidates": Output(Blocks(listeners, proposer.rows, apart="source"))}


def ship_catalogue(tracks: DataFrame, run: Run) -> ArtefactRef:
    """Who may be proposed and how ties break, as arrays that workers map: 5 bytes a track, once per machine."""
    catalogue = Catalogue.from_arrow(tracks.select(CATALOGUE_COLUMNS).toArrow(), run.run_date)
    arrays = {"tie_rank": catalogue.tie_rank, "allowed": catalogue.allowed}
    served = Artefact(arrays, params={"run_date": run.run_date.isoformat()})
    return artefacts.save(run.warehouse, "proposable", run.run_date.isoformat(), served)


def usable(catalogue: ArtefactRef, params: GenerateCandidates, run: Run) -> tuple[ArtefactRef, ...]:
    """Sources whose artefacts are there and whole, in the order of their rows; the others are told as left out."""
    found = []
    for name in [name for name in SOURCES if name == FALLBACK or name in params.sources]:
        if name not in run.artefacts:
            run.warn(f"{name} is left out: it has no artefact for {run.run_date}")
            continue
        try:
            open_source(run.artefacts[name], catalogue)
        except (ArtefactError, KeyError, ValueError) as damaged:
            if name == FALLBACK:
                raise
            run.warn(f"{name} is left out: {damaged}")
            continue
        found.append(run.artefacts[name])
    return tuple(found)


def weights_of(run: Run, names: list[str]) -> dict[str, float]:
    """Weight of each usable source in the blend; without a trained blend all but the fallback count the same."""
    if BLEND in run.artefacts:
        try:
            trained = artefacts.manifest(run.artefacts[BLEND])["params"]["weights"]
            return {name: float(trained.get(name, 0.0)) for name in names}
        except ArtefactError as damaged:
            run.warn(f"the blend's weights are left out: {damaged}")
    return {name: float(name != FALLBACK) for name in names}


def gather(histories: DataFrame, tracks: DataFrame, users: DataFrame, feedback: DataFrame) -> DataFrame:
    """Histories with the listener's country and the numbers of the tracks that they blocked (null where there are none)."""
    return (
        histories.select(COLUMNS)
        .join(users.select("user_id", "country"), "user_id", "left")
        .join(blocked(tracks, feedback), "user_id", "left")
        .select(*COLUMNS, "country", "blocked")
    )


def blocked(tracks: DataFrame, feedback: DataFrame) -> DataFrame:
    """(user_id, blocked): tracks blocked by a listener, themselves or through any of their artists.

    The last word on an entity stands; of a save and a block at the same instant the block does.
    """
    from pyspark.sql import functions as F

    last_word = F.max_by("kind", F.struct("at", F.col("kind") == "block"))
    standing = feedback.groupBy("user_id", "entity", "entity_id").agg(last_word.alias("kind")).where("kind = 'block'")
    by_track = tracks.select(F.lit("track").alias("entity"), F.col("track_id").alias("entity_id"), "track_idx")
    by_artist = tracks.select(F.lit("artist").alias("entity"), F.explode("artist_ids").alias("entity_id"), "track_idx")
    hit = standing.join(by_track.unionByName(by_artist), ["entity", "entity_id"], "inner")
    return hit.groupBy("user_id").agg(F.sort_array(F.collect_set("track_idx")).alias("blocked"))
