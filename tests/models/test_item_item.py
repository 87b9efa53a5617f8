from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from conf.errors import ArtefactError, ContractError
from models.histories import Histories
from models.item_item import ItemItem
from models.neighbours import strongest_of_blocks, strongest_of_product
from models.sources.base import Catalogue, Exclusions

Array = npt.NDArray[Any]


def histories(weight: Array) -> Histories:
    """Histories of a matrix listeners x tracks of weights; NaN: not heard."""
    listener, track = np.nonzero(~np.isnan(weight))
    ones = np.ones(len(track), np.int32)
    return Histories(
        user_ids=pa.array([f"u{i:04d}" for i in range(len(weight))]),
        indptr=np.searchsorted(listener, np.arange(len(weight) + 1)).astype(np.int64),
        track_idx=track.astype(np.int32),
        plays=ones,
        completions=ones,
        skips=0 * ones,
        last_day=ones,
        weight=weight[listener, track].astype(np.float32),
    )


def some_world(seed: int, listeners: int = 30, tracks: int = 40) -> tuple[Histories, Array, ItemItem, Array, Catalogue]:
    """(histories, their inputs dense, a matrix, the same dense, a catalogue); small whole numbers, so that ties abound."""
    rng = np.random.default_rng(seed)
    heard = np.where(rng.random((listeners, tracks)) < 0.2, rng.integers(0, 4, (listeners, tracks)), np.nan)
    dense = rng.integers(-1, 4, (tracks, tracks)) * (rng.random((tracks, tracks)) < 0.15)
    matrix = sparse.csr_array(dense.astype(np.float32))
    items = ItemItem(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data, "linear")
    catalogue = Catalogue(rng.permutation(tracks).astype(np.int32), rng.random(tracks) < 0.8)
    return histories(heard), np.nan_to_num(heard), items, dense, catalogue


def heard(log: Histories) -> Exclusions:
    return Exclusions(log.indptr, log.track_idx)


@given(seed=st.integers(0, 10_000), k=st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_equals_the_dense_product(seed: int, k: int) -> None:
    log, inputs, items, dense, catalogue = some_world(seed)
    found = items.recommend(log, catalogue, k, heard(log))
    scores = inputs @ dense
    scores[np.repeat(np.arange(len(log)), np.diff(log.indptr)), log.track_idx] = 0
    scores[:, ~catalogue.allowed] = 0
    for row, score in enumerate(scores):
        order = np.lexsort((catalogue.tie_rank, -score))
        expected = order[score[order] != 0][:k]
        assert found.ids[row, : len(expected)].tolist() == expected.tolist()
        np.testing.assert_allclose(found.scores[row, : len(expected)], score[expected], rtol=1e-6)
        assert (found.ids[row, len(expected) :] == -1).all()
        assert np.isneginf(found.scores[row, len(expected) :]).all()


def test_reasons_are_the_largest_terms_and_terms_add_up() -> None:
    log, inputs, items, dense, catalogue = some_world(3)
    found = items.recommend(log, catalogue, 10, heard(log))
    for row in range(len(log)):
        for track, score, because in zip(found.ids[row], found.scores[row], found.because[row], strict=True):
            if track < 0:
                assert because == -1
                continue
            own = log.rows(row, row + 1)
            terms = items.terms(own, track)
            np.testing.assert_allclose(terms, (inputs[row] * dense[:, track])[own.track_idx])
            assert terms.sum() == pytest.approx(score)
            best = min(zip(-terms, catalogue.tie_rank[own.track_idx], own.track_idx, strict=True))
            assert because == (best[2] if best[0] < 0 else -1)
            reasons = items.explain(own, catalogue, track)
            assert [r.what for r in reasons[:1]] == ([because] if because >= 0 else [])


def test_bits_depend_neither_on_the_block_nor_on_threads() -> None:
    log, _, items, _, catalogue = some_world(4, listeners=600)
    whole = items.recommend(log, catalogue, 15, heard(log))
    for start, stop, threads in ((0, 600, 3), (0, 1, 1), (255, 513, 2)):
        part = log.rows(start, stop)
        found = items.recommend(part, catalogue, 15, heard(part), threads)
        for name in ("ids", "scores", "because"):
            assert getattr(found, name).tobytes() == getattr(whole, name)[start:stop].tobytes()


def test_tracks_may_share_a_row_or_have_none() -> None:
    shared = ItemItem(
        np.array([0, 1]), np.array([3], np.int32), np.array([2], np.float32), "binary", np.array([0, 0, -1, -1], np.int32)
    )
    log = histories(np.array([[1, 1, 1, np.nan], [np.nan, np.nan, 1, np.nan]]))
    catalogue = Catalogue(np.array([1, 0, 2, 3], np.int32), np.ones(4, bool))
    found = shared.recommend(log, catalogue, 2, heard(log))
    assert found.ids.tolist() == [[3, -1], [-1, -1]]
    assert found.scores[0, 0] == 4
    assert found.because[0, 0] == 1  # of equal terms the lower rank
    assert [r.share for r in shared.explain(log.rows(0, 1), catalogue, 3)] == [0.5, 0.5]


@pytest.mark.parametrize("most", [1, 3, 50])
def test_rows_keep_their_strongest_neighbours(most: int) -> None:
    rng = np.random.default_rng(0)
    plays = sparse.csr_array((rng.random((60, 50)) < 0.1).astype(np.float32))
    tie_rank = rng.permutation(50).astype(np.int32)
    product = (plays.T @ plays).toarray()
    np.fill_diagonal(product, 0)
    negative = product * rng.choice([-1, 1], product.shape).astype(np.float32)
    for items, dense in (
        (strongest_of_product(plays.T, plays, tie_rank, most, "binary"), product),
        (strongest_of_blocks([negative[:7], negative[7:]], tie_rank, most, "binary"), negative),
    ):
        for row in range(50):
            order = np.lexsort((tie_rank, -np.abs(dense[row])))
            kept = np.sort(order[dense[row, order] != 0][:most])
            mine = slice(items.indptr[row], items.indptr[row + 1])
            assert items.ids[mine].tolist() == kept.tolist()
            assert items.weights[mine].tolist() == dense[row, kept].tolist()


def test_what_does_not_fit_is_refused() -> None:
    log, _, items, _, catalogue = some_world(0)
    with pytest.raises(ArtefactError, match="the artefact knows 40 tracks"):
        items.recommend(histories(np.ones((1, 41))), catalogue, 3, Exclusions(np.zeros(2, np.int64), np.empty(0, np.int32)))
    with pytest.raises(ContractError, match="catalogue"):
        items.recommend(log, Catalogue(catalogue.tie_rank[:10], catalogue.allowed[:10]), 3, heard(log))
    with pytest.raises(ContractError, match="exclusions"):
        items.recommend(log, catalogue, 3, heard(log.rows(0, 2)))
    with pytest.raises(ContractError, match="NaN"):
        strongest_of_blocks([np.full((1, 3), np.nan, np.float32)], np.arange(3, dtype=np.int32), 2, "binary")
    with pytest.raises(ArtefactError, match="indptr"):
        ItemItem(np.array([0, 2]), np.zeros(1, np.int32), np.zeros(1, np.float32))
