from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from conf.trainers import TrainGfcf
from models.sources import gfcf
from models.sources.base import Catalogue, Exclusions, Listeners
from models.sources.gfcf import Gfcf


def dense(source: Any, tracks: int = 50) -> Any:
    """The source's matrix, dense."""
    items, matrix = source.items, np.zeros((tracks, tracks))
    matrix[np.repeat(np.arange(tracks), np.diff(items.indptr)), items.ids] = items.weights
    return matrix


def reference(x: Any, params: TrainGfcf) -> Any:
    """The formula, dense."""
    degree = x.sum(axis=0)
    normal = x.sum(axis=1, keepdims=True) ** -params.listener_exponent * x * degree**-params.track_exponent
    _, values, rows = np.linalg.svd(normal, full_matrices=False)
    vectors = rows[: params.dimensions].T
    low = degree[:, None] ** -params.track_exponent * (vectors @ vectors.T) * degree**params.track_exponent
    return normal.T @ normal / values[0] ** 2 + params.low_pass * low


PAPER = {"listener_exponent": 0.5, "track_exponent": 0.5, "low_pass": 0.3}


@pytest.mark.parametrize("exponents", [PAPER, {"listener_exponent": 0.3, "track_exponent": 0.2}])
@pytest.mark.parametrize("solver", ["dense", "arnoldi"])
def test_equals_the_formula(make_histories: Any, catalogue: Catalogue, exponents: Any, solver: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(gfcf, "DENSE", 0 if solver == "arnoldi" else 500)
    x = np.random.default_rng(1).random((60, 50)) < 0.3
    params = TrainGfcf(dimensions=7, **exponents)
    expected = reference(x.astype(float), params)
    np.fill_diagonal(expected, 0)
    source = Gfcf.fit(make_histories(x), catalogue, params)
    np.testing.assert_allclose(dense(source), expected, atol=1e-5 * np.abs(expected).max())


def test_the_papers_normalisation_needs_no_scale() -> None:
    x = sparse.csr_array((np.random.default_rng(1).random((60, 50)) < 0.3).astype(float))
    made = gfcf.Filter.of(x, sparse.eye_array(50, format="csr"), TrainGfcf(dimensions=5, **PAPER))
    degree, size = x.sum(axis=0), x.sum(axis=1)
    np.testing.assert_allclose(made.right.toarray(), x.toarray() / np.sqrt(np.outer(size, degree)), rtol=1e-5)


def test_the_withheld_diagonal_comes_first(make_histories: Any, checkerboard: Any, catalogue: Catalogue) -> None:
    log = make_histories(checkerboard)
    source = Gfcf.fit(log, catalogue, TrainGfcf(dimensions=2))
    found = source.recommend(Listeners(log, pa.nulls(50, pa.string())), 5, Exclusions(log.indptr, log.track_idx))
    assert found.ids[:, 0].tolist() == list(range(50))
    assert ((found.because[:, 0] - np.arange(50)) % 2 == 0).all()


def test_blocks_do_not_show(make_histories: Any, catalogue: Catalogue, monkeypatch: Any) -> None:
    log = make_histories(np.random.default_rng(1).random((60, 50)) < 0.3)
    whole = Gfcf.fit(log, catalogue, TrainGfcf(dimensions=7))
    monkeypatch.setattr(gfcf, "BLOCK", 16)
    parts = Gfcf.fit(log, catalogue, TrainGfcf(dimensions=7))
    np.testing.assert_allclose(dense(parts), dense(whole), atol=1e-6)


def test_directions_without_variance_are_left_out() -> None:
    rank_two = sparse.csr_array(np.kron(np.eye(2), np.ones((20, 10))))
    values, vectors = gfcf.leading(rank_two, 8, seed=0)
    assert values.shape == (2,)
    np.testing.assert_allclose(vectors @ vectors.T, np.kron(np.eye(2), np.full((10, 10), 0.1)), atol=1e-9)


def test_the_side_graph_is_the_extended_matrix(make_histories: Any, catalogue: Catalogue) -> None:
    """Scores equal those of a filter whose histories have a column for each artist."""
    x = (np.random.default_rng(2).random((60, 50)) < 0.3).astype(float)
    artist = (np.arange(50) % 6).astype(np.int32)
    nodes = np.hstack([np.eye(50), 0.5 * np.eye(6)[artist]])
    params = TrainGfcf(dimensions=7, artist_weight=0.5)
    source = Gfcf.fit(make_histories(x), replace(catalogue, artist=artist), params)
    expected = nodes @ reference(x @ nodes, params)[:, :50]
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(dense(source), expected, atol=1e-5 * np.abs(expected).max())
