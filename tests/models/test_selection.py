from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.frozen import frozen
from models.selection import NOTHING, best, capacity, draw, key_of, lift, order, pour, score_of

Array = npt.NDArray[Any]


def chosen(scores: Array, tie_rank: Array, k: int) -> tuple[Array, Array]:
    ids, values = np.full(k, 99, np.int32), np.full(k, 99, np.float32)
    best(frozen(scores.astype(np.float32)), frozen(tie_rank.astype(np.int32)), ids, values)
    return ids, values


def reference(scores: Array, tie_rank: Array, k: int) -> tuple[Array, Array]:
    ids, values = np.full(k, -1, np.int32), np.full(k, -np.inf, np.float32)
    order = np.lexsort((tie_rank, -scores))
    order = order[scores[order] > -np.inf][:k]
    ids[: len(order)], values[: len(order)] = order, scores[order]
    return ids, values


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    items=st.integers(0, 3000),
    k=st.integers(1, 1000),
    values=st.sampled_from([1, 2, 30, 10**6]),  # one value: all are tied
    struck=st.sampled_from([0.0, 0.3, 0.99, 1.0]),
    rising=st.booleans(),
)
def test_equals_a_full_sort(seed: int, items: int, k: int, values: int, struck: float, rising: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.integers(0, values, items) - values // 2).astype(np.float32)
    if rising:
        scores.sort()  # every score passes the floor
    scores[rng.random(items) < struck] = -np.inf
    tie_rank = rng.permutation(items)
    expected_ids, expected_values = reference(scores, tie_rank, k)
    ids, best_values = chosen(scores, tie_rank, k)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_array_equal(best_values, expected_values)


@pytest.mark.parametrize("shape", ["rising", "falling", "organ pipe", "tied"])
def test_shapes_that_fill_the_pool_again_and_again(shape: str) -> None:
    ramp = np.arange(20_000, dtype=np.float32)
    scores = {"rising": ramp, "falling": ramp[::-1], "organ pipe": np.minimum(ramp, ramp[::-1]), "tied": ramp * 0}[shape]
    for tie_rank in (np.arange(20_000), np.arange(20_000)[::-1]):
        np.testing.assert_array_equal(chosen(scores, tie_rank, 500)[0], reference(scores, tie_rank, 500)[0])


def test_ties_go_to_the_lower_external_rank_whatever_the_sign_of_zero() -> None:
    ids, values = chosen(np.array([0.0, -0.0, -0.0, 0.0]), np.array([3, 1, 2, 0]), 3)
    assert ids.tolist() == [3, 1, 2]
    assert values.tolist() == [0.0, 0.0, 0.0]


def test_what_is_struck_out_or_no_number_is_never_chosen() -> None:
    ids, values = chosen(np.array([-np.inf, np.nan, -3e38, np.inf, -np.nan]), np.arange(5), 4)
    assert ids.tolist() == [3, 2, -1, -1]
    np.testing.assert_array_equal(values, np.array([np.inf, -3e38, -np.inf, -np.inf], np.float32))


@given(st.lists(st.tuples(st.floats(width=32, allow_nan=False), st.integers(0, 2**31 - 1)), min_size=2, max_size=2))
def test_keys_order_as_lists_do(entries: list[tuple[float, int]]) -> None:
    (score, rank), (other, other_rank) = entries
    key, other_key = (key_of(np.float32(s), r) for s, r in entries)
    assert (key > other_key) == ((score, -rank) > (other, -other_rank))
    assert score_of(key) == score
    assert (key > NOTHING) == (score > -np.inf)


def test_other_kernels_call_it_on_their_rows() -> None:
    @numba.njit
    def rows(scores: Array, tie_rank: Array, ids: Array, values: Array) -> None:
        for row in range(len(scores)):
            best(scores[row], tie_rank, ids[row], values[row])

    ids, values = np.empty((2, 2), np.int32), np.empty((2, 2), np.float32)
    rows(np.array([[1, 5, 3], [-np.inf, 2, -np.inf]], np.float32), np.arange(3, dtype=np.int32), ids, values)
    assert ids.tolist() == [[1, 2], [1, -1]]
    assert values.tolist() == [[5.0, 3.0], [2.0, -np.inf]]


def test_pools_filled_tile_by_tile_hold_the_best_of_all_tiles() -> None:
    rng = np.random.default_rng(1)
    scores, tie_rank = rng.integers(0, 50, (3, 4000)).astype(np.float32), rng.permutation(4000).astype(np.int32)
    keys, items = np.empty((3, capacity(100)), np.int64), np.empty((3, capacity(100)), np.int32)
    sizes, floors = np.zeros(3, np.int64), np.full(3, NOTHING)
    for start in range(0, 4000, 700):
        part = slice(start, start + 700)
        rows = rng.permutation(3)  # rows of scores need not stand as their pools do
        pour(scores[rows, part].copy(), rows, frozen(tie_rank[part]), start, 100, keys, items, sizes, floors)
    drawn = np.empty((3, 100), np.int32)
    draw(keys, items, sizes, drawn)
    for row in range(3):
        assert sorted(drawn[row]) == sorted(reference(scores[row], tie_rank, 100)[0])


def test_order_is_that_of_lists_with_pads_last() -> None:
    scores = np.array([[1.0, -np.inf, 3.0, 1.0]], np.float32)
    assert order(scores, np.array([[7, 0, 9, 2]], np.int32)).tolist() == [[2, 3, 0, 1]]


def test_a_lifted_floor_keeps_the_best_and_lets_only_better_ones_pass() -> None:
    scores, tie_rank = np.arange(100, dtype=np.float32)[None], frozen(np.arange(100, dtype=np.int32))
    keys, items = np.empty((1, capacity(50)), np.int64), np.empty((1, capacity(50)), np.int32)
    sizes, floors = np.zeros(1, np.int64), np.full(1, NOTHING)
    pour(scores.copy(), np.zeros(1, np.int64), tie_rank, 0, 50, keys, items, sizes, floors)
    lift(keys, items, sizes, floors, 5)
    assert sorted(items[0, :5]) == [95, 96, 97, 98, 99]
    pour(scores.copy(), np.zeros(1, np.int64), tie_rank, 100, 50, keys, items, sizes, floors)
    drawn = np.empty((1, 50), np.int32)
    draw(keys, items, sizes, drawn)
    assert {95, 96, 97, 98, 99, 196, 197, 198, 199} <= set(drawn[0])
    assert sizes[0] <= 10
