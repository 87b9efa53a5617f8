from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.trainers import TrainRp3beta
from models.sources.base import Catalogue, Exclusions, Listeners
from models.sources.rp3beta import Rp3beta


def dense(source: Any, tracks: int = 50) -> Any:
    """The source's matrix, dense."""
    items, matrix = source.items, np.zeros((tracks, tracks))
    matrix[np.repeat(np.arange(tracks), np.diff(items.indptr)), items.ids] = items.weights
    return matrix


def reference(x: Any, alpha: float, beta: float) -> Any:
    """The formula, dense."""
    to_listener = (x / x.sum(axis=0)).T ** alpha
    to_track = (x / x.sum(axis=1, keepdims=True)) ** alpha
    walk = to_listener @ to_track / x.sum(axis=0) ** beta
    return walk


def test_the_withheld_diagonal_comes_first(make_histories: Any, checkerboard: Any, catalogue: Catalogue) -> None:
    log = make_histories(checkerboard)
    source = Rp3beta.fit(log, catalogue, TrainRp3beta())
    found = source.recommend(Listeners(log, pa.nulls(50, pa.string())), 5, Exclusions(log.indptr, log.track_idx))
    assert found.ids[:, 0].tolist() == list(range(50))
    assert ((found.because[:, 0] - np.arange(50)) % 2 == 0).all()


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.7, 0.4), (1.3, 0.9)])
def test_equals_the_formula(make_histories: Any, catalogue: Catalogue, alpha: float, beta: float) -> None:
    x = np.random.default_rng(1).random((50, 50)) < 0.3
    source = Rp3beta.fit(make_histories(x), catalogue, TrainRp3beta(alpha=alpha, beta=beta))
    expected = reference(x.astype(float), alpha, beta)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(dense(source), expected, atol=1e-5 * expected.max())


def test_beta_holds_popular_tracks_down(make_histories: Any) -> None:
    """Track 1 is everybody's, track 2 is only theirs who heard track 0."""
    log = make_histories([[1, 1, 1], [1, 1, 1], [0, 1, 0], [0, 1, 0]])
    catalogue = Catalogue(np.arange(3, dtype=np.int32), np.ones(3, bool))
    level, held = (dense(Rp3beta.fit(log, catalogue, TrainRp3beta(alpha=1, beta=b)), 3) for b in (0.0, 0.5))
    assert level[0, 1] == pytest.approx(level[0, 2])
    assert held[0, 1] < held[0, 2]


def test_artists_join_tracks_that_nobody_heard_together(make_histories: Any) -> None:
    """Tracks 0 and 1 are of one artist; the listener of 0 and 2 has nothing in common with the listener of 1 and 3."""
    log = make_histories([[1, 0, 1, 0], [0, 1, 0, 1]])
    tracks = Catalogue(np.arange(4, dtype=np.int32), np.ones(4, bool))
    artists = replace(tracks, artist=np.array([7, 7, -1, 2], np.int32))
    params = TrainRp3beta(artist_weight=1.0)
    without, within = (dense(Rp3beta.fit(log, known, params), 4) for known in (tracks, artists))
    assert without[0, 3] == 0 < within[0, 3]
    assert dense(Rp3beta.fit(log, artists, TrainRp3beta()), 4).tolist() == without.tolist()


def test_the_side_graph_is_the_extended_matrix(make_histories: Any, catalogue: Catalogue) -> None:
    """Scores equal those of a walk whose histories have a column for each artist."""
    rng = np.random.default_rng(2)
    x = (rng.random((50, 50)) < 0.3).astype(float)
    artist = (np.arange(50) % 6).astype(np.int32)
    nodes = np.hstack([np.eye(50), 0.5 * np.eye(6)[artist]])
    params = TrainRp3beta(artist_weight=0.5, neighbours=50)
    source = Rp3beta.fit(make_histories(x), replace(catalogue, artist=artist), params)
    expected = nodes @ reference(x @ nodes, params.alpha, params.beta)[:, :50]
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(dense(source), expected, atol=1e-5 * expected.max())
