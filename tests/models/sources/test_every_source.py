"""What holds for every candidate source, whatever it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.trainers import (
    TrainContent,
    TrainEase,
    TrainFresh,
    TrainGfcf,
    TrainItemKnn,
    TrainMf,
    TrainPopularity,
    TrainRp3beta,
    TrainSequence,
    TrainSocial,
)
from models.sources.base import Catalogue, Exclusions, Listeners, Source
from models.sources.content import Content
from models.sources.ease import Ease
from models.sources.fresh import Fresh
from models.sources.gfcf import Gfcf
from models.sources.item_knn import ItemKnn
from models.sources.mf import MatrixFactorization
from models.sources.popularity import Popularity
from models.sources.rp3beta import Rp3beta
from models.sources.sequence import Sequence
from models.sources.social import Social

SOURCES: dict[str, tuple[type[Source], Any]] = {
    "mf": (MatrixFactorization, TrainMf(dimensions=8, epochs=5)),
    "popularity": (Popularity, TrainPopularity()),
    "item_knn": (ItemKnn, TrainItemKnn()),
    "rp3beta": (Rp3beta, TrainRp3beta()),
    "gfcf": (Gfcf, TrainGfcf(dimensions=8)),
    "ease": (Ease, TrainEase()),
    "sequence": (Sequence, TrainSequence(dimensions=8, length=16, epochs=4, batch=128, learning_rate=0.01)),
    "content": (Content, TrainContent(dimensions=8, text_dimensions=8)),
    "fresh": (Fresh, TrainFresh()),
    "social": (Social, TrainSocial(dimensions=8, circles=2, near=2)),
}


@pytest.fixture(params=list(SOURCES))
def kind(request: pytest.FixtureRequest) -> tuple[type[Source], Any]:
    return SOURCES[request.param]


@pytest.fixture
def listeners(make_histories: Any, checkerboard: Any) -> Listeners:
    """Checkerboard tastes, and a few tracks of the other colour each, so that every track has a neighbour of any other."""
    chance = np.random.default_rng(0).random(checkerboard.shape)
    likes = chance < np.where(checkerboard, 0.6, 0.06)
    np.fill_diagonal(likes, False)
    return Listeners(make_histories(likes), pa.array(["DE", None] * 25, pa.string()))


def heard(block: Listeners) -> Exclusions:
    return Exclusions(block.log.indptr, block.log.track_idx)


def test_proposals_are_new_allowed_distinct_and_best_first(kind: Any, listeners: Listeners, catalogue: Catalogue) -> None:
    source_class, params = kind
    mask = np.arange(50) % 7 != 0
    source = source_class.fit(listeners.log, replace(catalogue, allowed=mask), params)
    found = source.recommend(listeners, 20, heard(listeners))
    assert found.ids.shape == found.scores.shape == found.because.shape == (50, 20)
    assert (found.ids.dtype, found.scores.dtype, found.because.dtype) == (np.int32, np.float32, np.int32)
    for row in range(50):
        own = listeners.log.track_idx[listeners.log.indptr[row] : listeners.log.indptr[row + 1]]
        tracks = found.ids[row][found.ids[row] >= 0]
        assert len(tracks) == 20
        assert len(set(tracks)) == 20
        assert not set(tracks) & set(own)
        assert mask[tracks].all()
        assert set(found.because[row]) <= {-1, *own}
    assert (np.diff(found.scores, axis=1) <= 0).all()


def test_short_lists_are_padded_at_the_end(kind: Any, listeners: Listeners, catalogue: Catalogue) -> None:
    source_class, params = kind
    source = source_class.fit(listeners.log, replace(catalogue, allowed=np.arange(50) < 30), params)
    found = source.recommend(listeners, 40, heard(listeners))
    there = found.ids >= 0
    assert (there[:, :-1] >= there[:, 1:]).all()
    assert (np.isneginf(found.scores) == ~there).all()
    assert (found.because[~there] == -1).all()


def test_a_listeners_bits_do_not_depend_on_the_block(kind: Any, listeners: Listeners, catalogue: Catalogue) -> None:
    source_class, params = kind
    source = source_class.fit(listeners.log, catalogue, params)
    whole = source.recommend(listeners, 20, heard(listeners))
    for start, stop in ((0, 1), (13, 31), (49, 50)):
        part = Listeners(listeners.log.rows(start, stop), listeners.country.slice(start, stop - start))
        found = source.recommend(part, 20, heard(part), threads=2)
        for name in ("ids", "scores", "because"):
            assert getattr(found, name).tobytes() == getattr(whole, name)[start:stop].tobytes()


def test_fitting_twice_gives_the_same_bytes(kind: Any, listeners: Listeners, catalogue: Catalogue) -> None:
    source_class, params = kind
    first, second = (source_class.fit(listeners.log, catalogue, params).save() for _ in range(2))
    assert first.params == second.params
    assert {n: a.tobytes() for n, a in first.arrays.items()} == {n: a.tobytes() for n, a in second.arrays.items()}


def test_a_saved_source_answers_alike(kind: Any, listeners: Listeners, catalogue: Catalogue, tmp_path: Path) -> None:
    source_class, params = kind
    source = source_class.fit(listeners.log, catalogue, params)
    saved = source.save()
    for name, values in saved.arrays.items():
        np.save(tmp_path / f"{name}.npy", values, allow_pickle=False)
    mapped = {path.stem: np.load(path, mmap_mode="r") for path in tmp_path.glob("*.npy")}
    loaded = source_class.load(mapped, saved.params, catalogue)
    before, after = (s.recommend(listeners, 20, heard(listeners)) for s in (source, loaded))
    assert before.ids.tobytes() == after.ids.tobytes()
    assert before.scores.tobytes() == after.scores.tobytes()


def test_nobody_listened_yet(kind: Any, make_histories: Any, catalogue: Catalogue) -> None:
    source_class, params = kind
    silence = make_histories(np.zeros((2, 50)))
    source = source_class.fit(make_histories(np.zeros((0, 50))), catalogue, params)
    block = Listeners(silence, pa.nulls(2, pa.string()))
    found = source.recommend(block, 10, heard(block))
    assert found.ids.shape == (2, 10)
    assert not np.isnan(found.scores).any()


def test_one_listener_and_one_track(kind: Any, make_histories: Any) -> None:
    source_class, params = kind
    one = Listeners(make_histories([[True]]), pa.array(["DE"]))
    nought = np.zeros(1, np.int32)
    alone = Catalogue(nought, np.ones(1, bool), artist=nought, released=nought, text=pa.array(["a song"]))
    source = source_class.fit(one.log, alone, params)
    assert source.recommend(one, 5, heard(one)).ids.tolist() == [[-1] * 5]


def test_it_can_say_why(kind: Any, listeners: Listeners, catalogue: Catalogue) -> None:
    source_class, params = kind
    source = source_class.fit(listeners.log, catalogue, params)
    found = source.recommend(listeners, 5, heard(listeners))
    for row in range(0, 50, 7):
        listener = listeners.rows(row, row + 1)
        for track, because in zip(found.ids[row], found.because[row], strict=True):
            reasons = source.explain(listener, int(track), most=3)
            assert 1 <= len(reasons) <= 3
            shares = [reason.share for reason in reasons]
            assert shares == sorted(shares, reverse=True)
            assert 0 < sum(shares) <= 1 + 1e-6
            if because >= 0:
                assert next(r.what for r in reasons if r.kind == "track") == because
