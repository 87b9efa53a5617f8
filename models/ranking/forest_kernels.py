"""The forest's loops, compiled: eight rows meet a node at once; what they fail strikes leaves out of a word per row and tree.

One row at a time stops sooner (half of a feature's nodes are failed on average, nearly all by the largest of eight), yet a
comparison and an AND of eight are one instruction each: twice as fast.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.selection import jit

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Uint64s = npt.NDArray[np.uint64]
TILE = 8
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
# Place of the lowest bit of a word that is not 0: a de Bruijn sequence of 64 bits, as numba knows no instruction for it.
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACE = np.zeros(64, np.int64)
for _bit in range(64):
    _PLACE[((int(_DE_BRUIJN) << _bit) & int(_ALL)) >> 58] = _bit


@jit
def lowest_bit(word: np.uint64) -> int:
    """Place of the lowest bit of a word that is not 0."""
    alone = word & (~word + np.uint64(1))
    return int(_PLACE[(alone * _DE_BRUIJN) >> np.uint64(58)])


@jit
def strike(
    x: Float32s,
    start: int,
    rows: int,
    threshold: Float32s,
    tree: npt.NDArray[np.int32],
    mask: Uint64s,
    missing_fails: npt.NDArray[np.bool_],
    first: npt.NDArray[np.int64],
    words: Uint64s,
) -> None:
    """Leave in `words` (uint64 [trees, TILE]) the leaves that rows start to start + rows may still reach."""
    words[:] = _ALL
    value, missing = np.empty(TILE, np.float32), np.zeros(TILE, np.uint64)
    for feature in range(len(first) - 1):
        nodes = first[feature + 1]
        if first[feature] == nodes:
            continue
        top, some_missing = np.float32(-np.inf), False
        for r in range(TILE):
            seen = x[start + r, feature] if r < rows else np.float32(-np.inf)
            gone = seen != seen
            some_missing |= gone
            value[r] = np.float32(-np.inf) if gone else seen
            missing[r] = _ALL if gone else np.uint64(0)
            top = max(top, value[r])
        for node in range(first[feature], nodes):
            limit, keep, at = threshold[node], mask[node], tree[node]
            if top > limit:
                for r in range(TILE):
                    words[at, r] &= keep if value[r] > limit else _ALL
            elif not some_missing:
                break
            if some_missing and missing_fails[node]:
                for r in range(TILE):
                    words[at, r] &= keep | ~missing[r]


@jit
def add_scores(
    x: Float32s,
    threshold: Float32s,
    tree: npt.NDArray[np.int32],
    mask: Uint64s,
    missing_fails: npt.NDArray[np.bool_],
    first: npt.NDArray[np.int64],
    leaves: Float64s,
    trees_of: npt.NDArray[np.int64],
    out: Float64s,
) -> None:
    """Add to `out` (float64 [n]) each row's mean over the models; a model's trees are summed in their order."""
    words = np.empty((len(leaves), TILE), np.uint64)
    models = len(trees_of) - 1
    of_model = np.empty(TILE)
    for start in range(0, len(x), TILE):
        rows = min(TILE, len(x) - start)
        strike(x, start, rows, threshold, tree, mask, missing_fails, first, words)
        for model in range(models):
            of_model[:] = 0.0
            for number in range(trees_of[model], trees_of[model + 1]):
                for r in range(rows):
                    of_model[r] += leaves[number, lowest_bit(words[number, r])]
            for r in range(rows):
                out[start + r] += of_model[r]
        for r in range(rows):
            out[start + r] /= models
