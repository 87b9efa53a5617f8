"""predicted factors, true factors -> how far sound alone finds a track's place in taste, with chance beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

NEAREST = 50


def judged(found: Floats, factors: Floats, watched: npt.NDArray[np.int64], nearest: int = NEAREST) -> dict[str, float]:
    """Metrics of the watched tracks that are warm; empty where none is.

    `watched_cosine`: mean cosine of predicted and true factors; `watched_cosine_mean`: of the mean of all factors with them,
    which needs no ear. `watched_recall@50`: of the 50 tracks nearest to the true factors in the whole warm catalogue, the share
    among the 50 nearest to the predicted ones; `random_recall@50`: what chance has of it. `watched_own_rank`: share of the
    watched tracks whose true factors lie nearer to the prediction than the track's own, 0 best, .5 chance.

    Parameters
    ----------
    found : float32 [watched, d], predicted. factors : float32 [n, d], unit rows, zeros where cold. watched : int64 rows of it.
    """
    warm = np.flatnonzero((factors != 0).any(axis=1))
    seen = np.isin(watched, warm)
    if not seen.any() or len(warm) < 2:
        return {}
    own, found = watched[seen], _unit(found[seen])
    true = factors[own]
    k = min(nearest, len(warm) - 1)
    shared = [
        len(np.intersect1d(a, b)) / k
        for a, b in zip(_top(true, factors, warm, own, k), _top(found, factors, warm, own, k), strict=True)
    ]
    among = found @ true.T
    nearer = (among > np.diagonal(among)[:, None]).sum(axis=1) / max(len(own) - 1, 1)
    return {
        "watched_cosine": float(np.mean(np.sum(found * true, axis=1))),
        "watched_cosine_mean": float(np.mean(true @ _unit(factors[warm].mean(axis=0)))),
        f"watched_recall@{nearest}": float(np.mean(shared)),
        f"random_recall@{nearest}": k / (len(warm) - 1),
        "watched_own_rank": float(np.mean(nearer)),
    }


def _top(
    queries: Floats, factors: Floats, warm: npt.NDArray[np.int64], own: npt.NDArray[np.int64], k: int
) -> list[npt.NDArray[np.int64]]:
    """Rows of the k warm tracks nearest to each query by cosine, its own track left out."""
    tops = []
    for query, track in zip(queries, own, strict=True):
        scores = np.where(warm == track, -np.inf, factors[warm] @ query)
        tops.append(warm[np.argpartition(-scores, k - 1)[:k]])
    return tops


def _unit(x: Floats) -> Floats:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12), np.float32)
