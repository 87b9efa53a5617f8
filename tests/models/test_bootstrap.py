"""Intervals against what theory says they should be."""

import numpy as np

from models.bootstrap import mean_intervals


def test_the_interval_covers_the_true_mean_about_95_times_in_100():
    draws = np.random.default_rng(0).exponential(size=(200, 120))
    covered = [low <= 1.0 <= high for row in draws for _, low, high in mean_intervals(row[None], 400, seed=1)]
    assert 0.88 <= np.mean(covered) <= 0.98


def test_a_paired_difference_is_surer_than_its_parts():
    rng = np.random.default_rng(0)
    base = rng.random(500)
    better = base + 0.01 + 0.001 * rng.standard_normal(500)
    one, other, difference = mean_intervals(np.stack([better, base, better - base]), 500, seed=7)
    assert one.low < other.high and difference.low > 0


def test_same_seed_same_interval_other_seed_another():
    values = np.random.default_rng(0).random((2, 300))
    assert mean_intervals(values, 300, seed=7) == mean_intervals(values, 300, seed=7) != mean_intervals(values, 300, seed=8)


def test_one_listener_has_a_mean_and_no_interval():
    (only,) = mean_intervals(np.array([[0.4]]), 100, seed=7)
    assert only.value == 0.4 and np.isnan(only.low) and np.isnan(only.high)
