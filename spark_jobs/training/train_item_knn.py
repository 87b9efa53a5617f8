"""histories, tracks -> artefact `item_knn`: each track's neighbours by shared listeners.

BM25, TF-IDF or cosine (models/sources/item_knn.py). generate_candidates adds up the neighbours of what a listener heard.
"""

from __future__ import annotations

from conf.trainers import TrainItemKnn
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training import fitting, side_information


def train(*, histories: Rows, tracks: Rows, params: TrainItemKnn, run: Run) -> Artefact:
    """Neighbours for the Monday `run.run_date`."""
    return fitting.fit("item_knn", histories, side_information.plain(tracks, run.run_date), params)
