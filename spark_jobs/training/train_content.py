"""histories, tracks, artists, tags, track_audio -> artefact `content`: the taste that words, sound and artist stand for.

A ridge map from texts and sound to taste, shrunk towards the artist (models/sources/content.py): what makes a track known
before anybody has played it.
"""

from __future__ import annotations

from conf.trainers import TrainContent
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training import fitting, side_information


def train(
    *, histories: Rows, tracks: Rows, artists: Rows, tags: Rows, track_audio: Rows, params: TrainContent, run: Run
) -> Artefact:
    """The item side for the Monday `run.run_date`."""
    catalogue = side_information.written(tracks, artists, tags, run.run_date)
    return fitting.fit("content", histories, side_information.with_sound(catalogue, tracks, track_audio), params)
