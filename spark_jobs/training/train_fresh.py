"""histories, tracks -> artefact `fresh`: new releases by artist, and artists alike.

Release days and artists come from the catalogue (models/sources/fresh.py).
"""

from __future__ import annotations

from conf.trainers import TrainFresh
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training import fitting, side_information


def train(*, histories: Rows, tracks: Rows, params: TrainFresh, run: Run) -> Artefact:
    """The item side for the Monday `run.run_date`."""
    return fitting.fit("fresh", histories, side_information.dated(tracks, run.run_date), params)
