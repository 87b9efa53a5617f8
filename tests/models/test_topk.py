from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.errors import ContractError
from models import topk
from models.topk import Exclusions, ItemIndex, top_k

Array = npt.NDArray[Any]


def nothing_excluded(users: int) -> Exclusions:
    return Exclusions(np.zeros(users + 1, np.int64), np.empty(0, np.int32))


def index(factors: Array, allowed: Array | None = None, tie_rank: Array | None = None) -> ItemIndex:
    n = len(factors)
    return ItemIndex.build(
        factors,
        np.arange(n, dtype=np.int32) if tie_rank is None else tie_rank,
        np.ones(n, bool) if allowed is None else allowed,
    )


def reference(users: Array, items: Array, k: int, banned: Array, tie_rank: Array) -> tuple[Array, Array]:
    """Sort every row whole. Factors are small whole numbers, so that scores are exact in any order of summation."""
    scores = np.where(banned, -np.inf, users @ items.T).astype(np.float32)
    ids = np.full((len(users), k), -1, np.int32)
    best = np.full((len(users), k), -np.inf, np.float32)
    for row, score in enumerate(scores):
        order = np.lexsort((tie_rank, -score))[: min(k, int(np.isfinite(score).sum()))]
        ids[row, : len(order)], best[row, : len(order)] = order, score[order]
    return ids, best


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    users=st.integers(1, 40),
    items=st.integers(1, 2200),  # up to three tiles
    k=st.integers(1, 120),
    share=st.sampled_from([0.0, 0.05, 0.9]),
    steep=st.booleans(),
)
def test_equals_a_full_sort(seed: int, users: int, items: int, k: int, share: float, steep: bool) -> None:
    rng = np.random.default_rng(seed)
    left = rng.integers(-3, 4, (users, 5)).astype(np.float32)
    right = rng.integers(-3, 4, (items, 5)).astype(np.float32)  # so few values that most scores are tied
    if steep:  # sizes from one to a thousand, so that most items are never looked at
        right *= np.float32(2) ** rng.integers(0, 11, (items, 1)).astype(np.float32)
    tie_rank = rng.permutation(items).astype(np.int32)
    allowed = rng.random(items) >= share
    heard = rng.random((users, items)) < share
    exclude = Exclusions(np.concatenate([[0], heard.sum(1).cumsum()]), np.nonzero(heard)[1].astype(np.int32))
    ids, scores = top_k(left, index(right, allowed, tie_rank), k, exclude)
    expected_ids, expected_scores = reference(left, right, k, heard | ~allowed, tie_rank)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_array_equal(scores, expected_scores)


def test_a_users_bits_depend_neither_on_the_batch_nor_on_threads() -> None:
    rng = np.random.default_rng(3)
    users = rng.standard_normal((2600, 24), dtype=np.float32)
    items = index(rng.standard_normal((3000, 24), dtype=np.float32))
    ids, scores = top_k(users, items, 50, nothing_excluded(2600))
    threaded = top_k(users, items, 50, nothing_excluded(2600), threads=3)
    assert threaded[1].tobytes() == scores.tobytes()
    for rows in (slice(0, 1), slice(777, 1300), slice(2599, 2600)):
        alone = top_k(users[rows], items, 50, nothing_excluded(len(users[rows])))
        assert alone[0].tobytes() == ids[rows].tobytes()
        assert alone[1].tobytes() == scores[rows].tobytes()


def test_ties_go_to_the_lower_external_rank() -> None:
    items = np.ones((4, 2), np.float32)
    ids, _ = top_k(np.ones((1, 2), np.float32), index(items, tie_rank=np.array([2, 0, 3, 1], np.int32)), 3, nothing_excluded(1))
    assert ids.tolist() == [[1, 3, 0]]


def test_exclusions_may_repeat_and_name_forbidden_items() -> None:
    items = np.array([[3.0], [2.0], [1.0]], np.float32)
    exclude = Exclusions(np.array([0, 4]), np.array([1, 0, 1, 0], np.int32))
    ids, scores = top_k(np.ones((1, 1), np.float32), index(items, allowed=np.array([False, True, True])), 2, exclude)
    assert ids.tolist() == [[2, -1]]
    assert scores.tolist() == [[1.0, -np.inf]]


@pytest.mark.parametrize("k", [1, 100, 500, 1000])
def test_equals_a_full_sort_over_many_tiles(k: int) -> None:
    rng = np.random.default_rng(k)
    left = rng.integers(-9, 10, (300, 7)).astype(np.float32)  # more than one tile of users
    right = rng.integers(-9, 10, (5000, 7)).astype(np.float32)
    tie_rank = rng.permutation(5000).astype(np.int32)
    heard = rng.random((300, 5000)) < 0.02
    exclude = Exclusions(np.concatenate([[0], heard.sum(1).cumsum()]), np.nonzero(heard)[1].astype(np.int32))
    ids, scores = top_k(left, index(right, tie_rank=tie_rank), k, exclude)
    expected_ids, expected_scores = reference(left, right, k, heard, tie_rank)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("margin", [-50.0, 0.0, np.inf])  # every bet is lost, some are, none is made
def test_no_list_depends_on_how_bets_end(margin: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    left, right = rng.standard_normal((300, 8), dtype=np.float32), rng.standard_normal((5000, 8), dtype=np.float32)
    heard = rng.random((300, 5000)) < 0.02
    exclude = Exclusions(np.concatenate([[0], heard.sum(1).cumsum()]), np.nonzero(heard)[1].astype(np.int32))
    expected = top_k(left, index(right), 150, exclude)
    monkeypatch.setattr(topk, "MARGIN", margin)
    for ours, others in zip(top_k(left, index(right), 150, exclude), expected, strict=True):
        assert ours.tobytes() == others.tobytes()


def test_small_norms_are_never_looked_at_and_nothing_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(12)
    left, right = rng.standard_normal((700, 16), dtype=np.float32), rng.standard_normal((9000, 16), dtype=np.float32)
    right *= (1.0 + np.arange(9000, dtype=np.float32)[:, None]) ** -0.7
    heard = rng.random((700, 9000)) < 0.02
    exclude = Exclusions(np.concatenate([[0], heard.sum(1).cumsum()]), np.nonzero(heard)[1].astype(np.int32))
    steep = index(right)
    looked_at: list[int] = []
    pour = topk.selection.pour
    monkeypatch.setattr(topk.selection, "pour", lambda scores, *rest: (looked_at.append(len(scores)), pour(scores, *rest)))
    ids, scores = top_k(left, steep, 50, exclude)
    assert steep.steep
    assert sum(looked_at) < 0.5 * 700 * steep.n_tiles
    exact = np.where(heard, -np.inf, left.astype(np.float64) @ right.astype(np.float64).T)
    np.testing.assert_array_equal(ids, np.argsort(-exact, axis=1)[:, :50])
    np.testing.assert_allclose(scores, -np.sort(-exact, axis=1)[:, :50], rtol=3e-7)


def test_norms_that_are_all_alike_are_sampled() -> None:
    assert not index(np.random.default_rng(0).standard_normal((5000, 64), dtype=np.float32)).steep
    assert not index(np.empty((0, 4), np.float32)).steep


def test_a_lucky_first_tile_does_no_harm() -> None:
    """The best items all stand in the first tile: what it promises of the others is wrong by far."""
    items = index(np.ones((5000, 1), np.float32))
    factors = np.zeros((5000, 1), np.float32)
    factors[items.order[:300]] = 1.0 + np.arange(300, dtype=np.float32)[:, None] / 300
    lucky = dataclasses.replace(items, factors=factors)
    ids, _ = top_k(np.ones((3, 1), np.float32), lucky, 400, nothing_excluded(3))
    expected, _ = reference(np.ones((3, 1)), factors, 400, np.zeros((3, 5000), bool), items.tie_rank)
    np.testing.assert_array_equal(ids, expected)


def test_real_scores_are_those_of_float64_and_in_order() -> None:
    rng = np.random.default_rng(5)
    left, right = rng.standard_normal((50, 64), dtype=np.float32), rng.standard_normal((4000, 64), dtype=np.float32)
    ids, scores = top_k(left, index(right), 200, nothing_excluded(50))
    exact = left.astype(np.float64) @ right.astype(np.float64).T
    np.testing.assert_array_equal(ids, np.argsort(-exact, axis=1)[:, :200])
    np.testing.assert_allclose(scores, -np.sort(-exact, axis=1)[:, :200], rtol=3e-7)


def test_one_item_one_dimension_and_scores_below_zero() -> None:
    ids, scores = top_k(np.array([[-2.0]], np.float32), index(np.array([[3.0]], np.float32)), 3, nothing_excluded(1))
    assert ids.tolist() == [[0, -1, -1]]
    assert scores.tolist() == [[-6.0, -np.inf, -np.inf]]


def test_everything_excluded() -> None:
    exclude = Exclusions(np.array([0, 3, 3]), np.array([2, 0, 1], np.int32))
    ids, scores = top_k(np.ones((2, 2), np.float32), index(np.ones((3, 2), np.float32)), 2, exclude)
    assert ids.tolist() == [[-1, -1], [0, 1]]
    assert scores[0].tolist() == [-np.inf, -np.inf]


def test_equal_users_get_equal_lists_and_equal_items_stand_by_rank() -> None:
    rng = np.random.default_rng(2)
    right = np.repeat(rng.standard_normal((700, 9), dtype=np.float32), 2, axis=0)  # each item twice, side by side
    tie_rank = rng.permutation(1400).astype(np.int32)
    ids, _ = top_k(np.ones((13, 9), np.float32), index(right, tie_rank=tie_rank), 40, nothing_excluded(13))
    assert (ids == ids[0]).all()
    twins = ids[0].reshape(-1, 2)
    assert (twins[:, 0] // 2 == twins[:, 1] // 2).all()
    assert (tie_rank[twins[:, 0]] < tie_rank[twins[:, 1]]).all()


def test_a_thousand_of_a_thousand() -> None:
    items = np.arange(1000, dtype=np.float32)[:, None]
    ids, _ = top_k(np.array([[1.0], [-1.0]], np.float32), index(items), 1000, nothing_excluded(2))
    assert ids[0].tolist() == list(range(999, -1, -1))
    assert ids[1].tolist() == list(range(1000))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    good = np.ones((3, 2), np.float32)
    bad = good.copy()
    bad[1, 0] = value
    with pytest.raises(ContractError, match=r"item factors .* row 1"):
        index(bad)
    with pytest.raises(ContractError, match=r"user factors .* row 1"):
        top_k(bad, index(good), 1, nothing_excluded(3))


@pytest.mark.parametrize(("k", "users"), [(0, 3), (1001, 3), (1, 2)])
def test_what_does_not_fit_is_refused(k: int, users: int) -> None:
    with pytest.raises(ContractError):
        top_k(np.ones((3, 2), np.float32), index(np.ones((3, 2), np.float32)), k, nothing_excluded(users))
    with pytest.raises(ContractError):
        top_k(np.ones((3, 5), np.float32), index(np.ones((3, 2), np.float32)), 1, nothing_excluded(3))


def test_nobody_and_nothing() -> None:
    ids, _ = top_k(np.empty((0, 2), np.float32), index(np.ones((3, 2), np.float32)), 4, nothing_excluded(0))
    assert ids.shape == (0, 4)
    ids, _ = top_k(np.ones((1, 2), np.float32), index(np.empty((0, 2), np.float32)), 4, nothing_excluded(1))
    assert ids.tolist() == [[-1] * 4]
