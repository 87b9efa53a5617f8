from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from conf.errors import ArtefactError, ContractError
from conf.trainers import TrainContent
from models.sources.base import Catalogue, Exclusions, Listeners
from models.sources.content import Content, translated
from models.sources.shrinkage import shrunk_to_artists
from models.sources.taste_factors import taste_factors
from models.sources.text_vectors import text_vectors

PARAMS = TrainContent(dimensions=4, text_dimensions=8, ridge=0.1)
# Two genres of 30 tracks each, by 6 artists; listeners of the first half play rock, the others folk. Nobody has heard
# the last five tracks of a genre.
TRACKS, COLD = 60, np.arange(60) % 30 >= 25
GENRE = np.repeat([0, 1], 30)


def world(make_histories: Any, seed: int = 0) -> tuple[Listeners, Catalogue]:
    rng = np.random.default_rng(seed)
    likes = (np.repeat([0, 1], 40)[:, None] == GENRE) & (rng.random((80, TRACKS)) < 0.5) & ~COLD
    artist = (np.arange(TRACKS) // 5).astype(np.int32)
    text = pa.array([f"genre:{('rock', 'folk')[genre]} {rng.choice(['sun', 'sea', 'sky'])}" for genre in GENRE])
    catalogue = Catalogue(rng.permutation(TRACKS).astype(np.int32), np.ones(TRACKS, bool), artist=artist, text=text)
    return Listeners(make_histories(likes), pa.nulls(80, pa.string())), catalogue


def proposals(source: Content, block: Listeners, k: int) -> Any:
    return source.recommend(block, k, Exclusions(block.log.indptr, block.log.track_idx))


def test_cold_tracks_of_ones_own_genre_come_first(make_histories: Any) -> None:
    block, catalogue = world(make_histories)
    found = proposals(Content.fit(block.log, catalogue, PARAMS.model_copy(update={"cold_only": True})), block, 5)
    assert COLD[found.ids].all()
    assert (GENRE[found.ids] == np.repeat([0, 1], 40)[:, None]).all()
    assert (GENRE[found.because] == GENRE[found.ids]).all()


def test_shuffled_vectors_know_nothing(make_histories: Any) -> None:
    block, catalogue = world(make_histories)
    source = Content.fit(block.log, catalogue, PARAMS)
    shuffled = source.vectors[np.random.default_rng(1).permutation(TRACKS)]
    blind = Content.of(shuffled, COLD, catalogue, source.params)
    right = GENRE[proposals(blind, block, 5).ids] == np.repeat([0, 1], 40)[:, None]
    assert 0.2 < right.mean() < 0.8


def test_warm_tracks_are_left_out_on_request(make_histories: Any) -> None:
    block, catalogue = world(make_histories)
    cold = Content.fit(block.log, catalogue, PARAMS.model_copy(update={"cold_only": True, "warm_listeners": 1}))
    assert cold.proposed.tolist() == COLD.tolist()
    assert Content.fit(block.log, catalogue, PARAMS).proposed.all()


def test_artist_or_text_is_enough(make_histories: Any) -> None:
    block, catalogue = world(make_histories)
    bare = Content.fit(block.log, replace(catalogue, text=pa.array([""] * TRACKS)), PARAMS)
    assert bare.proposed.all()
    anonymous = Content.fit(block.log, replace(catalogue, artist=np.full(TRACKS, -1, np.int32)), PARAMS)
    assert anonymous.proposed.all()
    own = GENRE[proposals(anonymous, block, 10).ids] == np.repeat([0, 1], 40)[:, None]
    assert own.all(), "the text alone tells the genres apart"


def test_a_track_of_which_nothing_is_known_is_not_proposed(make_histories: Any) -> None:
    block, catalogue = world(make_histories)
    artist, text = catalogue.artist, catalogue.text
    assert artist is not None and text is not None
    unknown = np.arange(TRACKS) == TRACKS - 1
    texts = pa.array(["" if gone else words for gone, words in zip(unknown, text.to_pylist(), strict=True)])
    source = Content.fit(block.log, replace(catalogue, artist=np.where(unknown, -1, artist), text=texts), PARAMS)
    assert np.flatnonzero(~source.proposed).tolist() == [TRACKS - 1]
    assert TRACKS - 1 not in proposals(source, block, TRACKS).ids


def silent_world(make_histories: Any) -> tuple[Listeners, Catalogue, npt.NDArray[np.float32]]:
    """`world` whose words say nothing, with cold tracks of unknown artists; sound tells the genres apart."""
    block, catalogue = world(make_histories)
    assert catalogue.artist is not None
    unknown = replace(catalogue, text=pa.array([""] * TRACKS), artist=np.where(COLD, -1, catalogue.artist).astype(np.int32))
    rng = np.random.default_rng(3)
    sound = np.array([[3.0, 1.0, 0.0], [3.0, 0.0, 1.0]])[GENRE] + 0.2 * rng.standard_normal((TRACKS, 3))
    return block, unknown, (sound / np.linalg.norm(sound, axis=1, keepdims=True)).astype(np.float32)


def test_sound_places_a_cold_track_of_an_unknown_artist_near_its_like(make_histories: Any) -> None:
    block, catalogue, sound = silent_world(make_histories)
    cold_only = PARAMS.model_copy(update={"cold_only": True})
    assert not Content.fit(block.log, catalogue, cold_only).proposed.any(), "without sound nothing is known of them"
    heard = Content.fit(block.log, replace(catalogue, sound=sound), cold_only)
    assert heard.proposed.tolist() == COLD.tolist()
    found = proposals(heard, block, 5)
    assert (GENRE[found.ids] == np.repeat([0, 1], 40)[:, None]).all()
    deaf = Content.fit(block.log, replace(catalogue, sound=sound), cold_only.model_copy(update={"sound_weight": 0.0}))
    assert not deaf.proposed.any()


def test_shuffled_sound_places_nothing(make_histories: Any) -> None:
    block, catalogue, sound = silent_world(make_histories)
    shuffled = replace(catalogue, sound=sound[np.random.default_rng(4).permutation(TRACKS)])
    source = Content.fit(block.log, shuffled, PARAMS.model_copy(update={"cold_only": True}))
    right = GENRE[proposals(source, block, 3).ids] == np.repeat([0, 1], 40)[:, None]
    assert 0.2 < right.mean() < 0.8


def test_a_track_without_sound_among_those_that_have_it_is_known_by_its_words(make_histories: Any) -> None:
    block, catalogue = world(make_histories)
    sound = silent_world(make_histories)[2]
    sound[COLD] = 0.0
    found = proposals(
        Content.fit(block.log, replace(catalogue, sound=sound), PARAMS.model_copy(update={"cold_only": True})), block, 5
    )
    assert (GENRE[found.ids] == np.repeat([0, 1], 40)[:, None]).all()


@pytest.mark.parametrize(("missing", "word"), [("text", "texts"), ("artist", "artists")])
def test_it_says_what_the_catalogue_lacks(make_histories: Any, missing: str, word: str) -> None:
    block, catalogue = world(make_histories)
    with pytest.raises(ContractError, match=f"content: the catalogue has no {word}"):
        Content.fit(block.log, replace(catalogue, **{missing: None}), PARAMS)


def test_an_older_artefact_meets_a_newer_history(make_histories: Any) -> None:
    block, catalogue = world(make_histories)
    source = Content.fit(block.log, catalogue, PARAMS)
    small = Content.of(source.vectors[:50], source.proposed[:50], catalogue, source.params)
    with pytest.raises(ArtefactError, match="knows 50 tracks"):
        proposals(small, Listeners(make_histories(np.ones((1, TRACKS))), pa.nulls(1, pa.string())), 5)


def test_the_terms_add_up_to_the_score(make_histories: Any) -> None:
    block, catalogue = world(make_histories)
    source = Content.fit(block.log, catalogue, PARAMS)
    found = proposals(source, block, 1)
    vectors = source.vectors.astype(float)
    heard = block.log.track_idx[: block.log.indptr[1]]
    assert found.scores[0, 0] == pytest.approx((vectors[heard] @ vectors[found.ids[0, 0]]).mean(), rel=1e-5)


# --- the pieces -----------------------------------------------------------------------------------------------------


def test_a_linear_truth_is_found_again() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 5))
    factors = features @ rng.normal(size=(5, 3)) + 2.0
    learned = np.arange(200) < 100
    np.testing.assert_allclose(translated(features, factors, learned, ridge=1e-9), factors, atol=1e-6)
    features[150] = 0.0
    np.testing.assert_allclose(translated(features, factors, learned, 1.0)[150], factors[:100].mean(axis=0))


def test_an_artist_counts_against_the_text_by_heard_tracks() -> None:
    factors = np.array([[6.0], [0.0], [0.0]])
    heard = np.array([True, False, False])
    shrunk = shrunk_to_artists(factors, np.zeros((3, 1)), heard, np.array([0, 0, 1], np.int32), strength=0.5)
    assert shrunk.ravel().tolist() == [4.0, 4.0, 0.0]


def test_factors_tell_blocks_apart(make_histories: Any) -> None:
    block, _ = world(make_histories)
    factors = taste_factors(block.log.matrix(TRACKS), 4, seed=7)
    nearness = factors @ factors.T
    same = (GENRE[:, None] == GENRE) & ~COLD[:, None] & ~COLD
    assert np.abs(nearness[~same]).mean() < 0.01 * nearness[same].mean()
    assert not factors[COLD].any()


def test_tags_stay_whole_and_lone_words_say_nothing() -> None:
    texts = pa.array(["tag:seen_live! Up", "TAG:seen_live! down", "tag:seen down", "lone", "", None])
    vectors = text_vectors(texts, 8, seed=7)
    assert (np.abs(vectors).sum(axis=1) > 0).tolist() == [True, True, True, False, False, False]
    assert vectors[0] @ vectors[2] == pytest.approx(0.0, abs=1e-9)  # `tag:seen` is another tag
    assert vectors[1] @ vectors[2] > 0.1
    assert not text_vectors(pa.array(["", "."]), 8, seed=7).any()


def test_one_shared_term_is_enough() -> None:
    vectors = text_vectors(pa.array(["genre:folk", "genre:folk", "alone"]), 8, seed=7)
    assert vectors.tolist() == [[1.0], [1.0], [0.0]]
