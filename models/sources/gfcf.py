"""histories -> item-item graph filter: what nearly all listeners' tastes are made of, in closed form.

GF-CF (Shen et al. 2021, https://doi.org/10.1145/3459637.3482264): with R the listeners x tracks matrix, D_u and D_i the
sums of its rows and columns, and N = D_u^-a R D_i^-b scaled to a largest singular value of 1,

    S = N'N + low_pass * D_i^-b V V' D_i^b,    V : the first `dimensions` right singular vectors of N

a linear low-pass filter plus an ideal one. The paper has a = b = 1/2 (and no need to scale). Smaller exponents let active
listeners and popular tracks weigh more: over four seeded tenths of lastfm-2k's training rows, the paper's give Recall@20 .273,
0.35 and 0.4 with inputs as shares .283. BSPM's sharpening (Choi et al. 2023, https://arxiv.org/abs/2211.09324), S times
I - t N'N, moved NDCG@20 there from .1519 to .1524 at best and is left out. Artists may join the graph as nodes beside the
tracks (models/side_graph.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import threadpoolctl
from scipy import sparse
from scipy.sparse.linalg import svds

from conf.trainers import TrainGfcf
from models.histories import Histories
from models.inputs import input_matrix
from models.neighbours import strongest_of_blocks
from models.side_graph import nodes_of_tracks, powers
from models.sources.base import Catalogue
from models.sources.neighbours import NeighbourSource

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

# A dense block of 256 rows over 100k tracks is 100 MB.
BLOCK = 256
# Below this many listeners or nodes a dense decomposition is exact and takes less than half a second.
DENSE = 500


class Gfcf(NeighbourSource):
    """Candidate source `gfcf`."""

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainGfcf) -> Self:
        """Normalise, decompose, keep the strongest neighbours. On one thread: BLAS adds up otherwise on two."""
        nodes = nodes_of_tracks(catalogue, params.artist_weight)
        graph = input_matrix(log, len(catalogue), params.inputs).astype(np.float64) @ nodes
        with threadpoolctl.threadpool_limits(1, user_api="blas"):
            rows = Filter.of(graph, nodes, params).rows()
            items = strongest_of_blocks(rows, catalogue.tie_rank, params.neighbours, params.inputs)
        return cls(items, catalogue, params.model_dump())


@dataclass(frozen=True)
class Filter:
    """The two filters as products from tracks over nodes to tracks.

    Attributes
    ----------
    left : sparse float32 [tracks, listeners], E N'; right : sparse float32 [listeners, tracks], N.
    analysis : float32 [tracks, d], E D_i^-b V; synthesis : float32 [d, tracks], low_pass * V' D_i^b.
    """

    left: Any
    right: Any
    analysis: Float32s
    synthesis: Float32s

    @classmethod
    def of(cls, graph: Any, nodes: Any, params: TrainGfcf) -> Self:
        """Filters of a graph of listeners x nodes; `nodes` says which nodes each track is."""
        tracks, degrees = nodes.shape[0], graph.sum(axis=0)
        listeners = sparse.diags_array(powers(graph.sum(axis=1), -params.listener_exponent))
        normal = listeners @ graph @ sparse.diags_array(powers(degrees, -params.track_exponent))
        values, vectors = leading(normal, params.dimensions, params.seed)
        normal = normal / max(values.max(initial=0.0), np.finfo(np.float64).tiny)
        analysis = nodes @ (powers(degrees, -params.track_exponent)[:, None] * vectors)
        synthesis = params.low_pass * (powers(degrees, params.track_exponent)[:, None] * vectors)[:tracks].T
        left, right = (sparse.csr_array(m, dtype=np.float32) for m in (nodes @ normal.T, normal[:, :tracks]))
        return cls(left, right, analysis.astype(np.float32), synthesis.astype(np.float32))

    def rows(self) -> Iterator[Float32s]:
        """Rows of S without its diagonal, BLOCK by BLOCK."""
        for start in range(0, self.left.shape[0], BLOCK):
            rows = slice(start, start + BLOCK)
            block = (self.left[rows] @ self.right).toarray()
            block += self.analysis[rows] @ self.synthesis
            at = np.arange(len(block))
            block[at, start + at] = 0
            yield block


def leading(normal: Any, dimensions: int, seed: int) -> tuple[Float64s, Float64s]:
    """The largest singular values, float64 [d], and their right vectors, float64 [nodes, d]; d <= `dimensions`.

    Directions of (nearly) no variance are left out: their vectors are arbitrary.
    """
    if min(normal.shape) <= max(DENSE, dimensions):
        _, values, rows = np.linalg.svd(normal.toarray(), full_matrices=False)
    else:
        start = np.random.default_rng(seed).normal(size=min(normal.shape))
        _, values, rows = svds(sparse.csr_array(normal), k=dimensions, v0=start)
    order = np.argsort(-values, kind="stable")[:dimensions]
    order = order[values[order] > 1e-6 * values.max(initial=0.0)]
    return values[order], rows[order].T
