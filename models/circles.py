"""histories + who follows whom -> circles: what each listener's friends lately love, and how many of them.

A friend loves a track that they completed within the last `days` before the cut, at most their `depth` strongest ones by
weight. A track that fewer than `k` of a listener's friends love is left out here already (k-anonymity: nobody learns what a
single friend plays).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.histories import Histories
from models.sources.base import Circle

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
    rank = np.arange(len(order)) - np.searchsorted(row[order], row[order])
    chosen = np.zeros(len(lately), bool)
    chosen[order[rank < depth]] = True
    return chosen


def circles(log: Histories, follower: Int64s, followed: Int64s, loves: npt.NDArray[np.bool_], k: int) -> Circle:
    """Circle of each listener of `log`.

    Parameters
    ----------
    follower, followed : int64 [m], rows of `log`: who follows whom. Following oneself or somebody twice counts once.
    loves : bool [nnz], see `loved`.
    k : friends who must love a track before it is told.
    """
    from scipy import sparse

    n, tracks = len(log), int(log.track_idx.max(initial=-1)) + 1
    mine = follower != followed
    ones = np.ones(int(mine.sum()))
    friends = sparse.csr_array((ones, (follower[mine], followed[mine])), shape=(n, n))
    friends.data[:] = 1.0
    row = np.repeat(np.arange(n), np.diff(log.indptr))[loves]
    where = (row, log.track_idx[loves])
    count = (friends @ sparse.csr_array((np.ones(len(row)), where), shape=(n, tracks))).tocsr()
    weight = (friends @ sparse.csr_array((log.weight[loves].astype(np.float64), where), shape=(n, tracks))).tocsr()
    count.sort_indices()
    weight.sort_indices()
    told = count.data >= k
    indptr = np.concatenate([[0], np.cumsum(told)])[count.indptr].astype(np.int64)
    return Circle(
        indptr,
        count.indices[told].astype(np.int32),
        count.data[told].astype(np.int32),
        weight.data[told].astype(np.float32),
    )
