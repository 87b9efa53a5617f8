"""Position bias: planted, found again, and taken out of the weights."""

from __future__ import annotations

import numpy as np

from models.ranking.exposure import Shown, looks, weights

PLACES = 30


def shown(look: np.ndarray, n: int = 60_000, seed: int = 0) -> Shown:
    """Better tracks tend to stand higher, so picks per place alone would mistake liking for looking."""
    rng = np.random.default_rng(seed)
    likely = rng.random(n).astype(np.float32)
    place = np.clip(((1 - likely) * PLACES + rng.normal(0, 8, n)).astype(int), 0, PLACES - 1)
    return Shown(place.astype(np.int64), likely, rng.random(n) < look[place] * (0.05 + 0.4 * likely))


def test_a_planted_bias_is_found_behind_what_is_liked() -> None:
    planted = 1 / np.arange(1, PLACES + 1) ** 0.7
    found = looks(shown(planted), PLACES)
    naive = shown(planted)
    rates = np.bincount(naive.place, naive.picked, PLACES) / np.bincount(naive.place, minlength=PLACES)
    assert np.abs(found - np.maximum(planted, 0.1)).max() < 0.12
    assert np.abs(found - planted)[5:20].mean() < 0.5 * np.abs(rates / rates[0] - planted)[5:20].mean()


def test_without_bias_no_pick_weighs_much_more_than_another() -> None:
    found = looks(shown(np.ones(PLACES)), PLACES)
    assert found.min() > 0.75


def test_looks_never_rise_down_the_list_and_nothing_picked_is_no_bias() -> None:
    few = shown(np.ones(PLACES), n=300)
    assert np.all(np.diff(looks(few, PLACES)) <= 0)
    nothing = Shown(few.place, few.likely, np.zeros(len(few.place), bool))
    assert looks(nothing, PLACES).tolist() == [1.0] * PLACES


def test_weights_give_back_what_the_places_took() -> None:
    planted = np.maximum(1 / np.arange(1, PLACES + 1), 0.1)
    rng = np.random.default_rng(1)
    place = rng.integers(-1, PLACES, 2_000_000)  # the rarest place then keeps a standard error of .007
    liked = rng.random(len(place)) < 0.3
    seen = liked & (rng.random(len(place)) < np.where(place >= 0, planted[place], 1.0))
    weighed = np.bincount(place + 1, weights(place, seen, planted) * seen, PLACES + 1) / np.bincount(place + 1)
    assert np.abs(weighed - 0.3).max() < 0.05
