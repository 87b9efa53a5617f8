"""histories, tracks -> artefact `mf`: item factors of the confidence matrix, and their Gram matrix.

Implicit matrix factorization (Hu, Koren & Volinsky 2008, https://doi.org/10.1109/ICDM.2008.22) by one of two engines with
one artefact: iALS on this machine (models/als.py), or MLlib's ALS on a cluster. The manifest holds the value of the same
objective for both. generate_candidates folds every listener into the factors.
"""

from __future__ import annotations

import logging
import os

from conf.trainers import TrainMf
from models.sources import mf
from models.sources.base import CATALOGUE_COLUMNS, Catalogue
from models.sources.mf import MatrixFactorization
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows, Run
from spark_jobs.training.listener_sample import sample

log = logging.getLogger(__name__)


def train(*, histories: Rows, tracks: Rows, params: TrainMf, run: Run) -> Artefact:
    """Factors for the Monday `run.run_date`, trained on at most `params.max_listeners` listeners."""
    catalogue = Catalogue.from_arrow(tracks.table(columns=CATALOGUE_COLUMNS), run.run_date)
    listeners = sample(histories, params.max_listeners)
    if params.engine == "spark":
        from spark_jobs.training import mllib_als  # the only branch that needs a JVM

        params = params.model_copy(update={"unheard_exponent": 0.0})  # MLlib knows no other
        factors = mllib_als.train(listeners, len(catalogue), params, run)
        model = MatrixFactorization.of(mf.item_side(factors, listeners, params), catalogue)
    else:
        model = MatrixFactorization.fit(listeners, catalogue, params)
    metrics = {
        "listeners": float(len(listeners)),
        "tracks": float(len(catalogue)),
        "interactions": float((listeners.weight > 0).sum()),
        "objective": mf.objective(listeners, model.items, params.unheard_exponent, os.cpu_count() or 1),
    }
    log.info("job=train_mf engine=%s %s", params.engine, " ".join(f"{k}={v:.6g}" for k, v in metrics.items()))
    return Artefact(model.save().arrays, params.model_dump(), metrics)
