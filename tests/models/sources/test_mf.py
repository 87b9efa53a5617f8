from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.errors import ContractError
from conf.trainers import TrainMf
from models.sources import mf
from models.sources.base import Catalogue, Exclusions, Listeners
from models.sources.mf import MatrixFactorization

PARAMS = TrainMf(dimensions=3, epochs=15)


def test_the_withheld_diagonal_comes_first(make_histories: Any, checkerboard: Any, catalogue: Catalogue) -> None:
    log = make_histories(checkerboard)
    source = MatrixFactorization.fit(log, catalogue, PARAMS)
    found = source.recommend(Listeners(log, pa.nulls(50, pa.string())), 5, Exclusions(log.indptr, log.track_idx))
    assert found.ids[:, 0].tolist() == list(range(50))
    # and the reason is a track of the listener's own colour
    assert ((found.because[:, 0] - np.arange(50)) % 2 == 0).all()


def test_without_a_liked_track_there_is_no_proposal(make_histories: Any, checkerboard: Any, catalogue: Catalogue) -> None:
    log = make_histories(checkerboard)
    source = MatrixFactorization.fit(log, catalogue, PARAMS)
    stranger = make_histories(np.zeros((1, 50)))
    found = source.recommend(Listeners(stranger, pa.nulls(1, pa.string())), 5, Exclusions(stranger.indptr, stranger.track_idx))
    assert found.ids.tolist() == [[-1] * 5]


def test_objective_is_the_formula(make_histories: Any, checkerboard: Any, catalogue: Catalogue) -> None:
    log = make_histories(checkerboard)
    items = MatrixFactorization.fit(log, catalogue, PARAMS).items
    users = mf.fold_in(log, items).astype(float)
    scores = users @ items.factors.T.astype(float)
    ridge = PARAMS.reg * (PARAMS.alpha0 * 50 + 24)  # everybody heard 24 tracks, every track was heard by 24
    expected = 0.5 * (
        ((1 - scores) ** 2)[checkerboard].sum()
        + PARAMS.alpha0 * (scores**2).sum()
        + ridge * (users**2).sum()
        + ridge * (items.factors.astype(float) ** 2).sum()
    )
    assert mf.objective(log, items) == pytest.approx(expected / 50, rel=1e-6)


def test_objective_with_popular_tracks_weighing_more_is_the_formula(make_histories: Any) -> None:
    heard = np.random.default_rng(3).random((80, 30)) < np.linspace(0.05, 0.8, 30)
    log, params = make_histories(heard.astype(float)), PARAMS.model_copy(update={"unheard_exponent": 0.5})
    items = MatrixFactorization.fit(log, Catalogue.of_size(30), params).items
    listeners = heard.sum(axis=0)
    unheard = np.sqrt(listeners + 1) / np.sqrt(listeners + 1).mean()
    wide = items.factors.astype(float)
    np.testing.assert_allclose(items.gram, wide.T @ (unheard[:, None] * wide), rtol=1e-12)
    users = mf.fold_in(log, items).astype(float)
    scores = users @ wide.T
    expected = 0.5 * (
        ((1 - scores) ** 2)[heard].sum()
        + params.alpha0 * (unheard * scores**2).sum()
        + (params.reg * (params.alpha0 * 30 + heard.sum(axis=1)) * (users**2).sum(axis=1)).sum()
        + (params.reg * (params.alpha0 * 80 * unheard + listeners) * (wide**2).sum(axis=1)).sum()
    )
    assert mf.objective(log, items, 0.5) == pytest.approx(expected / 80, rel=1e-6)


def test_more_epochs_lower_the_objective(make_histories: Any, checkerboard: Any, catalogue: Catalogue) -> None:
    log = make_histories(checkerboard)
    values = [
        mf.objective(log, MatrixFactorization.fit(log, catalogue, PARAMS.model_copy(update={"epochs": n})).items)
        for n in (1, 4, 20)
    ]
    assert values[0] > values[1] > values[2]


def test_diverged_factors_are_refused(make_histories: Any) -> None:
    no_one = make_histories(np.zeros((1, 3)))
    with pytest.raises(ContractError, match="NaN or infinite"):
        mf.item_side(np.full((3, 2), np.nan, np.float32), no_one, PARAMS)
