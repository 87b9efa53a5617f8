"""histories, tracks -> artefact `ease`: each track's neighbours by a linear autoencoder.

One dense inverse over the most heard tracks (models/sources/ease.py), pruned; the tail has no row.
"""

from __future__ import annotations

from conf.trainers import TrainEase
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training import fitting, side_information


def train(*, histories: Rows, tracks: Rows, params: TrainEase, run: Run) -> Artefact:
    """The item side for the Monday `run.run_date`."""
    return fitting.fit("ease", histories, side_information.plain(tracks, run.run_date), params)
