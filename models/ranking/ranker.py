"""The ranker: trees that score candidates, what moved each score, and the best of every listener.

Scoring is models/ranking/forest.py, effects are models/ranking/attribution.py; both are arrays, so that workers map one
artefact and need no LightGBM. The columns that the trees were taught stand in the artefact: rows of others are refused when it
is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.errors import ArtefactError
from conf.features.pair import COLUMNS
from models.ranking.attribution import Attribution
from models.ranking.forest import Forest
from models.ranking.matrix import ANY

_OTHER = "context_"
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Ranker:
    """What orders candidates.

    Attributes
    ----------
    weights : of the sources in the blend that cuts and counts candidates. depth, asked : length of that cut, and of a source's
        list. A rank is worth what it was in training only on lists of the same length.
    other : the models for a context of the listener's own; None: the same ones.
    """

    forest: Forest
    attribution: Attribution
    weights: Mapping[str, float]
    depth: int
    asked: int
    other: Ranker | None = None

    @classmethod
    def of(
        cls, dumps: Sequence[Mapping[str, Any]], weights: Mapping[str, float], depth: int, asked: int,
        others: Sequence[Mapping[str, Any]] = (),
    ) -> Ranker:  # fmt: skip
        """Ranker of models as `Booster.dump_model()` tells them; `others` are those for contexts."""
        other = cls.of(others, weights, depth, asked) if others else None
        return cls(Forest.of(dumps, len(COLUMNS)), Attribution.of(dumps), dict(weights), depth, asked, other)

    def of_context(self, context: int) -> Ranker:
        """The models that order for a context, a place in CONTEXTS."""
        return self if context == ANY or self.other is None else self.other

    def save(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """(arrays, parameters) of the artefact."""
        told = {"columns": list(COLUMNS), "weights": dict(self.weights), "depth": self.depth, "asked": self.asked}
        arrays = self.forest.save() | self.attribution.save()
        if self.other:
            arrays |= {f"{_OTHER}{name}": values for name, values in self.other.save()[0].items()}
        return arrays, told

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any]) -> Ranker:
        """The ranker of a saved artefact.

        Raises
        ------
        ArtefactError
            Where it was trained on other columns, or an array is missing or holds what is no number.
        """
        if params.get("columns") != list(COLUMNS):
            raise ArtefactError("ranker: it was trained on other columns than the catalogue of features has; train it again")
        other = {name.removeprefix(_OTHER): values for name, values in arrays.items() if name.startswith(_OTHER)}
        try:
            return cls(
                _whole(Forest.load(arrays)), Attribution.load(arrays), params["weights"], int(params["depth"]),
                int(params["asked"]), cls.load(other, params) if other else None,
            )  # fmt: skip
        except KeyError as missing:
            raise ArtefactError(f"ranker: {missing} is missing; train it again") from None

    def score(self, x: Float32s) -> Float64s:
        """Mean raw score of each row, float64 [m].

        Raises
        ------
        ArtefactError
            Where a score is no number.
        """
        scores = self.forest.score(x)
        if not np.isfinite(scores).all():
            raise ArtefactError("ranker: a score is no number; train it again")
        return scores

    def drivers(self, x: Float32s, most: int = 3) -> tuple[Int32s, Float32s]:
        """(column, effect) of what moved each row's score most, either way, int32 and float32 [m, most]; -1 and 0 pad."""
        effects = self.attribution.effects(x)
        order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :most]
        found = np.take_along_axis(effects, order, axis=1)
        return np.where(found != 0, order, -1).astype(np.int32), found.astype(np.float32)


def _whole(forest: Forest) -> Forest:
    if forest.features != len(COLUMNS) or not np.isfinite(forest.leaves).all():
        raise ArtefactError("ranker: its trees are over other columns, or hold values that are no numbers; train it again")
    return forest


def best_first(first: npt.NDArray[np.int64], score: Float64s) -> npt.NDArray[np.int64]:
    """Rows in order of (listener, score descending), int64 [m]; equal scores keep the order of the rows, which is the blend's.

    Parameters
    ----------
    first : int64 [n + 1], listener i owns rows first[i] to first[i + 1].

    Examples
    --------
    >>> best_first(np.array([0, 2, 4]), np.array([1.0, 2.0, 0.5, 0.5])).tolist()
    [1, 0, 2, 3]
    """
    listener = np.repeat(np.arange(len(first) - 1), np.diff(first))
    return np.lexsort((-score, listener))


def ranks(first: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Place of each row among its listener's, from 0, int64 [m].

    >>> ranks(np.array([0, 2, 5])).tolist()
    [0, 1, 0, 1, 2]
    """
    return np.arange(int(first[-1])) - np.repeat(first[:-1], np.diff(first))


def top_lists(first: npt.NDArray[np.int64], track: Int32s, order: npt.NDArray[np.int64], k: int) -> Int32s:
    """The first `k` tracks of each listener by `order`, int32 [n, k]; -1 pads."""
    rank = ranks(first)
    listener = np.repeat(np.arange(len(first) - 1), np.diff(first))
    lists = np.full((len(first) - 1, k), -1, np.int32)
    lists[listener[rank < k], rank[rank < k]] = track[order][rank < k]
    return lists


def places(lists: Int32s, row: npt.NDArray[np.int64], track: Int32s) -> npt.NDArray[np.int64]:
    """Place of each (listener, track) pair on its listener's list from 0, int64 [m], -1 where it is not on it.

    lists : int32 [n, k], no track twice, -1 pads.

    >>> places(np.array([[5, 7], [9, -1]], np.int32), np.array([0, 0, 1]), np.array([7, 9, 9], np.int32)).tolist()
    [1, -1, 0]
    """
    who, place = np.nonzero(lists >= 0)
    if not len(who):
        return np.full(len(row), -1, np.int64)
    span = int(max(lists.max(), track.max(initial=0))) + 1
    keys = who * span + lists[who, place]
    order = np.argsort(keys)
    wanted = row * span + track
    at = order[np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)]
    return np.where(keys[at] == wanted, place[at], -1)
