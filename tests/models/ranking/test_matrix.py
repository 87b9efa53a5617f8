"""The matrix: its columns by hand, the same bytes in any split, and nothing in it that a label could touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conf.contexts import CONTEXTS
from conf.features import pair
from models.blend import worths
from models.ranking.history_kernels import PRIOR_PLAYS
from models.ranking.matrix import C, Pairs, TrackSide, assemble, for_context
from models.sources.base import TopK
from models.sources.kinds import SOURCES
from tests.models.ranking import planted as p

DEPTH = 60


@pytest.fixture(scope="module")
def side() -> TrackSide:
    return p.tracks()


@pytest.fixture(scope="module")
def pairs(side: TrackSide) -> Pairs:
    return assemble(p.lists(), p.listeners(side), side, p.WEIGHTS, DEPTH)


def value(pairs: Pairs, row: int, name: str) -> float:
    return float(pairs.x[row, C[name]])


def test_the_catalogue_names_60_to_120_columns_once_and_the_sources_in_their_order() -> None:
    assert 60 <= len(pair.COLUMNS) <= 120
    assert len(set(pair.COLUMNS)) == len(pair.COLUMNS)
    assert tuple(SOURCES) == pair.SOURCES
    assert set(pair.MONOTONE) <= set(pair.COLUMNS)


def test_every_source_is_told_of_every_candidate(pairs: Pairs) -> None:
    made = p.lists()
    rng = np.random.default_rng(0)
    for row in rng.choice(len(pairs.track), 200, replace=False):
        who, track = pairs.listener[row], pairs.track[row]
        naming = 0
        for name, top in made.items():
            at = np.flatnonzero(top.ids[who] == track)
            naming += len(at)
            assert value(pairs, row, f"missing_{name}") == (not len(at))
            if len(at):
                assert value(pairs, row, f"worth_{name}") == worths(top)[who, at[0]]
                assert value(pairs, row, f"rank_{name}") == np.float32(np.log1p(at[0]))
            else:
                assert value(pairs, row, f"worth_{name}") == 0
                assert np.isnan(value(pairs, row, f"rank_{name}"))
        assert value(pairs, row, "named_by") == naming > 0
        assert value(pairs, row, "missing_gfcf") == 1


def test_candidates_are_the_union_of_all_lists_best_of_the_blend_first(pairs: Pairs) -> None:
    made = p.lists()
    for who in (2, 17, 99):
        own = slice(pairs.first[who], pairs.first[who + 1])
        union = np.unique(np.concatenate([top.ids[who][top.ids[who] >= 0] for top in made.values()]))
        assert set(pairs.track[own]) <= set(union)
        assert len(pairs.track[own]) == min(len(union), DEPTH)
        assert np.all(np.diff(pairs.x[own, C["blend_score"]]) <= 0)


def test_what_a_source_without_weight_proposes_is_a_candidate_too(side: TrackSide) -> None:
    alone = {"mf": p.lists()["mf"]}
    made = assemble(alone, p.listeners(side), side, {"content": 1.0}, DEPTH)
    assert np.diff(made.first)[2] == (alone["mf"].ids[2] >= 0).sum()


def test_artists_and_genres_are_counted_from_the_history(pairs: Pairs, side: TrackSide) -> None:
    people = p.listeners(side)
    log = people.log
    for row in np.random.default_rng(1).choice(len(pairs.track), 100, replace=False):
        who, track = pairs.listener[row], pairs.track[row]
        own = slice(log.indptr[who], log.indptr[who + 1])
        mine = (side.artist[log.track_idx[own]] == side.artist[track]) & (side.artist[track] >= 0)
        plays, done, skips = (getattr(log, name)[own][mine].sum() for name in ("plays", "completions", "skips"))
        assert value(pairs, row, "artist_plays") == pytest.approx(np.log1p(plays))
        assert value(pairs, row, "artist_adjusted") == pytest.approx((done - skips) / (plays + PRIOR_PLAYS))
        if mine.any():
            assert value(pairs, row, "artist_days") == 20_000 - log.last_day[own][mine].max()
            ages = 20_000 - log.last_day[own][mine]
            expected = np.log((log.plays[own][mine] / np.sqrt(ages)).sum())
            assert value(pairs, row, "artist_activation") == pytest.approx(expected, abs=1e-5)
        else:
            assert np.isnan(value(pairs, row, "artist_days"))
        genres = side.genre.row(track)
        if not len(genres):
            assert np.isnan(value(pairs, row, "genre_weight"))


def test_likeness_is_a_cosine_or_missing(pairs: Pairs, side: TrackSide) -> None:
    people = p.listeners(side)
    for row in np.random.default_rng(2).choice(len(pairs.track), 100, replace=False):
        who, track = pairs.listener[row], pairs.track[row]
        if not people.meaning[who].any():
            assert np.isnan(value(pairs, row, "meaning_cosine"))
            continue
        assert value(pairs, row, "meaning_cosine") == pytest.approx(people.meaning[who] @ side.meaning[track], abs=1e-5)
        own = slice(people.log.indptr[who], people.log.indptr[who + 1])
        liked = people.log.track_idx[own][people.log.weight[own] > 0]
        if len(liked):
            nearest = (side.meaning[liked] @ side.meaning[track]).max()
            assert value(pairs, row, "heard_nearest") == pytest.approx(nearest, abs=1e-5)


def test_a_listener_without_history_lists_or_features_is_no_error(pairs: Pairs) -> None:
    assert np.diff(pairs.first)[1] == 0  # no list at all
    nobody = slice(pairs.first[0], pairs.first[1])
    assert len(pairs.track[nobody])
    assert np.all(pairs.x[nobody, C["artist_plays"]] == 0)
    assert np.isnan(pairs.x[nobody, C["heard_nearest"]]).all()
    unknown = pairs.x[pairs.listener == 9]
    assert np.isnan(unknown[:, C["own_mainstreamness"]]).all()


def test_no_listener_is_an_empty_matrix(side: TrackSide) -> None:
    nobody = {name: TopK(top.ids[:0], top.scores[:0], top.because[:0]) for name, top in p.lists().items()}
    made = assemble(nobody, p.listeners(side).rows(0, 0), side, p.WEIGHTS, DEPTH)
    assert made.x.shape == (0, len(pair.COLUMNS))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_any_split_of_listeners_gives_the_same_bytes(pairs: Pairs, side: TrackSide, size: int) -> None:
    people, made = p.listeners(side), p.lists()
    for start in range(0, 130, size):
        own = slice(start, start + size)
        some = {name: TopK(top.ids[own], top.scores[own], top.because[own]) for name, top in made.items()}
        part = assemble(some, people.rows(start, start + size), side, p.WEIGHTS, DEPTH)
        rows = slice(pairs.first[start], pairs.first[start + size])
        assert part.track.tobytes() == pairs.track[rows].tobytes()
        assert part.x.tobytes() == pairs.x[rows].tobytes()


def test_only_the_columns_of_the_context_change_with_it(side: TrackSide) -> None:
    people = p.listeners(side)
    made = assemble(p.lists(), people, side, p.WEIGHTS, DEPTH)
    before = made.x.copy()
    commute = CONTEXTS.index("commute")
    after = for_context(made, people, side, commute).x
    group = C[pair.GROUPS["context"][0].name]
    assert after[:, :group].tobytes() == before[:, :group].tobytes()
    assert np.all(after[:, C["for_commute"]] == 1)
    assert np.all(after[:, C["for_any"]] == 0)
    assert np.all(before[:, C["for_any"]] == 1)
    row = int(made.first[5])
    expected = people.modes[5, commute] @ side.meaning[made.track[row]]
    assert after[row, C["context_cosine"]] == pytest.approx(expected, abs=1e-5)
    back = for_context(made, people, side, CONTEXTS.index("any")).x
    assert back.tobytes() == before.tobytes()


def test_a_shuffled_label_block_leaves_every_feature_byte() -> None:
    one = p.week(1, likes_popular=True)
    other = p.permuted(one)
    assert not np.array_equal(one.picks.track, other.picks.track)
    for mine, theirs in zip(one.blocks(30, 128), other.blocks(30, 128), strict=True):
        matrices = [assemble(b.lists, b.listeners, b.tracks, p.WEIGHTS, DEPTH).x for b in (mine, theirs)]
        assert matrices[0].tobytes() == matrices[1].tobytes()


def test_values_stay_in_the_domains_of_the_catalogue(pairs: Pairs) -> None:
    for column, feature in enumerate(pair.PAIR):
        values = pairs.x[:, column][~np.isnan(pairs.x[:, column])]
        if feature.low is not None and len(values):
            assert values.min() >= feature.low - 1e-5, feature.name
        if feature.high is not None and len(values):
            assert values.max() <= feature.high + 1e-5, feature.name
        if not feature.max_null:
            assert len(values) == len(pairs.x), feature.name


def test_vectors_of_another_week_are_refused_quietly(side: TrackSide) -> None:
    narrow = replace(side, meaning=np.zeros((p.TRACKS, 1), np.float32))
    made = assemble(p.lists(), p.listeners(narrow), narrow, p.WEIGHTS, DEPTH)
    assert np.isfinite(made.x[:, C["blend_score"]]).all()
