"""The loops over vectors against plain numpy, on values that sorting by bits could trip over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ranking.vector_kernels import NEAR, compare_heard, fill_places, fill_products
from models.sources.taste_mean import unit_rows

VALUES = st.sampled_from([0.0, -0.0, 1.5, -1.5, 1e-40, -1e-40, np.inf, -np.inf, np.nan, 3e38]) | st.floats(width=32)


@given(st.lists(VALUES, min_size=1, max_size=40), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_places_fall_with_the_value_nan_comes_last_and_equal_ones_stand_by_tie_rank(values: list[float], seed: int) -> None:
    n = len(values)
    tie_rank = np.random.default_rng(seed).permutation(n).astype(np.int32)
    x = np.array([values, [-1.0] * n], np.float32).T.copy()
    fill_places(np.array([0, n]), x, 0, tie_rank, np.arange(n, dtype=np.int32), 1)
    told = [(bool(np.isnan(value)), 0.0 if np.isnan(value) else -float(value)) for value in x[:, 0]]
    expected = np.empty(n, np.float32)
    expected[sorted(range(n), key=lambda at: (*told[at], tie_rank[at]))] = np.arange(n) / n
    assert np.array_equal(x[:, 1], expected)


@pytest.mark.parametrize("d", [1, 7, 8, 64, 131])
def test_products_are_those_of_numpy_and_a_row_does_not_depend_on_the_others(d: int) -> None:
    rng = np.random.default_rng(d)
    vectors, of = rng.normal(size=(50, d)).astype(np.float32), rng.normal(size=(3, d)).astype(np.float32)
    of[1] = 0.0
    track, first = rng.integers(0, 50, 60).astype(np.int32), np.array([0, 20, 40, 60])
    x = np.zeros((60, 2), np.float32)
    fill_products(vectors, of, first, track, x, 1)
    expected = (vectors[track].astype(np.float64) * np.repeat(of, 20, axis=0)).sum(axis=1)
    assert np.isnan(x[20:40, 1]).all()
    assert np.delete(x[:, 1], np.s_[20:40]) == pytest.approx(np.delete(expected, np.s_[20:40]), abs=1e-4)
    alone = np.zeros((1, 2), np.float32)
    fill_products(vectors, of[2:], np.array([0, 1]), track[57:58], alone, 1)
    assert alone[0, 1].tobytes() == x[57, 1].tobytes()


@pytest.mark.parametrize("heard", [0, 1, 2, 5, 8, 9])
def test_the_nearest_of_an_odd_or_even_number_of_heard_tracks(heard: int) -> None:
    rng = np.random.default_rng(heard)
    meaning = unit_rows(rng.normal(size=(30, 6))).astype(np.float32)
    columns = np.ascontiguousarray(meaning[:11].T)
    own, chosen = np.arange(15, 15 + 10, dtype=np.int32), np.full(12, -1, np.int32)
    chosen[:heard] = rng.permutation(10)[:heard]
    x = np.zeros((11, 3), np.float32)
    compare_heard(columns, meaning, chosen, own, x, 0, 1, np.empty((2, 11), np.float32))
    if not heard:
        assert np.isnan(x[:, 1:]).all()
        return
    cosines = -np.sort(-(meaning[:11] @ meaning[own[chosen[:heard]]].T), axis=1)
    assert x[:, 1] == pytest.approx(cosines[:, 0], abs=1e-5)
    assert x[:, 2] == pytest.approx(cosines[:, :NEAR].mean(axis=1), abs=1e-5)
