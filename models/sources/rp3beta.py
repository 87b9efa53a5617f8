"""histories -> item-item walk: from a track to a listener to a track, with popular ends held down.

RP3beta (Paudel, Christoffel, Newell & Bernstein 2017, https://doi.org/10.1145/2955101): transition probabilities raised
to `alpha`, the score of a track divided by its popularity to the power of `beta`:

    S[i, j] = sum over listeners u of (x_ui / sum_v x_vi)^alpha (x_uj / sum_l x_ul)^alpha / (sum_v x_vj)^beta

Artists may join the graph as nodes beside the tracks (models/side_graph.py).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy import sparse

from conf.trainers import TrainRp3beta
from models.histories import Histories
from models.inputs import input_matrix
from models.neighbours import strongest_of_product
from models.side_graph import nodes_of_tracks, powers
from models.sources.base import Catalogue
from models.sources.neighbours import NeighbourSource


class Rp3beta(NeighbourSource):
    """Candidate source `rp3beta`."""

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainRp3beta) -> Self:
        """Walk, keep the strongest neighbours."""
        nodes = nodes_of_tracks(catalogue, params.artist_weight)
        graph = input_matrix(log, len(catalogue), params.inputs).astype(np.float64) @ nodes
        to_tracks = _steps(graph, params.alpha)[:, : len(catalogue)] @ _damping(graph, len(catalogue), params.beta)
        left = nodes @ _steps(graph.T, params.alpha)
        items = strongest_of_product(left, to_tracks, catalogue.tie_rank, params.neighbours, params.inputs)
        return cls(items, catalogue, params.model_dump())


def _steps(graph: Any, alpha: float) -> Any:
    """Probabilities of a step from each row's node to each column's, to the power of `alpha`."""
    steps = sparse.csr_array(sparse.diags_array(powers(graph.sum(axis=1), -1.0)) @ graph)
    steps.data **= alpha
    return steps


def _damping(graph: Any, tracks: int, beta: float) -> Any:
    return sparse.diags_array(powers(graph.sum(axis=0)[:tracks], -beta))
