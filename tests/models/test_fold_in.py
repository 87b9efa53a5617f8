from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from conf.errors import ArtefactError
from conf.trainers import TrainMf
from models import als
from models.fold_in import ItemSide, explain, fold_in, gram, room_for_roots
from models.histories import Histories
from models.sources import mf
from models.topk import Exclusions, ItemIndex, top_k

Array = npt.NDArray[Any]


def histories(heard: Array, weight: Array) -> Histories:
    """Histories of a boolean matrix listeners x tracks and a matrix of weights."""
    listener, track = np.nonzero(heard)
    ones = np.ones(len(track), np.int32)
    return Histories(
        user_ids=pa.array([f"u{i:04d}" for i in range(len(heard))]),
        indptr=np.searchsorted(listener, np.arange(len(heard) + 1)).astype(np.int64),
        track_idx=track.astype(np.int32),
        plays=ones,
        completions=ones,
        skips=0 * ones,
        last_day=ones,
        weight=weight[listener, track].astype(np.float32),
    )


def planted(listeners: int, tracks: int, seed: int = 5) -> Histories:
    """Listeners and tracks in eight genres; a listener mostly hears one of them."""
    rng = np.random.default_rng(seed)
    same = (np.arange(listeners) % 8)[:, None] == (np.arange(tracks) % 8)[None, :]
    heard = rng.random((listeners, tracks)) < np.where(same, 0.35, 0.02)
    return histories(heard, rng.gamma(2.0, 1.0, heard.shape))


def random_items(tracks: int, d: int, seed: int = 5, nu: float = 1.0) -> ItemSide:
    factors = np.random.default_rng(seed).normal(0, 0.3, (tracks, d)).astype(np.float32)
    return ItemSide(factors, gram(factors), alpha0=0.1, reg=0.01, nu=nu, weight_scale=1.5)


def closed_form(log: Histories, items: ItemSide, listener: int) -> tuple[Array, Array, Array, Array]:
    """(A, tracks, confidence, factors of the tracks) of one listener, straight from the formula, in float64."""
    own = slice(log.indptr[listener], log.indptr[listener + 1])
    confidence = 1.5 * log.weight[own].astype(np.float64)
    everything = items.factors.astype(np.float64)
    heard = everything[log.track_idx[own]]
    ridge = items.reg * (items.alpha0 * len(everything) + (confidence > 0).sum()) ** items.nu
    a = items.alpha0 * everything.T @ everything + heard.T @ np.diag(confidence) @ heard + ridge * np.eye(everything.shape[1])
    return a, log.track_idx[own], confidence, heard


@pytest.mark.parametrize(("d", "nu"), [(1, 1.0), (7, 0.5), (64, 1.0)])
def test_equals_the_closed_form(d: int, nu: float) -> None:
    log, items = planted(60, 200), random_items(200, d, nu=nu)
    found = fold_in(log, items)
    for listener in range(len(log)):
        a, _, confidence, heard = closed_form(log, items, listener)
        expected = np.linalg.solve(a, heard.T @ confidence)
        np.testing.assert_allclose(found[listener], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_bits_depend_neither_on_the_block_nor_on_threads() -> None:
    log, items = planted(700, 150), random_items(150, 32)
    whole = fold_in(log, items)
    assert fold_in(log, items, threads=3).tobytes() == whole.tobytes()
    for rows in (slice(0, 1), slice(300, 613), slice(699, 700)):
        assert fold_in(log.rows(rows.start, rows.stop), items).tobytes() == whole[rows].tobytes()


def test_nobody_and_no_history() -> None:
    log, items = planted(3, 20), random_items(20, 4)
    assert fold_in(log.rows(0, 0), items).shape == (0, 4)
    silent = histories(np.eye(2, 20, dtype=bool), np.zeros((2, 20)))
    assert not fold_in(silent, items).any()


def test_tracks_that_the_artefact_does_not_know_are_refused() -> None:
    with pytest.raises(ArtefactError, match="track_idx"):
        fold_in(planted(5, 30), random_items(10, 4))


def test_reasons_are_the_largest_terms_of_the_score() -> None:
    log, items = planted(40, 120), random_items(120, 16)
    candidates = np.random.default_rng(1).integers(0, 120, (40, 9)).astype(np.int32)
    candidates[:, 8] = -1
    because = explain(log, items, candidates, np.arange(120, dtype=np.int32), threads=2)
    scores = np.einsum("nd,nkd->nk", fold_in(log, items), items.factors[candidates])
    for listener in range(40):
        a, tracks, confidence, heard = closed_form(log, items, listener)
        terms = confidence[:, None] * (heard @ np.linalg.solve(a, items.factors[candidates[listener]].T))
        np.testing.assert_allclose(terms.sum(axis=0)[:8], scores[listener, :8], atol=1e-5)  # the terms add up to the score
        expected = np.where(terms.max(axis=0) > 0, tracks[terms.argmax(axis=0)], -1)
        assert because[listener, :8].tolist() == expected[:8].tolist()
    assert (because[:, 8] == -1).all()


def test_equal_reasons_go_to_the_lower_external_rank() -> None:
    factors = np.array([[1.0], [1.0], [0.5]], np.float32)
    items = ItemSide(factors, gram(factors), alpha0=0.1, reg=0.01, nu=1.0, weight_scale=1.0)
    log = histories(np.array([[True, True, False]]), np.ones((1, 3)))
    for rank, reason in (([0, 1, 2], 0), ([1, 0, 2], 1)):
        assert explain(log, items, np.array([[2]], np.int32), np.array(rank, np.int32)).tolist() == [[reason]]


def test_trained_and_folded_in_listeners_get_the_same_lists() -> None:
    from irspack import IALSRecommender
    from scipy import sparse

    params = TrainMf(dimensions=16, epochs=40, alpha0=0.1, reg=0.01)
    log = planted(400, 300)
    weights = sparse.csr_matrix(log.matrix(300))
    objective = als.Objective(params.alpha0, params.reg, params.nu)
    listeners, factors = als.factorize(weights, 16, objective, params.epochs, params.seed)
    items = mf.item_side(mf.train(log, 300, params), log, params)
    np.testing.assert_array_equal(factors, items.factors)
    model = IALSRecommender(
        weights, n_components=16, alpha0=0.1, reg=0.01, nu=1.0, solver_type="CG", prediction_time_max_cg_steps=30, n_threads=1
    )
    model.start_learning()
    model.trainer.core_trainer.item = factors
    ours = fold_in(log, items)
    np.testing.assert_allclose(ours, model.compute_user_embedding(weights), atol=1e-5)
    index = ItemIndex.build(items.factors, np.arange(300, dtype=np.int32), np.ones(300, bool))
    heard = Exclusions(log.indptr, log.track_idx)
    folded, _ = top_k(ours, index, 30, heard)
    trained, _ = top_k(listeners, index, 30, heard)
    overlap = np.mean([len(set(a) & set(b)) / 30 for a, b in zip(folded, trained, strict=True)])
    assert overlap >= 0.97


def test_kept_roots_give_the_same_factors_and_reasons() -> None:
    log, items = planted(300, 150), random_items(150, 18)
    candidates = np.random.default_rng(2).integers(0, 150, (300, 7)).astype(np.int32)
    rank, roots = np.arange(150, dtype=np.int32), room_for_roots(300, items)
    assert fold_in(log, items, roots=roots).tobytes() == fold_in(log, items).tobytes()
    assert explain(log, items, candidates, rank, roots=roots).tobytes() == explain(log, items, candidates, rank).tobytes()
    assert len(room_for_roots(60_000, items)) == 0  # 74 MiB


def test_tracks_of_no_weight_change_nothing() -> None:
    liked = np.random.default_rng(3).random((20, 60)) < 0.3
    weights = np.where(np.random.default_rng(4).random((20, 60)) < 0.5, 1.0, 0.0)
    items = random_items(60, 8)
    assert (
        fold_in(histories(liked, weights), items).tobytes()
        == fold_in(histories(liked & (weights > 0), weights), items).tobytes()
    )
