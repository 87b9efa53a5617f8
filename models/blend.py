"""lists of several sources -> one list: scores made comparable, added up with weights learned on a validation week.

Sources score in units and shapes of their own. An entry is worth the mean of two things that need neither: of its rank r
(from 0) on a list of k, 1 - log(1 + r) / log(1 + k); and of its lead d over the list's end, log(1 + d / root mean square of d)
/ log 4. What is not on a list is worth 0. A track's score is the weighted sum over the lists that name it.

The weights are those of a conditional logit (McFadden 1974): a listener picks among the union of their lists with
probability proportional to exp(w . x), and w >= 0 is what makes the validation week's picks most likely. With logarithms
that is a product of powers of ranks and leads, which is how picks fall off along a list. The problem is convex, so there is one
answer and no seed. A source whose weight is 0 has left the blend.

Leads without the logarithm, (s - s_last) / (s_first - s_last), were tried first: sharp lists then get all the weight for their
shape (NDCG@20 on held-out validation of Last.fm-2k .1601, by log ranks .1625). Ranks alone came second: they forget by how
much the first is ahead (validation NDCG, listeners held out of the weights, ranks alone and both: Last.fm-2k .1618, .1620;
MovieLens-1M .2180, .2178; S3-Rec's Last.fm .0495, .0508; four weeks of simulated world 101 .1168, .1176).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.blend_kernels import add_lists, worths_of
from models.frozen import frozen
from models.sources.base import TopK

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
# Listeners whose picks teach the weights: with ten sources five thousand give the second digit of each weight.
TAUGHT_BY = 5000
# Ridge on the weights, in units of one listener's log-likelihood: it decides only between sources that say the same.
_RIDGE = 1e-4


@dataclass(frozen=True)
class Blended:
    """One list per listener, best first.

    Attributes
    ----------
    ids : int32 [n, k], track numbers; -1 pads.
    scores : float32 [n, k], weighted sums, descending; -inf pads.
    because : int32 [n, k], heard track named by the source that gave most among those that name one; -1 for none.
    source : int8 [n, k], place in the weights of the source that gave most; -1 pads.
    """

    ids: Int32s
    scores: Float32s
    because: Int32s
    source: npt.NDArray[np.int8]


def blend(lists: Mapping[str, TopK], weights: Mapping[str, float], tie_rank: Int32s, k: int) -> Blended:
    """Best `k` tracks of each listener by the weighted sum over `lists`.

    Parameters
    ----------
    lists : lists of the same n listeners by source; they may differ in length. Sources without a weight count 0.
    weights : by source, >= 0; those without a list are left out, so a source that failed takes nothing with it.
    tie_rank : int32 [tracks], tells equal scores apart.
    """
    names = [name for name in weights if name in lists and weights[name] > 0]
    n = len(next(iter(lists.values())).ids) if lists else 0
    out = Blended(
        np.full((n, k), -1, np.int32),
        np.full((n, k), -np.inf, np.float32),
        np.full((n, k), -1, np.int32),
        np.full((n, k), -1, np.int8),
    )
    if not names:
        return out
    ids, worth, because, bounds = _side_by_side({name: lists[name] for name in names})
    strength = np.array([weights[name] for name in names], np.float64)
    places = np.array([list(weights).index(name) for name in names], np.int8)
    add_lists(
        ids, worth, because, bounds, frozen(strength), frozen(tie_rank), out.ids, out.scores, out.because, out.source
    )  # fmt: skip
    out.source[out.source >= 0] = places[out.source[out.source >= 0]]
    return out


def learn(lists: Mapping[str, TopK], row: npt.NDArray[np.int64], track: Int32s) -> dict[str, float]:
    """Weights that make the picks of a validation week most likely.

    Parameters
    ----------
    lists : lists of the same n listeners by source, made from before that week.
    row, track : int64, int32 [m], distinct (listener, track) pairs picked in it. Picks that no list names teach nothing.

    Returns
    -------
    Weight of each source, >= 0, in the order of `lists`, summing to 1; equal weights where no list names any pick.
    """
    names = list(lists)
    equal = dict.fromkeys(names, 1.0 / max(len(names), 1))
    problem = _Choices.of(lists, row, track)
    if problem is None:
        return equal
    weights = problem.solve()
    total = weights.sum()
    return {name: float(weight / total) for name, weight in zip(names, weights, strict=True)} if total > 0 else equal


def worths(top: TopK) -> Float32s:
    """Worth of each entry, float32 [n, k], >= 0; padding is worth nothing.

    >>> ids, scores = np.array([[7, 8, 9], [7, -1, -1]], np.int32), np.array([[4.0, 1.0, 1.0], [2.0, -np.inf, -np.inf]])
    >>> worths(TopK(ids, scores.astype(np.float32), ids)).astype(float).round(3).tolist()
    [[0.862, 0.25, 0.104], [0.75, 0.0, 0.0]]
    """
    k = top.ids.shape[1]
    by_rank = 1.0 - np.log1p(np.arange(k)) / np.log1p(max(k, 1))
    out = np.zeros(top.ids.shape, np.float32)
    worths_of(frozen(top.ids), frozen(top.scores), frozen(by_rank), out)
    return out


def _side_by_side(lists: Mapping[str, TopK]) -> tuple[Int32s, Float32s, Int32s, npt.NDArray[np.int64]]:
    """(ids, worth, because, column bounds) of all lists, [n, total]."""
    bounds = np.concatenate([[0], np.cumsum([top.ids.shape[1] for top in lists.values()])]).astype(np.int64)
    ids = np.concatenate([top.ids for top in lists.values()], axis=1)
    because = np.concatenate([top.because for top in lists.values()], axis=1)
    worth = np.concatenate([worths(top) for top in lists.values()], axis=1)
    return frozen(ids), frozen(worth), frozen(because), frozen(bounds)


@dataclass(frozen=True)
class _Choices:
    """Candidates of the listeners who picked something, with what each source says of each.

    Attributes
    ----------
    x : float64 [candidates, sources], worth >= 0; a listener's candidates stand together.
    first : int64 [listeners], place of each listener's first candidate.
    share : float64 [candidates], 1 / picks of the listener for a pick, else 0: every listener counts once.
    """

    x: Float64s
    first: npt.NDArray[np.int64]
    share: Float64s

    @classmethod
    def of(cls, lists: Mapping[str, TopK], row: npt.NDArray[np.int64], track: Int32s) -> _Choices | None:
        """Choices of at most TAUGHT_BY listeners, the first ones; None where no list names any pick."""
        asked = np.unique(row)[:TAUGHT_BY]
        if not len(asked) or not lists:
            return None
        ids, worth, _, bounds = _side_by_side(lists)
        there = ids[asked] >= 0
        listener, column = np.nonzero(there)
        source = np.searchsorted(bounds, column, side="right") - 1
        span = int(max(ids.max(initial=0), track.max(initial=0))) + 1
        key, place = np.unique(listener * span + ids[asked][there], return_inverse=True)
        x = np.zeros((len(key), len(lists)))
        x[place, source] = worth[asked][there]
        picked = np.isin(key, np.searchsorted(asked, row[np.isin(row, asked)]) * span + track[np.isin(row, asked)])
        owner = key // span
        picks = np.bincount(owner[picked], minlength=len(asked))
        kept = picks[owner] > 0
        if not kept.any():
            return None
        owner, x, picked = owner[kept], x[kept], picked[kept]
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        return cls(x, first, picked / picks[owner])

    def solve(self) -> Float64s:
        """The weights, float64 [sources], >= 0."""
        from scipy.optimize import minimize  # workers blend without it

        start = np.full(self.x.shape[1], 1.0)
        found = minimize(self.loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start))
        return np.asarray(found.x, np.float64)

    def loss(self, w: Float64s) -> tuple[float, Float64s]:
        """(negative log-likelihood per listener, its gradient) of weights `w`."""
        utility = self.x @ w
        sizes = np.diff(np.append(self.first, len(utility)))
        top = np.repeat(np.maximum.reduceat(utility, self.first), sizes)
        raised = np.exp(utility - top)
        likely = raised / np.repeat(np.add.reduceat(raised, self.first), sizes)
        picked = self.share > 0
        n = len(self.first)
        value = -float(self.share[picked] @ np.log(likely[picked])) / n + _RIDGE * float(w @ w)
        return value, (likely - self.share) @ self.x / n + 2 * _RIDGE * w
