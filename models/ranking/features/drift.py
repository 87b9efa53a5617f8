"""two samples of one feature -> how far its distribution has moved: the population stability index.

    PSI = sum over bins of (p - q) ln(p / q)

with bins at the deciles of what was: below .1 little has changed, above .25 a model trained on what was is not to be trusted
(Siddiqi 2006, Credit Risk Scorecards). Nulls are a bin of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 10
# An empty bin counts as this share, so that one listener cannot make the index infinite.
_LEAST = 1e-4


def psi(was: npt.NDArray[Any], now: npt.NDArray[Any]) -> float:
    """PSI of `now` against `was`, both numbers with NaN for null; NaN where one of them is empty.

    >>> same = np.arange(100.0)
    >>> psi(same, same), round(psi(same, same + 50), 1) > 1
    (0.0, True)
    """
    if not len(was) or not len(now):
        return float("nan")
    known = was[~np.isnan(was)]
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf")) if len(known) else np.empty(0)
    p, q = (_shares(values, edges) for values in (now, was))
    return float(np.sum((p - q) * np.log(p / q)))


def _shares(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Share of each bin, nulls last; an edge belongs to the bin below it."""
    null = np.isnan(values)
    place = np.where(null, len(edges) + 1, np.searchsorted(edges, values, side="left"))
    return np.maximum(np.bincount(place, minlength=len(edges) + 2) / len(values), _LEAST)
