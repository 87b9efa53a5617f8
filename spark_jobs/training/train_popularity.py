"""histories, tracks, users -> artefact `popularity`: listeners per track, decayed, everywhere and per country.

Each listener counts once per completed track, by the day of their last play against the run's cut. It is a candidate source,
the fallback for listeners with little history, and the chart that strangers are served.
"""

from __future__ import annotations

import logging
from datetime import date

import pyarrow.compute as pc

from conf.trainers import TrainPopularity
from models.histories import COLUMNS, Histories
from models.sources.base import CATALOGUE_COLUMNS, Catalogue, Listeners
from models.sources.popularity import Popularity, Tally
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run

log = logging.getLogger(__name__)
EPOCH = date(1970, 1, 1)


def train(*, histories: Rows, tracks: Rows, users: Rows, params: TrainPopularity, run: Run) -> Artefact:
    """Popularity as of `run.cut`, from a stream of histories."""
    catalogue = Catalogue.from_arrow(tracks.table(columns=CATALOGUE_COLUMNS), run.run_date)
    known = users.table(columns=["user_id", "country"]).combine_chunks()
    tally = Tally(len(catalogue), (run.cut - EPOCH).days, params.half_life_days)
    listeners = 0
    for batch in histories.batches(columns=COLUMNS):
        place = pc.index_in(batch.column("user_id"), known.column("user_id").combine_chunks())
        country = known.column("country").take(place).combine_chunks()
        tally.add(Listeners(Histories.from_arrow(batch), country))
        listeners += len(batch)
    popularity = Popularity.of(tally, catalogue, params)
    metrics = {"listeners": float(listeners), "countries": float(len(popularity.countries) - 1)}
    log.info("job=train_popularity listeners=%d countries=%d", listeners, len(popularity.countries) - 1)
    return Artefact(popularity.save().arrays, params.model_dump(), metrics)
