"""Item-item matrices pruned to the strongest neighbours of each row, made in blocks of rows.

Unpruned, 100k tracks would take 40 GB; 200 neighbours a row take 160 MB. Ties at the edge go to the lower tie rank.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from conf.errors import ContractError
from conf.values import Inputs
from models.frozen import frozen
from models.item_item import ItemItem, in_chunks
from models.item_item_kernels import strongest_of_rows, top_of_product

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]


def strongest_of_product(left: Any, right: Any, tie_rank: Int32s, most: int, inputs: Inputs) -> ItemItem:
    """The `most` largest entries of each row of left @ right, its diagonal left out.

    Parameters
    ----------
    left : sparse float32 [tracks, listeners]; right : sparse float32 [listeners, tracks].
    """
    left, right = (sparse.csr_array(matrix, dtype=np.float32) for matrix in (left, right))
    _check(left.data, right.data)
    rows = left.shape[0]
    ids = np.full((rows, most), -1, np.int32)
    weights = np.full((rows, most), -np.inf, np.float32)
    everything, diagonal = frozen(np.ones(rows, bool)), np.arange(rows + 1)
    factors = frozen(left.indices.astype(np.int32)), frozen(left.data)
    others = frozen(right.indptr.astype(np.int64)), frozen(right.indices.astype(np.int32)), frozen(right.data)

    def work(start: int, stop: int) -> None:
        indptr = frozen(left.indptr[start : stop + 1].astype(np.int64))
        struck = frozen(diagonal[start : stop + 1]), frozen(diagonal[:-1].astype(np.int32))
        top_of_product(indptr, *factors, *others, *struck, everything, frozen(tie_rank), ids[start:stop], weights[start:stop])

    in_chunks(work, rows, threads=1)
    return _matrix([(ids, weights)], inputs)


def strongest_of_blocks(blocks: Iterable[Float32s], tie_rank: Int32s, most: int, inputs: Inputs) -> ItemItem:
    """The `most` entries of largest magnitude of each row of dense blocks, float32 [rows, tracks], in order; 0 is none."""
    parts = []
    for block in blocks:
        ids = np.full((len(block), most), -1, np.int32)
        weights = np.zeros((len(block), most), np.float32)
        strongest_of_rows(frozen(block), frozen(tie_rank), ids, weights)
        parts.append((ids, weights))
    return _matrix(parts, inputs)


def _matrix(parts: list[tuple[Int32s, Float32s]], inputs: Inputs) -> ItemItem:
    """ItemItem of padded rows, ids ascending within a row."""
    counts, ids, weights = [np.zeros(1, np.int64)], [], []
    for some_ids, some_weights in parts:
        order = np.argsort(np.where(some_ids < 0, np.iinfo(np.int32).max, some_ids), axis=1, kind="stable")
        there = np.take_along_axis(some_ids, order, axis=1) >= 0
        counts.append(there.sum(axis=1, dtype=np.int64))
        ids.append(np.take_along_axis(some_ids, order, axis=1)[there])
        weights.append(np.take_along_axis(some_weights, order, axis=1)[there])
    flat = np.concatenate([np.empty(0, np.float32), *weights])
    _check(flat)
    return ItemItem(np.cumsum(np.concatenate(counts)), np.concatenate([np.empty(0, np.int32), *ids]), flat, inputs)


def _check(*weights: Float32s) -> None:
    if not all(np.isfinite(some).all() for some in weights):
        raise ContractError("item-item: training gave weights that are NaN or infinite; check the source's settings")
