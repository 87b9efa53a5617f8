"""The network learns what was planted, for artists it never heard, twice the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audio.cnn.batches import Catalogue, split
from audio.cnn.judging import judged
from audio.cnn.training import Trained, train
from conf.ears import TrainAudio
from conf.errors import ContractError


def test_factors_of_unheard_artists_are_predicted(trained: Trained) -> None:
    metrics = trained.metrics
    assert metrics["watched_cosine"] > 0.7 > metrics["watched_cosine_mean"] + 0.3
    assert metrics["watched_recall@50"] > 2 * metrics["random_recall@50"]
    assert metrics["watched_own_rank"] < 0.15


def test_shuffled_factors_teach_nothing(planted: Catalogue, tiny: TrainAudio) -> None:
    own, order = planted, np.random.default_rng(0).permutation(len(planted))
    targets = {"factors": own.factors[order], "tags": own.tags[order], "readings": own.readings[order]}
    metrics = train(replace(own, **targets, pairs=own.pairs[:0]), tiny.model_copy(update={"epochs": 5})).metrics
    assert metrics["watched_own_rank"] > 0.35
    assert metrics["watched_cosine"] < 0.3


def test_training_twice_gives_the_same_bytes(planted: Catalogue, tiny: TrainAudio) -> None:
    short = tiny.model_copy(update={"epochs": 2})
    once, again = (train(planted, short) for _ in range(2))
    assert again.metrics == once.metrics
    assert {name: x.tobytes() for name, x in again.weights.items()} == {name: x.tobytes() for name, x in once.weights.items()}
    other = train(planted, short.model_copy(update={"learning_rate": 1e-3}))
    assert other.weights["fold/kernel"].tobytes() != once.weights["fold/kernel"].tobytes()


def test_without_any_target_the_likeness_of_patches_is_enough(planted: Catalogue, tiny: TrainAudio) -> None:
    own = planted
    found = train(
        Catalogue.of(own.patches, own.artist), tiny.model_copy(update={"epochs": 3, "watched": 0.0, "likeness_weight": 1.0})
    )
    assert not {"factors/kernel", "tags/kernel", "readings/kernel"} & found.weights.keys()
    assert found.metrics["loss"] < 0.8 * np.log(32), "patches find each other better than by chance"


def test_steps_are_never_more_than_asked_for(planted: Catalogue, tiny: TrainAudio) -> None:
    few = tiny.model_copy(update={"max_steps": 5, "watched": 0.0})
    assert train(planted, few).metrics["steps"] == 5


def test_no_tracks_are_refused(planted: Catalogue, tiny: TrainAudio) -> None:
    own = planted
    with pytest.raises(ContractError, match="no track"):
        train(Catalogue.of(own.patches[:0], own.artist[:0]), tiny)


def test_weights_that_ran_away_are_refused(planted: Catalogue, tiny: TrainAudio) -> None:
    wild = tiny.model_copy(update={"learning_rate": 1e30, "max_steps": 5, "watched": 0.0})
    with pytest.raises(ContractError, match="learning_rate"):
        train(planted, wild)


def test_the_judge_knows_a_perfect_ear_from_a_deaf_one(planted: Catalogue) -> None:
    factors = planted.factors
    _, watched = split(planted.artist, TrainAudio(watched=0.25))
    perfect = judged(factors[watched], factors, watched, nearest=10)
    assert perfect["watched_recall@10"] == 1 and perfect["watched_own_rank"] == 0
    assert perfect["watched_cosine"] == pytest.approx(1, abs=1e-6)
    deaf = judged(
        np.random.default_rng(1).standard_normal(factors[watched].shape).astype(np.float32), factors, watched, nearest=10
    )
    assert deaf["watched_recall@10"] < 4 * deaf["random_recall@10"]
    assert 0.4 < deaf["watched_own_rank"] < 0.6
    assert judged(factors[watched], np.zeros_like(factors), watched) == {}
