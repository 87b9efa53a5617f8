from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.errors import ContractError
from conf.trainers import TrainEase
from models.sources import ease
from models.sources.base import Catalogue, Exclusions, Listeners
from models.sources.ease import Ease


def dense(source: Any, tracks: int = 50) -> Any:
    """The source's matrix, dense over all tracks."""
    items, rows = source.items, np.zeros((len(source.items.indptr) - 1, tracks))
    rows[np.repeat(np.arange(len(rows)), np.diff(items.indptr)), items.ids] = items.weights
    matrix = np.zeros((tracks, tracks))
    matrix[items.row_of >= 0] = rows[items.row_of[items.row_of >= 0]]
    return matrix


def reference(x: Any, params: TrainEase) -> Any:
    """The formula, dense."""
    heard = x.sum(axis=0)
    x = x * x.sum(axis=1, keepdims=True) ** -params.listener_exponent
    gram = x.T @ x
    inverse = np.linalg.inv(gram + np.diag(params.ridge * gram.diagonal().mean() + params.dropout * gram.diagonal()))
    matrix = -inverse / inverse.diagonal() / heard**params.beta
    np.fill_diagonal(matrix, 0)
    return matrix


PLAIN = {"ridge": 0.5, "dropout": 0, "listener_exponent": 0, "beta": 0}


@pytest.mark.parametrize(
    "settings", [PLAIN, {"ridge": 0.1, "dropout": 0.7}, {"ridge": 2, "listener_exponent": 0.5, "beta": 0.3}]
)
@pytest.mark.parametrize("block", [256, 16])
def test_equals_the_formula(make_histories: Any, catalogue: Catalogue, settings: Any, block: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(ease, "BLOCK", block)
    x = np.random.default_rng(1).random((60, 50)) < 0.3
    params = TrainEase(**settings)
    expected = reference(x.astype(float), params)
    source = Ease.fit(make_histories(x), catalogue, params)
    np.testing.assert_allclose(dense(source), expected, atol=1e-5 * np.abs(expected).max())


def test_the_withheld_diagonal_comes_first(make_histories: Any, checkerboard: Any, catalogue: Catalogue) -> None:
    log = make_histories(checkerboard)
    source = Ease.fit(log, catalogue, TrainEase())
    found = source.recommend(Listeners(log, pa.nulls(50, pa.string())), 5, Exclusions(log.indptr, log.track_idx))
    assert found.ids[:, 0].tolist() == list(range(50))
    assert ((found.because[:, 0] - np.arange(50)) % 2 == 0).all()


def test_only_the_head_is_known(make_histories: Any, catalogue: Catalogue) -> None:
    """Listener i heard the tracks from i on: track 49 has been heard by all fifty, track 0 by one."""
    x = np.triu(np.ones((50, 50), bool))
    params = TrainEase(head=20, listener_exponent=0)
    source = Ease.fit(make_histories(x), catalogue, params)
    assert source.items.row_of.tolist() == [-1] * 30 + list(range(20))
    inner = reference(x[:, 30:].astype(float), params)
    np.testing.assert_allclose(dense(source)[30:, 30:], inner, atol=1e-5)
    assert not dense(source)[:, :30].any()


def test_equally_heard_tracks_enter_the_head_by_external_id(make_histories: Any) -> None:
    plays = make_histories(np.ones((2, 4))).matrix(4)
    assert ease.most_heard(plays, np.array([3, 0, 2, 1], np.int32), 2).tolist() == [1, 3]


def test_a_matrix_that_cannot_be_inverted_is_refused() -> None:
    with pytest.raises(ContractError, match="raise ridge"):
        ease.inverted(np.zeros((2, 2)))
