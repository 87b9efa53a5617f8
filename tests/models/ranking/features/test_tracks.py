"""Counts and features of tracks and artists: planted plays, blocks in any order, nothing from after the cut."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.contexts import CONTEXTS
from conf.feature_jobs import BuildTrackFeatures
from conf.features import item
from models.contexts.modes import MODES
from models.listening import DAY_US, Listening
from models.ranking.features.judged import Unjudged
from models.ranking.features.listener import Saves
from models.ranking.features.tracks import UNDATED, Tally, item_features, track_features
from tests.models.ranking.features.conftest import CUT, Play, block_of, drawn

TRACKS = 12
EACH = np.arange(TRACKS, dtype=np.int32)
MAIN = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, -1], np.int32)
PARAMS = BuildTrackFeatures()


def counted(
    block: Listening, owner: Any = EACH, saves: Saves | None = None, judged: Any = None, countries: Any = None
) -> Tally:
    tally = Tally.empty(int(owner.max()) + 1)
    country = np.array(countries if countries is not None else [""] * block.listeners, object)
    tally.add(block, owner, saves or Saves.none(), country, CUT, judged)
    return tally


def same(one: Tally, other: Tally) -> bool:
    countries = one.by_country.keys() == other.by_country.keys()
    return countries and np.array_equal(one.counts, other.counts) and all(
        np.array_equal(plays, other.by_country[name]) for name, plays in one.by_country.items()
    )  # fmt: skip


def test_plays_skips_and_listeners_by_window() -> None:
    plays = [Play(0, 3, 0.5), Play(0, 3, 5.0, heard_s=2.0), Play(1, 3, 20.0), Play(1, 3, 80.0), Play(2, 4, 3.0)]
    tally = counted(block_of(plays, 3))
    by_window = {what: [int(tally.column(f"{what}_{days}d")[3]) for days in (1, 7, 28, 90)] for what in ("plays", "skips")}
    assert by_window == {"plays": [1, 2, 3, 4], "skips": [0, 1, 1, 1]}
    assert [int(tally.column(f"listeners_{days}d")[3]) for days in (1, 7, 28, 90)] == [1, 1, 2, 2]
    assert [int(tally.column(f"completions_{days}d")[3]) for days in (1, 90)] == [1, 3]


def test_the_first_play_of_a_listener_is_told_by_its_own_age() -> None:
    plays = [Play(0, 3, 50.0), Play(0, 3, 5.0), Play(1, 3, 5.0), Play(1, 3, 4.0), Play(2, 3, 95.0), Play(2, 3, 1.0)]
    assert counted(block_of(plays, 3)).column("first_plays_28d")[3] == 2, (
        "that of listener 1, and of 2 whose older one is too old"
    )


def test_listeners_of_an_artist_are_people_not_sums_over_tracks() -> None:
    plays = [Play(0, 0, 1.5), Play(0, 1, 1.4), Play(0, 2, 1.3), Play(1, 2, 1.2), Play(1, 11, 1.0)]
    tally = counted(block_of(plays, 2), MAIN)
    assert (tally.column("plays_7d")[0], tally.column("listeners_7d")[0]) == (4, 2)
    assert tally.counts.sum() == counted(block_of(plays[:-1], 2), MAIN).counts.sum(), (
        "a track without an artist counts for none"
    )


def test_saves_count_people_by_their_newest() -> None:
    days = np.array([40.0, 2.0, 3.0, 0.0])
    saves = Saves(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 2], np.int32), CUT - (days * DAY_US).astype(np.int64))
    tally = counted(block_of([], 2), MAIN, saves)
    assert [int(tally.column(f"saves_{days}d")[0]) for days in (1, 7, 28, 90)] == [0, 2, 2, 2]


def test_plays_are_told_by_country_and_context() -> None:
    block = block_of([Play(0, 3, 2.0), Play(1, 3, 2.0), Play(1, 3, 40.0), Play(1, 4, 2.0 - 1e-3)], 2)
    modes = np.full((block.sessions, len(MODES)), 0.0, np.float32)
    modes[:, MODES.index("party")], modes[:, MODES.index("sleep")] = 0.25, 0.75
    tally = counted(block, judged=Unjudged(modes), countries=["NG", ""])
    assert {name: plays[3] for name, plays in tally.by_country.items()} == {"NG": 1, "": 1}
    shares = track_features(tally, np.zeros(TRACKS, np.int32), 1, PARAMS)["track_context_shares"]
    assert shares[3, CONTEXTS.index("party")] == pytest.approx(1.0), "of what has a context at all"


def test_a_track_nobody_played_is_taken_for_the_mean_of_all() -> None:
    plays = [Play(0, 3, 1.0 + n / 100, heard_s=200.0 if n % 4 else 2.0) for n in range(40)]
    features = track_features(counted(block_of(plays, 1)), np.full(TRACKS, UNDATED, np.int32), 100, PARAMS)
    assert features["completion_rate"][5] == pytest.approx(0.75)
    assert features["trend"][5] == 0.0
    assert features["trend"][3] == pytest.approx(math.log((40 + 5) / 7) - math.log((40 + 20) / 28))
    assert np.isnan(features["age_days"]).all()
    assert features["popularity"][3] == 1.0
    assert features["track_context_shares"][5].tolist() == [0, 0, 0, 0, 1]


def test_ages_count_to_the_cut_and_what_is_to_come_has_none() -> None:
    released = np.array([99, 100, 101, UNDATED] + [0] * 8, np.int32)
    ages = track_features(Tally.empty(TRACKS), released, 100, PARAMS)["age_days"]
    assert ages[:2].tolist() == [1.0, 0.0]
    assert np.isnan(ages[2:4]).all()


def test_every_feature_of_the_catalogue_is_made() -> None:
    elsewhere = {"plays_by_country", "taste", "meaning"}
    tally = counted(block_of(drawn(1), 4))
    made = track_features(tally, np.zeros(TRACKS, np.int32), 1, PARAMS)
    assert set(made) | elsewhere == {feature.name for feature in item.TRACK}
    assert set(item_features(tally, PARAMS)) | {"plays_by_country"} == {feature.name for feature in item.ARTIST}
    for feature in item.TRACK:
        if feature.name in made:
            assert made[feature.name].dtype == (np.int64 if feature.type == "bigint" else np.float32), feature.name


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_blocks_add_up_in_any_order(seed: int) -> None:
    plays, countries = drawn(seed), ["US", "DE", "", "US"]
    rng = np.random.default_rng(seed)
    own = rng.random((4, len(MODES)), np.float32)
    own /= own.sum(axis=1, keepdims=True)

    def part(listeners: list[int]) -> Tally:
        rows = [Play(**(vars(p) | {"who": listeners.index(p.who)})) for p in plays if p.who in listeners]
        block = block_of(rows, len(listeners))
        first = np.unique(block.session, return_index=True)[1]
        judged = Unjudged(own[np.array(listeners)[block.listener[first]]])
        return counted(block, judged=judged, countries=[countries[who] for who in listeners])

    whole = part([0, 1, 2, 3])
    assert same(part([0]) + part([1, 2]) + part([3]), whole)
    assert same(part([3, 1]) + part([2, 0]), whole)
    assert same(Tally.empty(TRACKS) + whole, whole)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_nothing_at_or_after_the_cut_changes_a_count(seed: int) -> None:
    later = [Play(n % 4, n % TRACKS, -0.37 * n, heard_s=3.0) for n in range(20)]
    saves = Saves(np.array([0, 1]), np.array([1, 2], np.int32), np.array([CUT, CUT + 5 * DAY_US]))
    before = drawn(seed)
    assert same(counted(block_of(before + later, 4), saves=saves), counted(block_of(before, 4)))


def test_no_listener_counts_nothing() -> None:
    assert not counted(block_of([], 0)).counts.any()
