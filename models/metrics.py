"""hits -> quality: ranking metrics of top-k lists against the full catalogue, one number per listener.

A list is judged by what the listener did afterwards; nothing is sampled, since sampled metrics rank models wrongly
(Krichene & Rendle 2020, https://doi.org/10.1145/3394486.3403226).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def ndcg_at_k(hits: npt.NDArray[np.bool_], relevant: npt.NDArray[Any]) -> Floats:
    """Normalised discounted cumulative gain, binary gains, float64 [n] in [0, 1].

    Parameters
    ----------
    hits : bool [n, k], whether the track at each rank is relevant; padding is False.
    relevant : int [n], relevant tracks of each listener, in the list or not; a listener with none gets nan.

    Examples
    --------
    Hits at ranks 1 and 3 of 3, with 2 relevant: (1 + 1/log2(4)) / (1 + 1/log2(3)) = 1.5 / 1.6309. With 5 relevant the
    best possible list of 3 has gain 1 + 0.6309 + 0.5.

    >>> hits = np.array([[True, False, True], [True, False, True], [True, True, True]])
    >>> ndcg_at_k(hits, np.array([2, 5, 9])).round(4).tolist()
    [0.9197, 0.7039, 1.0]
    """
    k = hits.shape[1]
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[np.nan], np.cumsum(discount)])
    ndcg: Floats = (hits @ discount) / best[np.minimum(relevant, k)]
    return ndcg


def recall_at_k(hits: npt.NDArray[np.bool_], relevant: npt.NDArray[Any]) -> Floats:
    """Share of the relevant tracks that the list holds, float64 [n] in [0, 1]; a listener with none gets nan.

    >>> recall_at_k(np.array([[True, False], [True, True]]), np.array([4, 2])).tolist()
    [0.25, 1.0]
    """
    recall: Floats = hits.sum(axis=1) / np.where(relevant > 0, relevant, np.nan)
    return recall


def coverage(lists: npt.NDArray[np.int32], items: int) -> float:
    """Share of the catalogue's `items` that stand on at least one list; -1 pads.

    >>> coverage(np.array([[0, 1], [1, -1]], np.int32), items=8)
    0.25
    """
    listed = np.zeros(items, bool)
    listed[lists[lists >= 0]] = True
    return float(listed.sum() / items) if items else 0.0


def popularity_lift(lists: npt.NDArray[np.int32], popularity: Floats, usual: Floats) -> Floats:
    """How much more popular a list is than what its listener plays, float64 [n]; 1 is the same.

    Parameters
    ----------
    lists : int32 [n, k], tracks, -1 pads.
    popularity : float64 [tracks], e.g. listeners of each track.
    usual : float64 [n], mean popularity of the tracks that the listener plays, > 0.

    Examples
    --------
    >>> popularity_lift(np.array([[0, 1], [1, -1]], np.int32), np.array([9.0, 3.0]), np.array([3.0, 3.0])).tolist()
    [2.0, 1.0]
    """
    held = lists >= 0
    total = np.where(held, popularity[np.where(held, lists, 0)], 0.0).sum(axis=1)
    counted = held.sum(axis=1)
    mean: Floats = np.divide(total, counted, out=np.full(len(lists), np.nan), where=counted > 0)
    return mean / usual


def hits_of(lists: npt.NDArray[np.int32], row: npt.NDArray[Any], item: npt.NDArray[Any], items: int) -> npt.NDArray[np.bool_]:
    """Mark the entries of lists that are among the relevant (row, item) pairs, bool [n, k].

    Parameters
    ----------
    lists : int32 [n, k], items, -1 pads.
    row, item : int [m], relevant pairs in any order.
    items : size of the catalogue.

    Examples
    --------
    >>> hits_of(np.array([[3, 1], [1, -1]], np.int32), np.array([0, 1]), np.array([1, 3]), items=4).tolist()
    [[False, True], [False, False]]
    """
    pairs = np.asarray(row, np.int64) * items + item
    listed = np.arange(len(lists), dtype=np.int64)[:, None] * items + lists
    found: npt.NDArray[np.bool_] = np.isin(listed, pairs) & (lists >= 0)
    return found
