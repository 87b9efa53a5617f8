"""The blend's loops, compiled: one listener at a time, over the few tracks that their lists name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.selection import best, jit

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]


@jit
def worths_of(ids: Int32s, scores: Float32s, by_rank: npt.NDArray[np.float64], out: Float32s) -> None:
    """Fill `out` [n, k] with the worth of each entry, see models/blend.py; pads are left alone.

    A list that ends early says that all else scores 0 or less; what is behind the last entry of a full one is not known.
    One by one: numpy's vectorised logarithm has other last bits at other places of an array.
    """
    k = ids.shape[1]
    for row in range(len(ids)):
        held = 0
        while held < k and ids[row, held] >= 0:
            held += 1
        if held == 0:
            continue
        end = float(scores[row, held - 1])
        if held < k:
            end = min(end, 0.0)
        squares = 0.0
        for at in range(held):
            squares += (scores[row, at] - end) ** 2
        spread = np.sqrt(squares / held)
        for at in range(held):
            lead = np.log1p((scores[row, at] - end) / spread) if spread > 0.0 else 0.0
            out[row, at] = (by_rank[at] + lead / np.log(4.0)) / 2.0


@jit
def add_lists(
    ids: Int32s,
    worth: Float32s,
    because: Int32s,
    bounds: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    tie_rank: Int32s,
    out_ids: Int32s,
    out_scores: Float32s,
    out_because: Int32s,
    out_source: npt.NDArray[np.int8],
) -> None:
    """Add up the lists of each listener and keep the best.

    Parameters
    ----------
    ids, worth, because : [n, total], the sources' lists side by side; source s owns columns bounds[s] to bounds[s + 1].
    weights : float64 [sources], > 0.
    out_ids ... out_source : [n, k], see models/blend.py.
    """
    items, k = len(tie_rank), out_ids.shape[1]
    total = np.zeros(items)
    most = np.zeros(items)
    reason_most = np.zeros(items)
    source_of = np.full(items, -1, np.int8)
    reason = np.full(items, -1, np.int32)
    touched = np.empty(ids.shape[1], np.int32)
    found, ranks = np.empty(ids.shape[1], np.float32), np.empty(ids.shape[1], np.int32)
    for row in range(len(ids)):
        reached = 0
        for source in range(len(weights)):
            for at in range(bounds[source], bounds[source + 1]):
                item = ids[row, at]
                if item < 0:
                    break
                if source_of[item] < 0:
                    touched[reached] = item
                    reached += 1
                    source_of[item] = source
                term = weights[source] * worth[row, at]
                total[item] += term
                if term > most[item]:
                    most[item], source_of[item] = term, source
                if because[row, at] >= 0 and (reason[item] < 0 or term > reason_most[item]):
                    reason_most[item], reason[item] = term, because[row, at]
        for place in range(reached):
            found[place], ranks[place] = total[touched[place]], tie_rank[touched[place]]
        best(found[:reached], ranks[:reached], out_ids[row], out_scores[row])
        for place in range(k):
            if out_ids[row, place] < 0:
                break
            item = touched[out_ids[row, place]]
            out_ids[row, place], out_because[row, place], out_source[row, place] = item, reason[item], source_of[item]
        for place in range(reached):
            item = touched[place]
            total[item], most[item], reason_most[item] = 0.0, 0.0, 0.0
            source_of[item], reason[item] = -1, -1
