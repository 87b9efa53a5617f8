"""histories, tracks -> artefact `rp3beta`: each track's neighbours by walks over listeners.

Walks from track to listener to track (models/sources/rp3beta.py); generate_candidates adds up the ends of a listener's tracks.
"""

from __future__ import annotations

from conf.trainers import TrainRp3beta
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training import fitting, side_information


def train(*, histories: Rows, tracks: Rows, params: TrainRp3beta, run: Run) -> Artefact:
    """The item side for the Monday `run.run_date`."""
    return fitting.fit("rp3beta", histories, side_information.plain(tracks, run.run_date), params)
