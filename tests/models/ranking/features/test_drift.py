"""The population stability index: known shifts, nulls, few values, nothing to compare."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.ranking.features.drift import psi

RNG = np.random.default_rng(4)


def test_two_samples_of_one_distribution_have_hardly_moved() -> None:
    assert psi(RNG.normal(size=20_000), RNG.normal(size=20_000)) < 0.01


def test_half_a_standard_deviation_is_about_a_quarter() -> None:
    """PSI of two normals d apart is about d squared."""
    assert psi(RNG.normal(size=50_000), RNG.normal(0.5, 1, 50_000)) == pytest.approx(0.25, abs=0.03)


def test_two_bins_by_hand() -> None:
    was, now = np.array([0.0] * 50 + [1.0] * 50), np.array([0.0] * 80 + [1.0] * 20)
    assert psi(was, now) == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4))


def test_nulls_are_a_bin_of_their_own() -> None:
    was = np.array([1.0, 2.0, 3.0, np.nan] * 25)
    assert psi(was, was) == 0.0
    assert psi(was, np.where(np.isnan(was), 1.0, was)) > 0.25
    assert psi(np.full(9, np.nan), np.full(9, np.nan)) == 0.0


def test_a_constant_that_changes_has_moved_and_nothing_compares_with_nothing() -> None:
    assert psi(np.zeros(100), np.ones(100)) > 1
    assert psi(np.zeros(100), np.zeros(7)) == 0.0
    assert math.isnan(psi(np.empty(0), np.ones(3)))
