"""The forest answers with LightGBM's own bits, whatever is missing and however the rows are cut."""

from __future__ import annotations

import numpy as np
import pytest

from conf.errors import ArtefactError
from models.ranking.forest import MOST_LEAVES, Forest
from models.ranking.forest_kernels import lowest_bit
from tests.models.ranking.conftest import COLUMNS, rows


def test_one_model_has_lightgbms_own_bits(train) -> None:
    (booster,) = train(seeds=1, rounds=60, leaves=MOST_LEAVES, depth=-1)
    x = rows(1003, seed=5)
    x[:50, COLUMNS // 2 :] = np.nan  # missing where training saw nothing missing
    x[50] = np.nan
    x[51, :3] = (np.inf, -np.inf, 0.0)
    forest = Forest.of([booster.dump_model()], COLUMNS)
    np.testing.assert_array_equal(forest.score(x), booster.predict(x, raw_score=True))


def test_several_models_are_averaged(train) -> None:
    boosters = train(seeds=3)
    x = rows(100, seed=6)
    forest = Forest.of([booster.dump_model() for booster in boosters], COLUMNS)
    wanted = sum(booster.predict(x, raw_score=True) for booster in boosters) / 3
    np.testing.assert_array_equal(forest.score(x), wanted)


def test_values_on_a_threshold_go_left_as_lightgbm_sends_them(train) -> None:
    (booster,) = train(seeds=1)
    forest = Forest.of([booster.dump_model()], COLUMNS)
    x = np.repeat(rows(1, seed=7, missing=0), len(forest.threshold), axis=0)
    column = np.repeat(np.arange(COLUMNS), np.diff(forest.first))
    x[np.arange(len(x)), column] = forest.threshold
    np.testing.assert_array_equal(forest.score(x), booster.predict(x, raw_score=True))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 64])
def test_a_row_scores_the_same_in_any_block(train, size: int) -> None:
    forest = Forest.of([booster.dump_model() for booster in train()], COLUMNS)
    x = rows(64, seed=8)
    np.testing.assert_array_equal(forest.score(x[:size]), forest.score(x)[:size])
    np.testing.assert_array_equal(forest.score(x[64 - size :]), forest.score(x)[64 - size :])


def test_saved_arrays_score_the_same(train, tmp_path) -> None:
    forest = Forest.of([booster.dump_model() for booster in train()], COLUMNS)
    for name, values in forest.save().items():
        np.save(tmp_path / f"{name}.npy", values)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in forest.save()}
    np.testing.assert_array_equal(Forest.load(mapped).score(rows(20, seed=9)), forest.score(rows(20, seed=9)))


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, COLUMNS + 1), np.float32), np.zeros((2, COLUMNS)), np.zeros(COLUMNS, np.float32)]
)
def test_rows_of_another_shape_are_refused(train, wrong) -> None:
    forest = Forest.of([booster.dump_model() for booster in train(seeds=1, rounds=2)], COLUMNS)
    with pytest.raises(ArtefactError, match="train it again"):
        forest.score(wrong)


def test_what_it_cannot_score_is_refused(train) -> None:
    dump = train(seeds=1, rounds=1)[0].dump_model()
    with pytest.raises(ArtefactError, match="of 2; train it again"):
        Forest.of([dump], features=2)
    dump["tree_info"][0]["tree_structure"]["decision_type"] = "=="
    with pytest.raises(ArtefactError, match="splits by '=='"):
        Forest.of([dump], COLUMNS)
    (wide,) = train(seeds=1, rounds=1, leaves=80, depth=-1)
    with pytest.raises(ArtefactError, match="80 leaves"):
        Forest.of([wide.dump_model()], COLUMNS)


def test_a_model_of_one_leaf_says_the_same_of_everybody() -> None:
    dump = {"tree_info": [{"tree_structure": {"leaf_value": 0.25}}]}
    np.testing.assert_array_equal(Forest.of([dump], 3).score(np.zeros((9, 3), np.float32)), np.full(9, 0.25))


def test_the_lowest_bit_of_every_place() -> None:
    for place in range(64):
        assert lowest_bit(np.uint64(1 << place)) == place
        assert lowest_bit(np.uint64(((1 << 64) - 1) ^ ((1 << place) - 1))) == place
