"""histories, tracks -> artefact `social`: circles of like listeners and what they lately love.

Told only of enough people (models/sources/social.py); generate_candidates adds what friends love.
"""

from __future__ import annotations

from conf.trainers import TrainSocial
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training import fitting, side_information


def train(*, histories: Rows, tracks: Rows, params: TrainSocial, run: Run) -> Artefact:
    """The item side for the Monday `run.run_date`."""
    return fitting.fit("social", histories, side_information.plain(tracks, run.run_date), params)
