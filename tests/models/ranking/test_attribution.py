"""Effects are LightGBM's SHAP values, and sum to the score."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from conf.errors import ArtefactError
from models.ranking.attribution import Attribution
from models.ranking.forest import Forest
from tests.models.ranking.conftest import COLUMNS, rows


def test_effects_are_lightgbms_shap_values(train) -> None:
    boosters = train(seeds=2, rounds=30)
    x = rows(301, seed=5)
    x[:20, COLUMNS // 2 :] = np.nan
    wanted = sum(booster.predict(x, pred_contrib=True) for booster in boosters) / 2
    attribution = Attribution.of([booster.dump_model() for booster in boosters])
    np.testing.assert_allclose(attribution.effects(x), wanted[:, :-1], atol=1e-6)
    np.testing.assert_allclose(attribution.expected, wanted[0, -1], atol=1e-12)


def test_effects_sum_to_the_score(train) -> None:
    dumps = [booster.dump_model() for booster in train()]
    x, attribution = rows(40, seed=6), Attribution.of(dumps)
    total = attribution.effects(x).sum(axis=1) + attribution.expected
    np.testing.assert_allclose(total, Forest.of(dumps, COLUMNS).score(x), atol=1e-6)


def test_a_tree_that_can_be_done_by_hand() -> None:
    """x0 <= 0 ? (x1 <= 0 ? 4 : 0) : 0, four rows each way at the root, two at the second node: Shapley values by all orders."""
    inner = {"split_feature": 1, "threshold": 0.0, "decision_type": "<=", "missing_type": "None", "default_left": True}
    inner |= {
        "internal_count": 4,
        "left_child": {"leaf_value": 4.0, "leaf_count": 1},
        "right_child": {"leaf_value": 0.0, "leaf_count": 3},
    }
    root = {
        **inner,
        "split_feature": 0,
        "internal_count": 8,
        "left_child": inner,
        "right_child": {"leaf_value": 0.0, "leaf_count": 4},
    }
    attribution = Attribution.of([{"tree_info": [{"tree_structure": root}]}])
    chance = (1 / 2, 1 / 4)  # of a training row passing each column

    def worth(known: set[int]) -> float:
        return 4.0 * np.prod([1.0 if column in known else chance[column] for column in (0, 1)])

    wanted = np.zeros(2)
    for order in permutations((0, 1)):
        for place, column in enumerate(order):
            wanted[column] += (worth({*order[: place + 1]}) - worth({*order[:place]})) / 2
    np.testing.assert_allclose(attribution.effects(np.full((1, 2), -1, np.float32))[0], wanted)
    assert attribution.expected == 0.5


@pytest.mark.parametrize("size", [0, 1, 129])
def test_a_row_has_the_same_effects_in_any_block(train, size: int) -> None:
    attribution = Attribution.of([booster.dump_model() for booster in train()])
    x = rows(260, seed=8)
    np.testing.assert_array_equal(attribution.effects(x[:size]), attribution.effects(x)[:size])


def test_saved_arrays_explain_the_same(train) -> None:
    attribution = Attribution.of([booster.dump_model() for booster in train()])
    again = Attribution.load(attribution.save())
    np.testing.assert_array_equal(again.effects(rows(5, seed=1)), attribution.effects(rows(5, seed=1)))


def test_paths_too_deep_to_explain_are_refused(train, monkeypatch) -> None:
    monkeypatch.setattr("models.ranking.attribution.MOST_COLUMNS", 3)
    with pytest.raises(ArtefactError, match="smaller depth"):
        Attribution.of([booster.dump_model() for booster in train(seeds=1)])
