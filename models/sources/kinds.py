"""Every candidate source by its name: the one list that jobs, benchmarks and tests walk.

A name is also the artefact's, and `train_<name>` the job's. Order is that of the rows in `candidates`.
"""

from __future__ import annotations

from models.sources.base import Source
from models.sources.content import Content
from models.sources.ease import Ease
from models.sources.fresh import Fresh
from models.sources.gfcf import Gfcf
from models.sources.item_knn import ItemKnn
from models.sources.mf import MatrixFactorization
from models.sources.popularity import Popularity
from models.sources.rp3beta import Rp3beta
from models.sources.sequence import Sequence
from models.sources.social import Social

SOURCES: dict[str, type[Source]] = {
    "mf": MatrixFactorization,
    "item_knn": ItemKnn,
    "rp3beta": Rp3beta,
    "gfcf": Gfcf,
    "ease": Ease,
    "sequence": Sequence,
    "content": Content,
    "social": Social,
    "fresh": Fresh,
    "popularity": Popularity,
}
