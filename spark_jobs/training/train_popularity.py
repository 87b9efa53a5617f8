"""histories, sessions, tracks, users -> artefact `popularity`: listeners per track, everywhere, per country and daypart.

Each listener counts once per completed track, by the day of their last play against the run's cut; the charts of the parts of
the day come from the sessions of the last seven days (context_charts.py). It is a candidate source,
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
from spark_jobs.training import context_charts

log = logging.getLogger(__name__)
EPOCH = date(1970, 1, 1)


def train(*, histories: Rows, sessions: Rows, tracks: Rows, users: Rows, params: TrainPopularity, run: Run) -> Artefact:
    """Popularity as of `run.cut`, from a stream of histories."""
    rows = tracks.table(columns=CATALOGUE_COLUMNS)
    catalogue = Catalogue.from_arrow(rows, run.run_date)
    known = users.table(columns=["user_id", "country", "timezone"]).combine_chunks()
    tally = Tally(len(catalogue), (run.cut - EPOCH).days, params.half_life_days)
    listeners = 0
    for batch in histories.batches(columns=COLUMNS):
        place = pc.index_in(batch.column("user_id"), known.column("user_id").combine_chunks())
        country = known.column("country").take(place).combine_chunks()
        tally.add(Listeners(Histories.from_arrow(batch), country))
        listeners += len(batch)
    context_charts.add(tally, sessions, known, rows, run.cut, params.context_listeners)
    popularity = Popularity.of(tally, catalogue, params)
    metrics = {
        "listeners": float(listeners),
        "countries": float(len(popularity.countries) - 1),
        "contexts": float(len(popularity.contexts)),
    }
    log.info("job=train_popularity %s", " ".join(f"{name}={value:.0f}" for name, value in metrics.items()))
    return Artefact(popularity.save().arrays, params.model_dump(), metrics)
