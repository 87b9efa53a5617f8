"""histories, tracks -> artefact `gfcf`: each track's neighbours by the closed-form graph filter.

A linear and an ideal low-pass filter of the listening graph (models/sources/gfcf.py), pruned to the strongest neighbours.
"""

from __future__ import annotations

from conf.trainers import TrainGfcf
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training import fitting, side_information


def train(*, histories: Rows, tracks: Rows, params: TrainGfcf, run: Run) -> Artefact:
    """The item side for the Monday `run.run_date`."""
    return fitting.fit("gfcf", histories, side_information.plain(tracks, run.run_date), params)
