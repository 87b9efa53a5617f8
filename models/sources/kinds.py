"""Every candidate source by its name: the one list that jobs, benchmarks and tests walk.

A name is also the artefact's, and `train_<name>` the job's. Order is that of the candidates table.
"""

from __future__ import annotations

from models.sources.base import Source
from models.sources.item_knn import ItemKnn
from models.sources.mf import MatrixFactorization
from models.sources.popularity import Popularity

SOURCES: dict[str, type[Source]] = {
    "mf": MatrixFactorization,
    "item_knn": ItemKnn,
    "popularity": Popularity,
}
