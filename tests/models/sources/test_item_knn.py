from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.trainers import TrainItemKnn
from models.sources.base import Catalogue, Exclusions, Listeners
from models.sources.item_knn import ItemKnn


def dense(source: Any, tracks: int = 50) -> Any:
    """The source's matrix, dense."""
    items, matrix = source.items, np.zeros((tracks, tracks))
    matrix[np.repeat(np.arange(tracks), np.diff(items.indptr)), items.ids] = items.weights
    return matrix


@pytest.mark.parametrize("similarity", ["bm25", "tfidf", "cosine"])
def test_the_withheld_diagonal_comes_first(
    make_histories: Any, checkerboard: Any, catalogue: Catalogue, similarity: Any
) -> None:
    log = make_histories(checkerboard)
    source = ItemKnn.fit(log, catalogue, TrainItemKnn(similarity=similarity))
    found = source.recommend(Listeners(log, pa.nulls(50, pa.string())), 5, Exclusions(log.indptr, log.track_idx))
    assert found.ids[:, 0].tolist() == list(range(50))
    assert ((found.because[:, 0] - np.arange(50)) % 2 == 0).all()
    assert (found.ids[:, 1:] == -1).all()  # nobody who shares a track heard one of the other colour


def reference(x: Any, similarity: str, k1: float, b: float) -> Any:
    """The formulas, dense: tracks are documents, listeners their terms."""
    idf = np.log(x.shape[1]) - np.log1p((x > 0).sum(axis=1))
    rows = x.T.astype(float)
    if similarity == "bm25":
        length = 1 - b + b * rows.sum(axis=1) / rows.sum(axis=1).mean()
        rows = rows * (k1 + 1) / (k1 * length[:, None] + rows) * idf * (rows > 0)
        return rows @ rows.T
    rows = np.sqrt(rows) * idf if similarity == "tfidf" else rows
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


@pytest.mark.parametrize("similarity", ["bm25", "tfidf", "cosine"])
def test_equals_the_formula_and_implicit(make_histories: Any, catalogue: Catalogue, similarity: Any) -> None:
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    x = np.random.default_rng(1).random((50, 50)) < 0.3
    log = make_histories(x)
    params = TrainItemKnn(similarity=similarity, neighbours=49, k1=1.4, b=0.6)
    ours = dense(ItemKnn.fit(log, catalogue, params))
    expected = reference(x, similarity, 1.4, 0.6)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(ours, expected, atol=1e-5 * expected.max())
    theirs = {"bm25": BM25Recommender(50, 1.4, 0.6), "tfidf": TFIDFRecommender(50), "cosine": CosineRecommender(50)}
    model = theirs[similarity]
    model.fit(log.matrix(50).tocsr(), show_progress=False)
    similar = model.similarity.toarray()
    np.fill_diagonal(similar, 0)
    np.testing.assert_allclose(ours, similar, atol=1e-5 * expected.max())


@pytest.mark.parametrize("similarity", ["bm25", "tfidf", "cosine"])
def test_a_listener_of_nearly_everything_breaks_nothing(make_histories: Any, similarity: Any) -> None:
    """Their idf is log(tracks) - log(1 + heard) = 0."""
    log = make_histories([[True, True, False], [False, False, True]])
    catalogue = Catalogue(np.arange(3, dtype=np.int32), np.ones(3, bool))
    assert np.isfinite(ItemKnn.fit(log, catalogue, TrainItemKnn(similarity=similarity)).items.weights).all()
