"""Exact top-k of users x items scores without ever holding them all.

Scores are made in tiles of at most 256 users x 512 items, which the second-level cache holds, and each tile goes straight into
one pool per user (models/selection.py). Two orders of the items spare work; the index takes the one that its norms call for:

- Norms that fall steeply, as trained factors' do: the largest come first, and a user is done once the product of norms stays
  below their k-th best so far (Cauchy and Schwarz). Of factors trained on the simulated city a user needs a sixth.
- Norms all alike: every tile holds its share of large and small ones, so the tiles seen so far are a sample. A floor is raised
  to what the best k's expected share of them reaches, and 4.5 standard deviations more, which lets a third as many
  scores pass as the k-th best so far would. A user whom the bet leaves with fewer than k, about one in a hundred
  thousand, is searched again without it, so the result stays exact.

Beside a product of 1.7 CPU seconds for 50k users x 30k items at d=64, k=100 adds .85 (selection .55, scores again .15,
exclusions .1) and k=500 adds 1.9; `bench/topk.py` has the rivals.

BLAS gives other last bits for other shapes, which padding to whole tiles would cure, and for other rows of one tile, which
it does not: OpenBLAS on Haswell sums six of every twelve rows in another order. So the tiles only find the best k + 16;
their scores are made again in one fixed loop, in float64, and decide the order. A listener's list depends neither on the
block nor on the machine's BLAS, unless rounding moves an item by more than sixteen ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conf.errors import ContractError
from models import selection
from models.cores import one_blas_thread
from models.frozen import frozen
from models.topk_kernels import ITEM_TILE, excluded_by_tile, may_gain, score_again, strike_out

USER_TILE = 256
# Users that share one gathering of an item tile; also the unit of work of a thread.
BLOCK = 4 * USER_TILE
MAX_K = 1000
GUARD = 16
# Standard deviations that a floor leaves to chance.
MARGIN = 4.5
# Norms fall steeply where that of the first tenth's last item is so many times the median: 3.2 for the factors of the simulated
# city, 1.1 for normally distributed ones of 64 dimensions.
STEEP = 1.5
# Rounding of a product of 1,000 dimensions, and some.
_SLACK = 1.0 + 1e-4

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

    def take(self, users: npt.NDArray[np.intp]) -> Exclusions:
        """The named users."""
        counts = np.diff(self.indptr)[users]
        indptr = np.concatenate([[0], np.cumsum(counts)])
        at = np.arange(indptr[-1]) + np.repeat(self.indptr[users] - indptr[:-1], counts)
        return Exclusions(indptr, self.ids[at])


@dataclass(frozen=True)
class ItemIndex:
    """Item factors as the search wants them; the factors themselves stay where they are, memory-mapped.

    Attributes
    ----------
    factors : float32 [items, d].
    order : int32 [allowed], allowed items, tile after tile: the largest norms first, or norms of all sizes in each tile.
    reach : float64 [tiles], largest norm in each tile and those after it.
    steep : bool, which of the two orders it is.
    place : int32 [items], an item's position in `order`, -1 where it is not allowed.
    tie_rank : int32 [items], position in order of external ids: of two equal scores the lower rank wins.
    """

    factors: Float32s
    order: Int32s
    reach: npt.NDArray[np.float64]
    steep: bool
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
        tiles = -(-len(order) // ITEM_TILE)
        steep = bool(tiles and norms[order[len(order) // 10]] > STEEP * norms[order[len(order) // 2]])
        if tiles and not steep:
            order = np.concatenate([order[first::tiles] for first in range(tiles)])
        largest = np.maximum.reduceat(norms[order], np.arange(tiles) * ITEM_TILE) if tiles else np.empty(0)
        place = np.full(len(factors), -1, np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        return cls(factors, order, np.maximum.accumulate(largest[::-1])[::-1], steep, place, tie_rank)

    @property
    def n_tiles(self) -> int:
        """How many tiles there are."""
        return -(-len(self.order) // ITEM_TILE)

    def tiles(self) -> Iterator[tuple[Int32s, Float32s]]:
        """(items in it, float32 [ITEM_TILE, d] padded with zeros) of each tile."""
        for start in range(0, len(self.order), ITEM_TILE):
            members = self.order[start : start + ITEM_TILE]
            tile = np.zeros((ITEM_TILE, self.factors.shape[1]), np.float32)
            np.take(self.factors, members, axis=0, out=tile[: len(members)], mode="clip")
            yield members, tile


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
    norms = _check(users, items, k, exclude)
    ids = np.full((len(users), k), -1, np.int32)
    scores = np.full((len(users), k), -np.inf, np.float32)

    def work(start: int) -> None:
        stop = min(start + BLOCK, len(users))
        rows = slice(start, stop)
        _search(users[rows], norms[rows], items, exclude.rows(start, stop), ids[rows], scores[rows])

    if not len(items.order):
        return ids, scores
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, range(0, len(users), BLOCK)):
            pass
    return ids, scores


def _check(users: Float32s, items: ItemIndex, k: int, exclude: Exclusions) -> npt.NDArray[np.float64]:
    """Norms of users that fit; refuses others."""
    if not 1 <= k <= MAX_K:
        raise ContractError(f"top-k: k is {k}, wanted 1 to {MAX_K}")
    if users.dtype != np.float32 or users.ndim != 2 or users.shape[1] != items.factors.shape[1]:
        raise ContractError(f"top-k: users are {users.dtype} {users.shape}, items {items.factors.shape}")
    if len(exclude.indptr) != len(users) + 1:
        raise ContractError(f"top-k: {len(exclude.indptr) - 1} rows of exclusions for {len(users)} users")
    return _norms(users, "user")


def _norms(factors: Float32s, whose: str) -> npt.NDArray[np.float64]:
    """Euclidean norms; refuses rows that are no numbers, and norms whose products could leave float32."""
    norms = np.sqrt(np.einsum("ij,ij->i", factors, factors, dtype=np.float64))
    bad = np.flatnonzero(~(norms < 1e18))
    if len(bad):
        where = f"first in row {bad[0]}"
        raise ContractError(f"top-k: {len(bad)} {whose} factors are NaN, infinite or huge, {where}; train again")
    return np.asarray(norms)


def _search(
    users: Float32s, norms: npt.NDArray[np.float64], items: ItemIndex, exclude: Exclusions, ids: Int32s, scores: Float32s
) -> None:
    """Fill `ids` and `scores` of at most BLOCK users."""
    found, lost = _search_tiles(users, norms, items, exclude, ids.shape[1] + GUARD, np.inf if items.steep else MARGIN)
    if len(lost):
        found[lost], _ = _search_tiles(users[lost], norms[lost], items, exclude.take(lost), found.shape[1], np.inf)
    again = np.full(found.shape, -np.inf, np.float32)
    score_again(frozen(users), frozen(items.factors), found, again)
    best = selection.order(again, items.tie_rank[found])[:, : ids.shape[1]]
    ids[:], scores[:] = np.take_along_axis(found, best, 1), np.take_along_axis(again, best, 1)


def _search_tiles(
    users: Float32s, norms: npt.NDArray[np.float64], items: ItemIndex, exclude: Exclusions, k: int, margin: float
) -> tuple[Int32s, npt.NDArray[np.intp]]:
    """(best `k` items of at most BLOCK users as BLAS sees them in no order, int32 [users, k], -1 pads; users without)."""
    bounds, columns = excluded_by_tile(frozen(exclude.indptr), frozen(exclude.ids), frozen(items.place), items.n_tiles)
    keys = np.empty((len(users), selection.capacity(k)), np.int64)
    chosen = np.empty(keys.shape, np.int32)
    sizes, floors = np.zeros(len(users), np.int64), np.full(len(users), selection.NOTHING)
    tile_scores = np.empty((USER_TILE, ITEM_TILE), np.float32)
    asking = np.arange(len(users))
    for number, (members, tile) in enumerate(items.tiles()):
        tie_rank = frozen(items.tie_rank[members])
        for first in range(0, len(asking), USER_TILE):
            rows = asking[first : first + USER_TILE]
            scores = tile_scores[: len(rows)]
            np.matmul(users[rows], tile.T, out=scores)
            strike_out(scores, rows, bounds[number], bounds[number + 1], columns)
            selection.pour(scores, rows, tie_rank, number * ITEM_TILE, k, keys, chosen, sizes, floors)
        seen = number + 1
        if items.steep and seen < items.n_tiles:
            selection.lift(keys, chosen, sizes, floors, k)
            asking = asking[may_gain(floors[asking], norms[asking] * items.reach[seen] * _SLACK)]
        elif seen & number == 0:  # after 1, 2, 4, 8, ... tiles
            selection.lift(keys, chosen, sizes, floors, _enough(k, min(1.0, seen * ITEM_TILE / len(items.order)), margin))
    drawn = np.empty((len(users), k), np.int32)
    lost = np.flatnonzero((sizes < k) & (floors > selection.NOTHING))
    selection.draw(keys, chosen, sizes, drawn)
    return np.where(drawn >= 0, items.order[drawn], np.int32(-1)), lost


def _enough(k: int, share: float, margin: float) -> int:
    """Entries among which the best k's members of a `share` of the items are, but once in a hundred thousand users."""
    expected = k * share
    return int(np.clip(np.ceil(expected + margin * np.sqrt(expected) + margin), 1, k))
