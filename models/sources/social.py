"""histories, who follows whom -> what a listener's friends and the listeners most like them newly love.

    score(u, t) = sum over the taste circles c nearest to u of p(c | u) * chart(c, t) + friends_weight * friends(u, t)

A taste circle is a cluster of listeners (models/sources/taste_circles.py) and its chart what its members lately love: nothing
is kept of single listeners, who join circles by their history as they come. friends(u, t) is the decayed weight of the friends
who love t (models/circles.py). Both parts are divided by their largest entry, so that each lies in (0, 1]. What too few friends
or members love is never told (k-anonymity: Sweeney 2002, https://doi.org/10.1142/S0218488502001648).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from conf.errors import ContractError
from conf.trainers import TrainSocial
from models.frozen import frozen
from models.histories import Histories
from models.item_item import in_chunks
from models.item_item_kernels import top_of_product
from models.sources.base import Catalogue, Circle, Exclusions, Listeners, Reason, Saved, TopK
from models.sources.taste_circles import TasteCircles, taste_circles

Entries = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]  # a CSR matrix: indptr, ids, weights


@dataclass(frozen=True)
class Social:
    """Candidate source `social`."""

    circles: TasteCircles
    catalogue: Catalogue
    params: dict[str, Any]

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainSocial) -> Self:
        """Find the taste circles of `log` and their charts, as of the day after its newest play."""
        return cls(taste_circles(log, catalogue, params), catalogue, params.model_dump())

    def recommend(self, block: Listeners, k: int, exclude: Exclusions, threads: int = 1) -> TopK:
        """Add up the charts of each listener's circles and their friends' loves.

        The reason is never a heard track; `explain` counts the people.
        """
        if self.circles.tracks > len(self.catalogue) or len(exclude.indptr) != len(block) + 1:
            sizes = f"{self.circles.tracks} tracks, {len(self.catalogue)} in the catalogue"
            rows = f"{len(exclude.indptr) - 1} rows of exclusions for {len(block)} listeners"
            raise ContractError(f"social: the artefact knows {sizes}; {rows}")
        ids = np.full((len(block), k), -1, np.int32)
        scores = np.full((len(block), k), -np.inf, np.float32)
        left, right = self._product(block, threads)
        allowed, tie_rank = frozen(self.catalogue.allowed), frozen(self.catalogue.tie_rank)

        def work(start: int, stop: int) -> None:
            own = frozen(left[0][start : stop + 1]), *left[1:]
            struck = frozen(exclude.indptr[start : stop + 1]), frozen(exclude.ids)
            top_of_product(*own, *right, *struck, allowed, tie_rank, ids[start:stop], scores[start:stop])

        in_chunks(work, len(block), threads)
        return TopK(ids, scores, np.full_like(ids, -1))

    def explain(self, listener: Listeners, track: int, most: int = 3) -> tuple[Reason, ...]:
        """How many friends love the track, and how many members of the listener's circles; the larger part first."""
        one = listener.rows(0, 1)
        near, membership = self.circles.memberships(one.log)
        held = [self.circles.entry(int(circle), track) for circle in near[0]]
        similar = float(sum(p * weight for p, (weight, _) in zip(membership[0], held, strict=True)))
        parts = [(similar, sum(members for _, members in held))]
        friends = self._friends(one)
        for at in np.flatnonzero(friends.ids == track):
            parts.append((float(friends.weight[at]) * self.params["friends_weight"], int(friends.friends[at])))
        spoken = sorted((part for part in parts if part[0] > 0), reverse=True)
        total = sum(part for part, _ in spoken)
        return tuple(Reason("friends", people, part / total) for part, people in spoken[:most])

    def _product(self, block: Listeners, threads: int) -> tuple[Entries, Entries]:
        """(listeners x rows, rows x tracks): the rows are all circles' charts, then each listener's friends."""
        near, membership = self.circles.memberships(block.log, threads)
        n, circles = len(block), len(self.circles.indptr) - 1
        rows = np.column_stack([near, circles + np.arange(n, dtype=np.int32)]).astype(np.int32)
        values = np.column_stack([membership, np.full(n, self.params["friends_weight"], np.float32)]).astype(np.float32)
        friends = self._friends(block)
        stacked = (
            np.concatenate([self.circles.indptr, self.circles.indptr[-1] + friends.indptr[1:]]),
            np.concatenate([self.circles.ids, friends.ids]),
            np.concatenate([self.circles.weights, friends.weight]),
        )
        left = np.arange(n + 1, dtype=np.int64) * rows.shape[1], rows.ravel(), values.ravel()
        return _frozen(left), _frozen(stacked)

    def _friends(self, block: Listeners) -> Circle:
        """What enough friends love, weights over each listener's largest."""
        circle = block.circle or _nobody(len(block))
        told = (circle.friends >= self.params["k_friends"]) & (circle.weight > 0) & (circle.ids < len(self.catalogue))
        indptr = np.concatenate([[0], np.cumsum(told)])[circle.indptr].astype(np.int64)
        weight, rows = circle.weight[told], np.repeat(np.arange(len(block)), np.diff(indptr))
        largest = np.zeros(len(block), np.float32)
        np.maximum.at(largest, rows, weight)
        return Circle(indptr, circle.ids[told], circle.friends[told], weight / largest[rows])

    def save(self) -> Saved:
        """The circles and the settings."""
        return Saved(self.circles.arrays(), self.params)

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any], catalogue: Catalogue) -> Self:
        """The source of saved circles."""
        return cls(TasteCircles.from_arrays(arrays, params), catalogue, dict(params))


def _nobody(n: int) -> Circle:
    nothing = np.empty(0, np.int32)
    return Circle(np.zeros(n + 1, np.int64), nothing, nothing, np.empty(0, np.float32))


def _frozen(matrix: Entries) -> Entries:
    return frozen(matrix[0]), frozen(matrix[1]), frozen(matrix[2])
