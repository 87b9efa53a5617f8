"""histories + catalogue -> artefact: what every trainer of a source does once its catalogue is read."""

from __future__ import annotations

import logging
from typing import Any

from models.sources.base import Catalogue
from models.sources.kinds import SOURCES
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Rows
from spark_jobs.training.listener_sample import sample

log = logging.getLogger(__name__)


def fit(source: str, histories: Rows, catalogue: Catalogue, params: Any) -> Artefact:
    """Train `source` on at most `params.max_listeners` listeners."""
    listeners = sample(histories, params.max_listeners)
    saved = SOURCES[source].fit(listeners, catalogue, params).save()
    metrics = {
        "listeners": float(len(listeners)),
        "tracks": float(len(catalogue)),
        "interactions": float((listeners.weight > 0).sum()),
        **saved.metrics,
    }
    log.info("job=train_%s %s", source, " ".join(f"{name}={value:.6g}" for name, value in metrics.items()))
    return Artefact(saved.arrays, saved.params, metrics)
