"""histories -> linear autoencoder over the head of the catalogue, in closed form.

EASE (Steck 2019, https://doi.org/10.1145/3308558.3313710): the item-item matrix with an empty diagonal that rebuilds
histories best under a ridge,

    P = (X'X + L)^-1,    S[i, j] = -P[i, j] / (P[j, j] h_j^beta),    L = ridge * mean(diag X'X) * I + dropout * diag X'X

with h_j how much track j was heard, and the rows of X divided by their sums to the power of `listener_exponent`. On
MovieLens-1M that exponent, dropout and beta lift Recall@20 of the validation set from .254, at the best ridge, to .265.

The ridge counts in units of the mean diagonal, so that a setting holds for any number of listeners. The term in `dropout` is
the penalty that training against dropped-out inputs amounts to (Steck 2020, https://arxiv.org/abs/2006.15498). The inverse is
dense: 8,000 tracks take 512 MB and half a minute; the tail of the catalogue is left to other sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import threadpoolctl
from scipy import sparse

from conf.errors import ContractError
from conf.trainers import TrainEase
from models.histories import Histories
from models.inputs import input_matrix
from models.neighbours import strongest_of_blocks
from models.side_graph import powers
from models.sources.base import Catalogue
from models.sources.neighbours import NeighbourSource

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]

BLOCK = 256


class Ease(NeighbourSource):
    """Candidate source `ease`."""

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainEase) -> Self:
        """Invert on one thread (BLAS adds up otherwise on two), keep the strongest neighbours."""
        plays = input_matrix(log, len(catalogue), params.inputs).astype(np.float64)
        head = most_heard(plays, catalogue.tie_rank, params.head)
        listeners = sparse.diags_array(powers(plays.sum(axis=1), -params.listener_exponent))
        with threadpoolctl.threadpool_limits(1, user_api="blas"):
            inverse = inverted(ridged(gram(sparse.csr_array(listeners @ plays)[:, head]), params))
            heard = powers(plays.sum(axis=0)[head], -params.beta)
            local = strongest_of_blocks(_rows(inverse, heard), catalogue.tie_rank[head], params.neighbours, params.inputs)
        row_of = np.full(len(catalogue), -1, np.int32)
        row_of[head] = np.arange(len(head), dtype=np.int32)
        return cls(replace(local, ids=head[local.ids], row_of=row_of), catalogue, params.model_dump())


def most_heard(plays: Any, tie_rank: Int32s, most: int) -> Int32s:
    """Numbers of the `most` most heard tracks, int32, ascending; never one that nobody heard."""
    heard = plays.sum(axis=0)
    order = np.lexsort((tie_rank, -heard))[:most]
    return np.sort(order[heard[order] > 0]).astype(np.int32)


def gram(plays: Any) -> Float64s:
    """X'X, dense float64, made in blocks of rows: as one sparse product it would take three times the memory."""
    tracks = plays.shape[1]
    product = np.empty((tracks, tracks))
    columns = sparse.csr_array(plays.T)
    for start in range(0, tracks, BLOCK):
        product[start : start + BLOCK] = (columns[start : start + BLOCK] @ plays).toarray()
    return product


def ridged(product: Float64s, params: TrainEase) -> Float64s:
    """X'X + L, in place."""
    at = np.arange(len(product))
    diagonal = product[at, at]
    product[at, at] += params.ridge * (diagonal.mean() if len(diagonal) else 0.0) + params.dropout * diagonal
    return product


def inverted(symmetric: Float64s) -> Float64s:
    """Inverse of a positive definite matrix, in its own memory.

    Raises
    ------
    ContractError
        Where it is not positive definite.
    """
    from scipy.linalg.lapack import dpotrf, dpotri

    if not len(symmetric):
        return symmetric
    lower, failed = dpotrf(symmetric.T, lower=1, clean=0, overwrite_a=1)
    inverse, singular = dpotri(lower, lower=1, overwrite_c=1)
    if failed or singular:
        raise ContractError("ease: X'X is not positive definite; raise ridge")
    for start in range(0, len(inverse), BLOCK):  # LAPACK fills one triangle
        rows, beyond = slice(start, start + BLOCK), slice(start + BLOCK, None)
        inverse[rows, beyond] = inverse[beyond, rows].T
        corner = np.tril(inverse[rows, rows])
        inverse[rows, rows] = corner + np.tril(corner, -1).T
    return np.asarray(inverse)


def _rows(inverse: Float64s, damping: Float64s) -> Iterator[Float32s]:
    """Rows of S, BLOCK by BLOCK."""
    scale = -damping / inverse.diagonal()
    for start in range(0, len(inverse), BLOCK):
        block = (inverse[start : start + BLOCK] * scale).astype(np.float32)
        at = np.arange(len(block))
        block[at, start + at] = 0
        yield block
