"""What each column did to a row's score: exact SHAP values of a forest, fast enough for every listed track.

Path-dependent TreeSHAP (Lundberg et al. 2018, https://arxiv.org/abs/1802.03888): a leaf's value is shared among the columns of
its path, by which of them the row satisfies and how many training rows each would have sent that way. The shares depend on
a row only through the set of satisfied columns, so they are computed once for each leaf and set (the idea of Fast TreeSHAP
v2, Yang 2021, https://arxiv.org/abs/2109.09847); a row then looks them up. LightGBM's `pred_contrib` gives the same numbers and
takes ten to thirty times as long: thirty tracks of 50,000 listeners would be an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.errors import ArtefactError
from models.frozen import frozen
from models.ranking.attribution_kernels import add_shares, fill_tables

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
# A leaf's table has 2^columns rows of its path's columns.
MOST_COLUMNS = 10
ARRAYS = ("value", "slots_of", "column", "above", "up_to", "takes_missing", "fraction")


@dataclass
class _Leaf:
    """A leaf under construction: per column of its path (above, up to, takes missing values, share of training rows)."""

    value: float
    columns: dict[int, tuple[float, float, bool, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Attribution:
    """Leaves of all models' trees, each as a box: above < x <= up_to satisfies a column, or x missing where it may be.

    Attributes
    ----------
    value : float64 [leaves], divided by the number of models.
    slots_of : int64 [leaves + 1], leaf l owns slots slots_of[l] to slots_of[l + 1]; a slot is one column of its path.
    column : int32 [slots]. above, up_to : float32 [slots]. takes_missing : bool [slots].
    fraction : float64 [slots], share of the training rows that the column's nodes on the path let through, in (0, 1].
    """

    value: Float64s
    slots_of: npt.NDArray[np.int64]
    column: npt.NDArray[np.int32]
    above: Float32s
    up_to: Float32s
    takes_missing: npt.NDArray[np.bool_]
    fraction: Float64s

    @classmethod
    def of(cls, dumps: Sequence[Mapping[str, Any]]) -> Attribution:
        """Attribution of models as `Booster.dump_model()` tells them.

        Raises
        ------
        ArtefactError
            Where a path asks for more than ten columns: train with a smaller depth.
        """
        leaves = [leaf for dump in dumps for told in dump["tree_info"] for leaf in _leaves(told["tree_structure"])]
        deepest = max((len(leaf.columns) for leaf in leaves), default=0)
        if deepest > MOST_COLUMNS:
            raise ArtefactError(
                f"ranker: a path asks for {deepest} columns, {MOST_COLUMNS} can be explained; set a smaller depth"
            )
        slots = [(number, *told) for leaf in leaves for number, told in leaf.columns.items()]
        column, above, up_to, missing, fraction = zip(*slots, strict=True) if slots else [()] * 5
        lengths = [len(leaf.columns) for leaf in leaves]
        return cls(
            np.array([leaf.value for leaf in leaves]) / max(len(dumps), 1),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.array(column, np.int32), _float32s(above), _float32s(up_to), np.array(missing, bool), np.array(fraction, float),
        )  # fmt: skip

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Attribution:
        """Attribution of saved arrays."""
        return cls(**{name: arrays[f"shap_{name}"] for name in ARRAYS})

    def save(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name."""
        return {f"shap_{name}": getattr(self, name) for name in ARRAYS}

    @cached_property
    def _tables(self) -> tuple[Float32s, npt.NDArray[np.int64]]:
        """(shares of all leaves for all sets of satisfied columns, where each leaf's begin)."""
        width = np.diff(self.slots_of)
        begins = np.concatenate([[0], np.cumsum(width << width)]).astype(np.int64)
        shares = np.zeros(begins[-1], np.float32)
        fill_tables(frozen(self.value), frozen(self.slots_of), frozen(self.fraction), begins, shares)
        return frozen(shares), frozen(begins)

    def effects(self, x: Float32s) -> Float64s:
        """SHAP values, float64 [n, columns], of rows `x`, float32 [n, columns]; with `expected` they sum to the score."""
        out = np.zeros(x.shape)
        boxes = frozen(self.column), frozen(self.above), frozen(self.up_to), frozen(self.takes_missing)
        add_shares(frozen(x), frozen(self.slots_of), *boxes, *self._tables, out)
        return out

    @cached_property
    def expected(self) -> float:
        """Mean score of the training rows."""
        weights = self.value.copy()
        for leaf in range(len(weights)):
            weights[leaf] *= self.fraction[self.slots_of[leaf] : self.slots_of[leaf + 1]].prod()
        return float(weights.sum())


def _float32s(values: Sequence[float]) -> Float32s:
    """Largest float32 that is not above each value: for float32 rows a box is the same."""
    exact = np.array(values, np.float64)
    with np.errstate(over="ignore"):
        near = exact.astype(np.float32)
    return np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _leaves(root: Mapping[str, Any]) -> list[_Leaf]:
    """Leaves of a dumped tree."""
    found: list[_Leaf] = []

    def walk(node: Mapping[str, Any], columns: dict[int, tuple[float, float, bool, float]]) -> None:
        if "leaf_value" in node:
            found.append(_Leaf(float(node["leaf_value"]), columns))
            return
        number, limit = node["split_feature"], float(node["threshold"])
        above, up_to, missing, fraction = columns.get(number, (-np.inf, np.inf, True, 1.0))
        left_takes = node["default_left"] if node["missing_type"] == "NaN" else limit >= 0.0
        total = _count(node)
        for child, low, high, takes in (
            (node["left_child"], above, min(up_to, limit), left_takes),
            (node["right_child"], max(above, limit), up_to, not left_takes),
        ):
            passed = fraction * _count(child) / total
            walk(child, {**columns, number: (low, high, missing and takes, passed)})

    walk(root, {})
    return found


def _count(node: Mapping[str, Any]) -> int:
    return int(node["leaf_count"] if "leaf_value" in node else node["internal_count"])
