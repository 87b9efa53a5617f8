"""Each rule of the list, planted in a catalogue small enough to read."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.errors import ContractError
from models.slates import ragged
from models.slates.discover_weekly import EMPTY, FROM_COUNTRY, FROM_EVERYWHERE, FROM_SOURCE, Asked, choose
from models.slates.ragged import Ragged
from models.slates.rules import EVERYWHERE, Rules

NOBODY: list[int] = []


def lists(*rows: list[int]) -> Ragged:
    return ragged.from_lengths(np.array([len(r) for r in rows]), np.array([v for r in rows for v in r], np.int32))


def rules(artists: list[list[int]], servable=None, recording=None, countries=None) -> Rules:
    n = len(artists)
    return Rules(
        np.array([True] * n if servable is None else servable),
        np.array(range(n) if recording is None else recording, np.int32),
        lists(*artists),
        lists(*(countries or [[]] * n)),
    )


def ask(wishes, heard=NOBODY, blocked_tracks=NOBODY, blocked_artists=NOBODY, country=EVERYWHERE, chart=0) -> Asked:
    return Asked(
        lists(wishes),
        lists(heard),
        lists(blocked_tracks),
        lists(blocked_artists),
        np.array([country], np.int32),
        np.array([chart], np.int32),
    )


def listed(asked: Asked, catalogue: Rules, charts: Ragged | None = None, length=10, per_artist=2) -> list[int]:
    slates = choose(asked, catalogue, charts or lists([]), length=length, per_artist=per_artist)
    return [t for t in slates.track[0].tolist() if t >= 0]


def test_rank_order_is_kept_and_a_short_list_is_padded():
    slates = choose(ask([2, 0]), rules([[0], [1], [2]]), lists([]), length=3, per_artist=2)
    assert slates.track.tolist() == [[2, 0, -1]]
    assert slates.origin.tolist() == [[FROM_SOURCE, FROM_SOURCE, EMPTY]]


def test_heard_tracks_and_versions_of_heard_tracks_are_no_discovery():
    # 1 was heard; 2 is its remaster (recording 1)
    assert listed(ask([0, 1, 2, 3], heard=[1]), rules([[0], [1], [1], [3]], recording=[0, 1, 1, 2])) == [0, 3]


def test_two_versions_of_one_recording_leave_the_better_ranked():
    assert listed(ask([2, 1, 0]), rules([[0], [1], [1]], recording=[0, 1, 1])) == [2, 0]


def test_collaborators_count_for_every_artist():
    # artist 0 stands on 0 (main) and 1 (guest): 2 is the third; 3 by artist 1 alone is the second for artist 1
    assert sorted(listed(ask([0, 1, 2, 3]), rules([[0], [1, 0], [2, 0], [1]]))) == [0, 1, 3]


def test_tracks_without_artists_are_exempt_from_the_artist_rule():
    assert listed(ask([0, 1, 2]), rules([[], [], []]), per_artist=1) == [0, 1, 2]


def test_blocked_tracks_artists_and_unservable_tracks_stay_out():
    catalogue = rules([[0], [1], [2, 3], [4]], servable=[True, True, True, False])
    assert listed(ask([0, 1, 2, 3], blocked_tracks=[0], blocked_artists=[3]), catalogue) == [1]


def test_countries():
    catalogue = rules([[0], [1], [2]], countries=[[], [4, 7], [5]])
    assert listed(ask([0, 1, 2], country=7), catalogue) == [0, 1]
    assert listed(ask([0, 1, 2], country=EVERYWHERE), catalogue) == [0]


def test_filled_from_the_country_first_then_from_everywhere_and_counted():
    charts = lists([3, 4, 5], [4, 0])  # everywhere; the listener's country
    catalogue = rules([[i] for i in range(6)])
    slates = choose(ask([0], chart=1), catalogue, charts, length=4, per_artist=2)
    assert slates.track.tolist() == [[0, 4, 3, 5]]
    assert slates.origin.tolist() == [[FROM_SOURCE, FROM_COUNTRY, FROM_EVERYWHERE, FROM_EVERYWHERE]]
    assert slates.filled.tolist() == [3]
    assert slates.place.tolist() == [[0, 3, 0, 2]]  # positions in wishes.values and in charts.values


def test_neighbours_of_one_artist_are_pulled_apart():
    assert listed(ask([0, 1, 2, 3]), rules([[0], [0], [1], [2]])) == [0, 2, 1, 3]


def test_a_pair_at_the_end_moves_up():
    # 2 and 3 share artist 2 and come last: the second moves up between strangers, the top stays
    assert listed(ask([0, 1, 2, 3]), rules([[0], [1], [2], [2]])) == [0, 3, 1, 2]


def test_one_listeners_strikes_do_not_touch_the_next():
    two = Asked(lists([0, 1], [0, 1]), lists([0], []), lists([], [1]), lists([], []), *np.array([[-1, -1], [0, 0]], "i4"))
    slates = choose(two, rules([[0], [1]]), lists([]), length=2, per_artist=1)
    assert slates.track.tolist() == [[1, -1], [0, -1]]


def test_a_track_outside_the_catalogue_is_refused():
    with pytest.raises(ContractError, match="histories name track_idx 9 to 9"):
        choose(ask([0], heard=[9]), rules([[0]]), lists([]), length=2, per_artist=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_every_rule_holds_on_random_worlds(seed):
    rng = np.random.default_rng(seed)
    n, tracks, artists = 5, 60, 12
    catalogue = rules(
        [rng.choice(artists, rng.integers(0, 3), replace=False).tolist() for _ in range(tracks)],
        servable=rng.random(tracks) < 0.9,
        recording=rng.integers(0, 50, tracks),
        countries=[rng.choice(4, rng.integers(0, 2), replace=False).tolist() for _ in range(tracks)],
    )
    draw = [[rng.choice(tracks, rng.integers(0, 30), replace=False).tolist() for _ in range(n)] for _ in range(3)]
    country = rng.integers(-1, 4, n).astype(np.int32)
    asked = Asked(
        *map(lambda d: lists(*d), draw), lists(*[[int(a)] for a in rng.integers(0, artists, n)]), country, country * 0
    )
    slates = choose(asked, catalogue, lists(rng.permutation(tracks).tolist()), length=10, per_artist=2)
    for i in range(n):
        chosen = [t for t in slates.track[i].tolist() if t >= 0]
        credits = np.bincount([a for t in chosen for a in catalogue.artists.row(t)], minlength=artists)
        struck = set(catalogue.recording[draw[1][i] + draw[2][i]].tolist())
        versions = catalogue.recording[chosen].tolist()
        assert len(set(versions)) == len(versions) and not struck & set(versions)
        assert credits.max() <= 2 and credits[asked.blocked_artists.row(i)[0]] == 0
        assert catalogue.servable[chosen].all()
        assert all(country[i] in c for t in chosen if (c := catalogue.countries.row(t).tolist()))


def test_fifty_thousand_listeners_take_seconds():
    rng = np.random.default_rng(1)
    n, tracks, wished, heard = 50_000, 30_000, 200, 300
    catalogue = rules([[a] for a in rng.integers(0, 3_000, tracks).tolist()])
    asked = Asked(
        ragged.from_lengths(np.full(n, wished), rng.integers(0, tracks, n * wished)),
        ragged.from_lengths(np.full(n, heard), rng.integers(0, tracks, n * heard)),
        ragged.empty(n),
        ragged.empty(n),
        np.full(n, -1, np.int32),
        np.zeros(n, np.int32),
    )
    charts = lists(rng.permutation(tracks)[:2000].tolist())
    started = time.perf_counter()
    slates = choose(asked, catalogue, charts, length=30, per_artist=2)
    assert time.perf_counter() - started < 10
    assert (slates.track >= 0).all()
