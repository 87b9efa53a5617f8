"""Exact top-k of users x items scores without ever holding them all.

Scores are made in fixed tiles of 256 users x 512 items, which the second-level cache holds, and each tile goes straight into
one pool per user (models/selection.py). Items come in order of falling norm, so the floors of the pools rise early. Beside
a product of 1.85 CPU seconds for 50k users x 30k items at d=64, k=100 adds 1.1 (selection .75, scores again .15, exclusions
.2) and k=500 adds 2.9; `bench/topk.py` has the rivals.

BLAS gives other last bits for other shapes, which padding to whole tiles would cure, and for other rows of one tile, which
it does not: OpenBLAS on Haswell sums six of every twelve rows in another order. So the tiles only find the best k + 16;
their scores are made again in one fixed loop, in float64, and decide the order. A listener's list depends neither on the
block nor on the machine's BLAS, unless rounding moves an item by more than sixteen ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from conf.errors import ContractError
from models import selection
from models.cores import one_blas_thread
from models.frozen import frozen

USER_TILE = 256
ITEM_TILE = 512
# Users that share one gathering of an item tile; also the unit of work of a thread.
BLOCK = 4 * USER_TILE
MAX_K = 1000
GUARD = 16

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Exclusions:
    """Items that must not be proposed, user after user.

    Attributes
    ----------
    indptr : int64 [users + 1].
    ids : int32 [nnz], items in any order; repeated ones do no harm.
    """

    indptr: Int64s
    ids: Int32s

    def rows(self, start: int, stop: int) -> Exclusions:
        """Users `start` to `stop`, sharing memory."""
        first = self.indptr[start]
        return Exclusions(self.indptr[start : stop + 1] - first, self.ids[first : self.indptr[stop]])


@dataclass(frozen=True)
class ItemIndex:
    """Item factors as the search wants them; the factors themselves stay where they are, memory-mapped.

    Attributes
    ----------
    factors : float32 [items, d].
    order : int32 [allowed], allowed items in order of falling norm.
    place : int32 [items], an item's position in `order`, -1 where it is not allowed.
    tie_rank : int32 [items], position in order of external ids: of two equal scores the lower rank wins.
    """

    factors: Float32s
    order: Int32s
    place: Int32s
    tie_rank: Int32s

    @classmethod
    def build(cls, factors: Float32s, tie_rank: Int32s, allowed: npt.NDArray[np.bool_]) -> ItemIndex:
        """Index the items for which `allowed` is true."""
        if not len(factors) == len(tie_rank) == len(allowed):
            sizes = f"{len(factors)} factors, {len(tie_rank)} tie ranks, {len(allowed)} mask bits"
            raise ContractError(f"top-k: {sizes}; the artefact and the catalogue must know the same items")
        norms = _norms(factors, "item")
        order = np.lexsort((tie_rank, -norms)).astype(np.int32)
        order = order[allowed[order]]
        place = np.full(len(factors), -1, np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        return cls(factors, order, place, tie_rank)

    def tiles(self) -> Iterator[tuple[int, int, Float32s]]:
        """(start in `order`, items in it, float32 [ITEM_TILE, d] padded with zeros) of each tile."""
        for start in range(0, len(self.order), ITEM_TILE):
            members = self.order[start : start + ITEM_TILE]
            tile = np.zeros((ITEM_TILE, self.factors.shape[1]), np.float32)
            np.take(self.factors, members, axis=0, out=tile[: len(members)], mode="clip")
            yield start, len(members), tile


def top_k(users: Float32s, items: ItemIndex, k: int, exclude: Exclusions, threads: int = 1) -> tuple[Int32s, Float32s]:
    """Best `k` items of each user by inner product.

    Parameters
    ----------
    users : float32 [n, d].
    k : 1 to MAX_K.
    exclude : n rows.
    threads : one Python thread each; BLAS runs on one thread within each of them.

    Returns
    -------
    ids : int32 [n, k], item numbers, best first; -1 pads.
    scores : float32 [n, k]; -inf pads.

    Raises
    ------
    ContractError
        Where a factor is no number, or shapes do not fit.
    """
    _check(users, items, k, exclude)
    ids = np.full((len(users), k), -1, np.int32)
    scores = np.full((len(users), k), -np.inf, np.float32)

    def work(start: int) -> None:
        stop = min(start + BLOCK, len(users))
        _search(users[start:stop], items, exclude.rows(start, stop), ids[start:stop], scores[start:stop])

    if not len(items.order):
        return ids, scores
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, range(0, len(users), BLOCK)):
            pass
    return ids, scores


def _check(users: Float32s, items: ItemIndex, k: int, exclude: Exclusions) -> None:
    if not 1 <= k <= MAX_K:
        raise ContractError(f"top-k: k is {k}, wanted 1 to {MAX_K}")
    if users.dtype != np.float32 or users.ndim != 2 or users.shape[1] != items.factors.shape[1]:
        raise ContractError(f"top-k: users are {users.dtype} {users.shape}, items {items.factors.shape}")
    if len(exclude.indptr) != len(users) + 1:
        raise ContractError(f"top-k: {len(exclude.indptr) - 1} rows of exclusions for {len(users)} users")
    _norms(users, "user")


def _norms(factors: Float32s, whose: str) -> npt.NDArray[np.float64]:
    """Euclidean norms; refuses rows that are no numbers, and norms whose products could leave float32."""
    norms = np.sqrt(np.einsum("ij,ij->i", factors, factors, dtype=np.float64))
    bad = np.flatnonzero(~(norms < 1e18))
    if len(bad):
        where = f"first in row {bad[0]}"
        raise ContractError(f"top-k: {len(bad)} {whose} factors are NaN, infinite or huge, {where}; train again")
    return np.asarray(norms)


def _search(users: Float32s, items: ItemIndex, exclude: Exclusions, ids: Int32s, scores: Float32s) -> None:
    """Fill `ids` and `scores` of at most BLOCK users."""
    found = _search_tiles(users, items, exclude, ids.shape[1] + GUARD)
    again = np.full(found.shape, -np.inf, np.float32)
    _score_again(frozen(users), frozen(items.factors), found, again)
    best = selection.order(again, items.tie_rank[found])[:, : ids.shape[1]]
    ids[:], scores[:] = np.take_along_axis(found, best, 1), np.take_along_axis(again, best, 1)


def _search_tiles(users: Float32s, items: ItemIndex, exclude: Exclusions, k: int) -> Int32s:
    """Best `k` items of at most BLOCK users as BLAS sees them, int32 [users, k], in no order; -1 pads."""
    padded = np.zeros((-(-len(users) // USER_TILE) * USER_TILE, users.shape[1]), np.float32)
    padded[: len(users)] = users
    places = frozen(_excluded_places(frozen(exclude.indptr), frozen(exclude.ids), frozen(items.place)))
    cursor = exclude.indptr[:-1].copy()
    keys = np.empty((len(users), selection.capacity(k)), np.int64)
    chosen = np.empty(keys.shape, np.int32)
    sizes, floors = np.zeros(len(users), np.int64), np.full(len(users), selection.NOTHING)
    tile_scores = np.empty((USER_TILE, ITEM_TILE), np.float32)
    for start, width, tile in items.tiles():
        tie_rank = frozen(items.tie_rank[items.order[start : start + width]])
        for first in range(0, len(users), USER_TILE):
            rows = slice(first, first + USER_TILE)
            np.matmul(padded[rows], tile.T, out=tile_scores)
            _strike_out(tile_scores, start, width, places, frozen(exclude.indptr[1:][rows]), cursor[rows])
            selection.pour(tile_scores, tie_rank, start, k, keys[rows], chosen[rows], sizes[rows], floors[rows])
    drawn = np.empty((len(users), k), np.int32)
    selection.draw(keys, chosen, sizes, drawn)
    return np.where(drawn >= 0, items.order[drawn], np.int32(-1))


_jit: Any = numba.njit(nogil=True, cache=True)


@_jit
def _excluded_places(indptr: Int64s, ids: Int32s, place: Int32s) -> Int32s:
    """Positions of each user's excluded items in the order of the search, ascending within a user."""
    places = np.empty(len(ids), np.int32)
    for user in range(len(indptr) - 1):
        for at in range(indptr[user], indptr[user + 1]):
            places[at] = place[ids[at]]
        places[indptr[user] : indptr[user + 1]].sort()
    return places


@_jit
def _strike_out(scores: Float32s, start: int, width: int, places: Int32s, ends: Int64s, cursor: Int64s) -> None:
    """Set excluded items of this tile to -inf; `cursor` walks along each user's exclusions from tile to tile."""
    for user in range(len(cursor)):
        at = cursor[user]
        while at < ends[user] and places[at] < start + width:
            if places[at] >= start:
                scores[user, places[at] - start] = -np.inf
            at += 1
        cursor[user] = at


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _score_again(users: Float32s, factors: Float32s, ids: Int32s, scores: Float32s) -> None:
    """Inner products of what was found, summed in float64 in the same order for every row."""
    for user in range(len(ids)):
        for at in range(ids.shape[1]):
            if ids[user, at] >= 0:
                total = 0.0
                for d in range(users.shape[1]):
                    total += np.float64(users[user, d]) * np.float64(factors[ids[user, at], d])
                scores[user, at] = total
