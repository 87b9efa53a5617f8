"""The loops of models/topk.py, compiled: who is excluded where, who is done, and scores again in one fixed order."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from models.selection import jit, score_of

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
# Items of a tile: a tile's scores and its factors stay in the second-level cache.
ITEM_TILE = 512


@jit
def excluded_by_tile(indptr: Int64s, ids: Int32s, place: Int32s, tiles: int) -> tuple[Int64s, Int32s]:
    """Columns of the excluded items in their tiles: those of user u in tile t are bounds[t, u] to bounds[t + 1, u]."""
    users = len(indptr) - 1
    bounds, columns = np.zeros((tiles + 1, users), np.int64), np.empty(len(ids), np.int32)
    for user in range(users):
        excluded = ids[indptr[user] : indptr[user + 1]]
        for item in excluded:
            if place[item] >= 0:
                bounds[place[item] // ITEM_TILE + 1, user] += 1
        bounds[0, user] = indptr[user]
    for tile in range(tiles):
        bounds[tile + 1] += bounds[tile]
    free = np.empty(tiles, np.int64)
    for user in range(users):
        free[:] = bounds[:tiles, user]
        for item in ids[indptr[user] : indptr[user + 1]]:
            tile = place[item] // ITEM_TILE
            if tile >= 0:
                columns[free[tile]] = place[item] % ITEM_TILE
                free[tile] += 1
    return bounds, columns


@jit
def strike_out(scores: Float32s, users: Int64s, starts: Int64s, stops: Int64s, columns: Int32s) -> None:
    """Set the items of this tile that are excluded for `users`, whose rows these are, to -inf."""
    for row in range(len(users)):
        for at in range(starts[users[row]], stops[users[row]]):
            scores[row, columns[at]] = -np.inf


@jit
def may_gain(floors: Int64s, most: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whose floor a score of at most `most` may still reach, bool [users]."""
    gains = np.empty(len(floors), np.bool_)
    for user in range(len(floors)):
        gains[user] = most[user] >= score_of(floors[user])
    return gains


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def score_again(users: Float32s, factors: Float32s, ids: Int32s, scores: Float32s) -> None:
    """Inner products of what was found, summed in float64 in the same order for every row; four hide each other's latency."""
    for user in range(len(ids)):
        u = users[user]
        for at in range(0, ids.shape[1], 4):
            last = ids.shape[1] - 1
            i0, i1, i2, i3 = (
                ids[user, at],
                ids[user, min(at + 1, last)],
                ids[user, min(at + 2, last)],
                ids[user, min(at + 3, last)],
            )
            v0, v1, v2, v3 = factors[max(i0, 0)], factors[max(i1, 0)], factors[max(i2, 0)], factors[max(i3, 0)]
            t0 = t1 = t2 = t3 = 0.0
            for d in range(len(u)):
                wide = np.float64(u[d])
                t0 += wide * np.float64(v0[d])
                t1 += wide * np.float64(v1[d])
                t2 += wide * np.float64(v2[d])
                t3 += wide * np.float64(v3[d])
            for j, (item, total) in enumerate(((i0, t0), (i1, t1), (i2, t2), (i3, t3))):
                if item >= 0 and at + j <= last:
                    scores[user, at + j] = total
