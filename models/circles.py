"""histories + who follows whom -> circles: what each listener's friends lately love, and how many of them.

A friend loves a track that they completed within the last `days` before the cut, at most their `depth` strongest ones by
weight. A track that fewer than `k` of a listener's friends love is left out here already (k-anonymity: nobody learns what a
single friend plays).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.histories import Histories
from models.sources.base import Circle, Exclusions, TopK

Int64s = npt.NDArray[np.int64]


def loved(log: Histories, cut_day: int, days: int, depth: int) -> npt.NDArray[np.bool_]:
    """Entries of `log` that their listener lately loves, bool [nnz].

    Parameters
    ----------
    cut_day : first day that the log does not see, days since 1970-01-01.
    depth : at most this many a listener, the heaviest first, of equal ones the lower track number.
    """
    lately = (log.completions > 0) & (log.last_day >= cut_day - days) & (log.weight > 0)
    row = np.repeat(np.arange(len(log)), np.diff(log.indptr))
    entry = np.flatnonzero(lately)
    order = entry[np.lexsort((log.track_idx[entry], -log.weight[entry], row[entry]))]
    chosen = np.zeros(len(lately), bool)
    chosen[order[_places(row[order]) < depth]] = True
    return chosen


def circles(log: Histories, follower: Int64s, followed: Int64s, loves: npt.NDArray[np.bool_], k: int) -> Circle:
    """Circle of each listener of `log`.

    Parameters
    ----------
    follower, followed : int64 [m], rows of `log`: who follows whom. Following oneself or somebody twice counts once.
    loves : bool [nnz], see `loved`.
    k : friends who must love a track before it is told.
    """
    n = len(log)
    pairs = np.unique(follower[follower != followed] * n + followed[follower != followed])
    who, friend = np.divmod(pairs, max(n, 1))
    kept = np.concatenate([[0], np.cumsum(loves)])[log.indptr]
    lengths = np.diff(kept)[friend]
    start = np.concatenate([[0], np.cumsum(lengths)])
    entry = np.repeat(kept[:-1][friend] - start[:-1], lengths) + np.arange(start[-1])
    indptr = np.concatenate([[0], np.cumsum(np.bincount(who, lengths, minlength=n))]).astype(np.int64)
    return circle_of(indptr, log.track_idx[loves][entry], log.weight[loves][entry], k)


def circle_of(indptr: Int64s, tracks: npt.NDArray[np.int32], weights: npt.NDArray[np.float32], k: int) -> Circle:
    """Circle of each of n listeners from their friends' loves, friend after friend in any order.

    Parameters
    ----------
    indptr : int64 [n + 1]; tracks, weights : int32, float32 [nnz], a friend names a track once.

    Examples
    --------
    Two friends love track 7 and one of them 9.

    >>> made = circle_of(np.array([0, 3]), np.array([7, 9, 7], np.int32), np.array([1, 5, 2], np.float32), k=2)
    >>> made.ids.tolist(), made.friends.tolist(), made.weight.tolist()
    ([7], [2], [3.0])
    """
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    order = np.lexsort((weights, tracks, row))  # by weight too: the order in which friends come must not change a sum's bits
    row, track, weight = row[order], tracks[order], weights[order].astype(np.float64)
    new = np.ones(len(row), bool)
    new[1:] = (row[1:] != row[:-1]) | (track[1:] != track[:-1])
    first = np.flatnonzero(new)
    friends = np.diff(np.append(first, len(row)))
    total = np.add.reduceat(weight, first) if len(first) else np.empty(0)
    told = friends >= k
    counts = np.bincount(row[first[told]], minlength=len(indptr) - 1)
    return Circle(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        track[first[told]].astype(np.int32),
        friends[told].astype(np.int32),
        total[told].astype(np.float32),
    )


def friends_lists(circle: Circle, k: int, exclude: Exclusions, tie_rank: npt.NDArray[np.int32]) -> TopK:
    """What each listener's friends love most and the listener is not excluded from, top `k` by the friends' weight."""
    n = len(circle.indptr) - 1
    row = np.repeat(np.arange(n), np.diff(circle.indptr))
    struck = np.repeat(np.arange(n), np.diff(exclude.indptr)) * len(tie_rank) + exclude.ids
    new = ~np.isin(row * len(tie_rank) + circle.ids, struck)
    row, track, weight = row[new], circle.ids[new], circle.weight[new]
    order = np.lexsort((tie_rank[track], -weight, row))
    rank = _places(row[order])
    order, rank = order[rank < k], rank[rank < k]
    ids, scores = np.full((n, k), -1, np.int32), np.full((n, k), -np.inf, np.float32)
    ids[row[order], rank], scores[row[order], rank] = track[order], weight[order]
    return TopK(ids, scores, np.full_like(ids, -1))


def _places(row: Int64s) -> Int64s:
    """Place of each entry among those of its row, from 0; `row` ascends."""
    return np.asarray(np.arange(len(row)) - np.searchsorted(row, row), np.int64)
