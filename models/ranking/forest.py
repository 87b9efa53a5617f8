"""LightGBM trees as arrays that a worker maps and scores by itself, to the last bit of LightGBM's own answer.

A listener has hundreds of candidates and a model hundreds of trees. LightGBM walks each row down each tree, and the processor
guesses wrong at every other node. QuickScorer (Lucchese et al. 2015, https://doi.org/10.1145/2766462.2767733) turns the loop
inside out: the nodes of a feature are sorted by threshold, those that a row fails are a prefix of them, and each strikes the
leaves below its left branch out of one 64-bit word per tree; the first bit left is the leaf. Workers then need neither
LightGBM nor a model file, as the arrays are an artefact like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.errors import ArtefactError
from models.frozen import frozen
from models.ranking.forest_kernels import add_scores

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
# One word per tree: a bit a leaf.
MOST_LEAVES = 64
_EVERYTHING = (1 << MOST_LEAVES) - 1
ARRAYS = ("threshold", "tree", "mask", "missing_fails", "first", "leaves", "trees_of")


@dataclass(frozen=True)
class Node:
    """An inner node: `left` leaves are those below its left branch, numbered from the left of its tree."""

    feature: int
    threshold: float
    missing_fails: bool
    left: range


@dataclass(frozen=True)
class Forest:
    """Trees of one model, or of several whose scores are averaged.

    Attributes
    ----------
    threshold : float32 [nodes], ascending within a feature: a value above it fails the node.
    tree : int32 [nodes]; mask : uint64 [nodes], leaves that stay where the node is failed.
    missing_fails : bool [nodes], what a missing value does.
    first : int64 [features + 1], feature f owns nodes first[f] to first[f + 1].
    leaves : float64 [trees, 64], values of the leaves from the left, 0 pads.
    trees_of : int64 [models + 1], model m owns trees trees_of[m] to trees_of[m + 1].
    """

    threshold: Float32s
    tree: npt.NDArray[np.int32]
    mask: npt.NDArray[np.uint64]
    missing_fails: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int64]
    leaves: Float64s
    trees_of: npt.NDArray[np.int64]

    @classmethod
    def of(cls, dumps: Sequence[Mapping[str, Any]], features: int) -> Forest:
        """Forest of models as `Booster.dump_model()` tells them, all over the same `features` columns.

        Raises
        ------
        ArtefactError
            For trees of more than 64 leaves, splits of categories, or columns that there are not.
        """
        trees = [_tree(told["tree_structure"]) for dump in dumps for told in dump["tree_info"]]
        found = [
            (
                node.feature,
                _below(node.threshold),
                number,
                _EVERYTHING ^ sum(1 << leaf for leaf in node.left),
                node.missing_fails,
            )
            for number, (nodes, _) in enumerate(trees)
            for node in nodes
        ]
        if found and max(node[0] for node in found) >= features:
            raise ArtefactError(
                f"ranker: a tree asks for column {max(node[0] for node in found)} of {features}; train it again"
            )
        found.sort(key=lambda node: node[:3])
        column, threshold, tree, mask, missing = zip(*found, strict=True) if found else [()] * 5
        leaves = np.zeros((len(trees), MOST_LEAVES))
        for number, (_, values) in enumerate(trees):
            leaves[number, : len(values)] = values
        return cls(
            np.array(threshold, np.float32), np.array(tree, np.int32), np.array(mask, np.uint64), np.array(missing, bool),
            _starts(np.bincount(np.array(column, np.int64), minlength=features)), leaves,
            _starts(np.array([len(dump["tree_info"]) for dump in dumps])),
        )  # fmt: skip

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Forest:
        """Forest of saved arrays, which may be memory-mapped."""
        return cls(**{name: arrays[name] for name in ARRAYS})

    def save(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    @property
    def features(self) -> int:
        """Columns that a row must have."""
        return len(self.first) - 1

    def score(self, x: Float32s) -> Float64s:
        """Mean of the models' raw scores, float64 [n], of rows `x`, float32 [n, features]; NaN is missing.

        Each model's sum has LightGBM's own bits: trees are added in their order.
        """
        if x.ndim != 2 or x.shape[1] != self.features or x.dtype != np.float32:
            wanted = f"float32 [n, {self.features}]"
            raise ArtefactError(f"ranker: rows are {x.dtype} {list(x.shape)}, wanted {wanted}; train it again")
        out = np.zeros(len(x))
        nodes = frozen(self.threshold), frozen(self.tree), frozen(self.mask), frozen(self.missing_fails), frozen(self.first)
        add_scores(frozen(x), *nodes, frozen(self.leaves), frozen(self.trees_of), out)
        return out


def _starts(lengths: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _below(threshold: float) -> np.float32:
    """Largest float32 that is not above `threshold`: for float32 values both split alike.

    >>> float(_below(0.1)) <= 0.1, float(_below(0.5))
    (True, 0.5)
    """
    with np.errstate(over="ignore"):  # LightGBM splits off what is missing with a threshold beyond float32
        near = np.float32(threshold)
    return near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf))


def _tree(root: Mapping[str, Any]) -> tuple[list[Node], list[float]]:
    """(inner nodes, values of the leaves from the left) of a dumped tree."""
    nodes: list[Node] = []
    values: list[float] = []

    def walk(node: Mapping[str, Any]) -> None:
        if "leaf_value" in node:
            values.append(float(node["leaf_value"]))
            return
        if node["decision_type"] != "<=":
            raise ArtefactError(f"ranker: a tree splits by {node['decision_type']!r}, only numbers are known; train it again")
        start = len(values)
        walk(node["left_child"])
        nodes.append(Node(node["split_feature"], node["threshold"], _missing_fails(node), range(start, len(values))))
        walk(node["right_child"])

    walk(root)
    if len(values) > MOST_LEAVES:
        raise ArtefactError(f"ranker: a tree has {len(values)} leaves, {MOST_LEAVES} at most can be scored; set fewer leaves")
    return nodes, values


def _missing_fails(node: Mapping[str, Any]) -> bool:
    """Whether a missing value goes right. Where training saw none, LightGBM takes it for 0."""
    if node["missing_type"] == "NaN":
        return not node["default_left"]
    return bool(node["threshold"] < 0.0)
