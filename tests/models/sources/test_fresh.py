from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.errors import ArtefactError, ContractError
from conf.trainers import TrainFresh
from models.sources.base import UNDATED, Catalogue, Exclusions, Listeners, Reason
from models.sources.fresh import Fresh, artist_likeness, loyalty

PARAMS = TrainFresh(window_days=14, half_life_days=7, neighbours=2)
# Four of artist 0's six listeners hear artist 1 too, artist 2 has its own. Each has two old tracks and a new one
# that nobody heard.
ARTIST = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2], np.int32)
OLD, NEW = -100, 9  # listening is on day 10, so the day of training is 11
RELEASED = np.array([OLD, OLD, NEW] * 3, np.int32)
CATALOGUE = Catalogue(np.arange(9, dtype=np.int32)[::-1].copy(), np.ones(9, bool), artist=ARTIST, released=RELEASED)
HEARD = np.repeat([[1, 1, 0, 1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1, 0]], [4, 2, 6], axis=0)
COSINE = 4 / np.sqrt(6 * 4)


def block(make_histories: Any, heard: Any) -> Listeners:
    return Listeners(make_histories(heard), pa.nulls(len(heard), pa.string()))


def proposals(source: Fresh, listeners: Listeners, k: int = 3) -> Any:
    return source.recommend(listeners, k, Exclusions(listeners.log.indptr, listeners.log.track_idx))


def test_a_new_track_of_a_loved_artist_comes_first_then_their_neighbours(make_histories: Any) -> None:
    listeners = block(make_histories, HEARD)
    found = proposals(Fresh.fit(listeners.log, CATALOGUE, PARAMS), listeners)
    assert found.ids[0].tolist() == [2, 5, -1]  # two tracks of artist 0 heard, one of artist 1; artist 2 is no neighbour
    assert found.ids[-1].tolist() == [8, -1, -1]
    assert found.because[-1, 0] == 7  # of two tracks of artist 2 the one whose id comes first


def test_the_score_is_the_formula(make_histories: Any) -> None:
    listeners = block(make_histories, HEARD)
    found = proposals(Fresh.fit(listeners.log, CATALOGUE, PARAMS), listeners)
    # loyalty to artist 0 is log(1 + 2), to artist 1 log(1 + 1); both new tracks are two days old
    expected = np.array([np.log(3) + COSINE * np.log(2), COSINE * np.log(3) + np.log(2)]) * 2 ** (-2 / 7)
    np.testing.assert_allclose(found.scores[0, :2], expected, rtol=1e-6)


def test_newer_is_better_and_old_is_out(make_histories: Any) -> None:
    listeners = block(make_histories, HEARD)
    released = RELEASED.copy()
    released[[2, 5]] = [NEW - 12, NEW]
    source = Fresh.fit(listeners.log, replace(CATALOGUE, released=released), PARAMS)
    assert proposals(source, listeners).ids[0].tolist() == [5, 2, -1]
    released[2] -= 1
    assert proposals(Fresh.fit(listeners.log, replace(CATALOGUE, released=released), PARAMS), listeners).ids[0, 1] == -1
    released[5] = UNDATED
    assert proposals(Fresh.fit(listeners.log, replace(CATALOGUE, released=released), PARAMS), listeners).ids[0, 0] == -1


def test_what_the_day_does_not_allow_is_not_proposed(make_histories: Any) -> None:
    listeners = block(make_histories, HEARD)
    source = Fresh.fit(listeners.log, CATALOGUE, PARAMS)
    later = Fresh.load(source.save().arrays, source.save().params, replace(CATALOGUE, allowed=np.arange(9) != 2))
    assert proposals(later, listeners).ids[0].tolist() == [5, -1, -1]
    assert source.params["as_of"] == 11


def test_reasons_share_the_score_out(make_histories: Any) -> None:
    listeners = block(make_histories, HEARD)
    reasons = Fresh.fit(listeners.log, CATALOGUE, PARAMS).explain(listeners.rows(0, 1), 5, most=9)
    assert [reason.what for reason in reasons] == [3, 1, 0]
    terms = np.array([np.log(2), COSINE * np.log(3) / 2, COSINE * np.log(3) / 2])
    assert [reason.share for reason in reasons] == pytest.approx(terms / terms.sum())
    assert Fresh.fit(listeners.log, CATALOGUE, PARAMS).explain(listeners.rows(0, 1), 0) == ()
    assert isinstance(reasons[0], Reason)


def test_unknown_artists_say_nothing(make_histories: Any) -> None:
    listeners = block(make_histories, HEARD)
    source = Fresh.fit(listeners.log, replace(CATALOGUE, artist=np.full(9, -1, np.int32)), PARAMS)
    assert (proposals(source, listeners).ids == -1).all()


def test_likeness_is_a_pruned_cosine(make_histories: Any) -> None:
    rng = np.random.default_rng(0)
    log = make_histories(rng.random((30, 12)) < 0.4)
    log.weight[:] = rng.random(len(log.weight)).astype(np.float32)
    artist = (np.arange(12) // 2).astype(np.int32)
    loyal = np.log1p(log.matrix(12).toarray().astype(float).reshape(30, 6, 2).sum(axis=2))
    cosine = (loyal / np.linalg.norm(loyal, axis=0)).T @ (loyal / np.linalg.norm(loyal, axis=0))
    everybody = artist_likeness(log, artist, np.arange(12, dtype=np.int32), 5).toarray()
    np.testing.assert_allclose(everybody, cosine, rtol=1e-5)
    nearest = artist_likeness(log, artist, np.arange(12, dtype=np.int32), 1).toarray()
    np.fill_diagonal(cosine, 0)
    np.fill_diagonal(nearest, 0)
    assert (nearest > 0).sum(axis=1).tolist() == [1] * 6
    assert nearest.argmax(axis=1).tolist() == cosine.argmax(axis=1).tolist()


def test_loyalty_is_shared_by_weight(make_histories: Any) -> None:
    log = make_histories([[1, 1, 0, 1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0]])
    log.weight[:] = [3, 1, 2, 0, 5]
    expected = [0.75 * np.log(5), 0.25 * np.log(5), np.log(3), 0, np.log(6)]
    np.testing.assert_allclose(loyalty(log, ARTIST), expected, rtol=1e-6)
    unknown = np.where(ARTIST == 0, -1, ARTIST)
    np.testing.assert_allclose(loyalty(log, unknown), [0, 0, np.log(3), 0, 0], rtol=1e-6)


@pytest.mark.parametrize(("missing", "word"), [("released", "release days"), ("artist", "artists")])
def test_it_says_what_the_catalogue_lacks(make_histories: Any, missing: str, word: str) -> None:
    with pytest.raises(ContractError, match=f"fresh: the catalogue has no {word}"):
        Fresh.fit(make_histories(HEARD), replace(CATALOGUE, **{missing: None}), PARAMS)


def test_an_older_artefact_meets_a_newer_history(make_histories: Any) -> None:
    source = Fresh.fit(make_histories(HEARD), CATALOGUE, PARAMS)
    newer = block(make_histories, np.ones((1, 10)))
    with pytest.raises(ArtefactError, match="knows 9 tracks"):
        source.recommend(newer, 3, Exclusions(np.zeros(2, np.int64), np.empty(0, np.int32)))
