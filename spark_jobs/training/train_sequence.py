"""histories, tracks -> artefact `sequence`: an encoder of what was heard last.

A causal transformer trained in JAX, kept as an ONNX graph (models/sources/sequence.py); workers need no JAX.
"""

from __future__ import annotations

from conf.trainers import TrainSequence
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training import fitting, side_information


def train(*, histories: Rows, tracks: Rows, params: TrainSequence, run: Run) -> Artefact:
    """The item side for the Monday `run.run_date`."""
    return fitting.fit("sequence", histories, side_information.dated(tracks, run.run_date), params)
