"""histories -> item-item neighbours: tracks heard by the same listeners.

Similarity of two tracks = inner product of their columns of the weighted listeners x tracks matrix; the weighting is
BM25 (Robertson & Zaragoza 2009, https://doi.org/10.1561/1500000019), TF-IDF or cosine as the `implicit` package defines
them. A listener's score of a track is the sum of its similarity to what they heard (Deshpande & Karypis 2004,
https://doi.org/10.1145/963770.963776).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from conf.trainers import TrainItemKnn
from models.histories import Histories
from models.inputs import input_matrix
from models.neighbours import strongest_of_product
from models.sources.base import Catalogue
from models.sources.neighbours import NeighbourSource


class ItemKnn(NeighbourSource):
    """Candidate source `item_knn`."""

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainItemKnn) -> Self:
        """Weigh, multiply, keep the strongest neighbours."""
        plays = input_matrix(log, len(catalogue), params.inputs)
        rows = weighted(plays, params) if plays.nnz else plays.T
        items = strongest_of_product(rows, rows.T, catalogue.tie_rank, params.neighbours, params.inputs)
        return cls(items, catalogue, params.model_dump())


def weighted(plays: Any, params: TrainItemKnn) -> Any:
    """Tracks x listeners, weighted so that inner products of its rows are similarities.

    implicit's own search for neighbours gives the same numbers, but at the edge it keeps whichever equal one it met first.
    """
    from implicit.nearest_neighbours import (  # type: ignore[import-untyped] # workers multiply without it
        bm25_weight,
        normalize,
        tfidf_weight,
    )

    if params.similarity == "bm25":
        return bm25_weight(plays.T, params.k1, params.b)
    with np.errstate(invalid="ignore"):
        rows = normalize(plays.T if params.similarity == "cosine" else tfidf_weight(plays.T))
    rows.data[np.isnan(rows.data)] = 0.0  # 0/0: who heard all tracks but one has idf 0, and so may be a track's only listener
    return rows
