from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.errors import ArtefactError
from models.sequence.batches import GAPS, Sequences, in_order, pack, pack_whole, windows

RANK = np.arange(100, dtype=np.int32)[::-1].copy()


def test_tracks_come_by_day_and_weightless_ones_not_at_all(make_log: Any) -> None:
    log = make_log([[7, 3, 9], [], [5, 1]])
    found = in_order(log, RANK)
    assert found.indptr.tolist() == [0, 3, 3, 5]
    assert found.tracks.tolist() == [7, 3, 9, 5, 1]
    silent = replace(log, weight=np.where(log.track_idx == 3, 0, 1).astype(np.float32))
    assert in_order(silent, RANK).tracks.tolist() == [7, 9, 5, 1]


def test_gaps_are_days_since_the_track_before_in_doubling_buckets(make_log: Any) -> None:
    for step, bucket in {0: 0, 1: 1, 2: 2, 3: 2, 4: 3, 7: 3, 8: 4, 1024: 11, 9999: GAPS - 1}.items():
        assert in_order(make_log([[4, 2], [8, 6]], step), RANK).gaps.tolist() == [0, bucket, 0, bucket]


def test_the_order_within_a_day_says_nothing_of_a_tracks_rank(make_log: Any) -> None:
    """Or a model would learn it: over 200 days of ten tracks, half of the steps go up."""
    log = make_log([list(range(10)) for _ in range(200)], step=0)
    log = replace(log, last_day=np.repeat(np.arange(200), 10).astype(np.int32))
    steps = np.diff(in_order(log, RANK).tracks.reshape(200, 10), axis=1)
    assert 0.46 < (steps > 0).mean() < 0.54


def test_a_listeners_order_does_not_depend_on_the_block(make_log: Any) -> None:
    rng = np.random.default_rng(0)
    log = make_log([rng.permutation(30)[: rng.integers(0, 12)] for _ in range(20)], step=0)
    whole = in_order(log, RANK)
    part = in_order(log.rows(7, 13), RANK)
    assert part.tracks.tolist() == whole.tracks[whole.indptr[7] : whole.indptr[13]].tolist()


def test_an_unknown_track_is_refused(make_log: Any) -> None:
    with pytest.raises(ArtefactError, match="track_idx 100"):
        in_order(make_log([[100]]), RANK)


def some(sizes: list[int]) -> Sequences:
    """Sequences of consecutive tracks, so that the target of every track is known: the next number."""
    indptr = np.cumsum([0, *sizes]).astype(np.int64)
    tracks = np.arange(1, indptr[-1] + 1, dtype=np.int32)
    return Sequences(indptr, tracks, tracks % GAPS)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(0, 23), max_size=30), st.integers(1, 8))
def test_every_step_is_packed_exactly_once(sizes: list[int], length: int) -> None:
    sequences = some(sizes)
    packed = pack(sequences, length, np.random.default_rng(1))
    full = packed.pieces > 0
    assert (packed.targets[full] == packed.tracks[full] + 1).all()
    assert (packed.targets[~full] == -1).all()
    steps = np.delete(sequences.tracks, sequences.indptr[1:][np.diff(sequences.indptr) > 0] - 1)
    assert sorted(packed.tracks[full]) == steps.tolist()
    assert (packed.gaps[full] == packed.tracks[full] % GAPS).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 23), max_size=30), st.integers(1, 8))
def test_pieces_count_their_places_from_0_and_never_split(sizes: list[int], length: int) -> None:
    packed = pack(some(sizes), length, np.random.default_rng(2))
    for row in range(len(packed.tracks)):
        for piece in range(1, packed.pieces[row].max(initial=0) + 1):
            own = packed.pieces[row] == piece
            assert packed.places[row][own].tolist() == list(range(own.sum()))
            assert (np.diff(packed.tracks[row][own]) == 1).all()


def test_windows_are_counted_from_the_newest_track_back() -> None:
    starts, sizes = windows(some([8, 1, 3]), 3)
    assert starts.tolist() == [4, 1, 0, 9]
    assert sizes.tolist() == [3, 3, 1, 2]


def test_rows_are_hardly_empty() -> None:
    sizes = np.random.default_rng(3).integers(2, 15, 2000).tolist()
    packed = pack(some(sizes), 50, np.random.default_rng(4))
    assert (packed.pieces > 0).mean() > 0.99


def test_a_long_log_is_sampled() -> None:
    sequences = some([9] * 100)
    packed = [pack(sequences, 8, np.random.default_rng(seed), most=96) for seed in (5, 6)]
    assert [(p.pieces > 0).sum() for p in packed] == [96, 96]
    assert set(packed[0].tracks.ravel()) != set(packed[1].tracks.ravel())


def test_a_whole_sequence_ends_where_it_says() -> None:
    sequences = some([4, 1, 6, 2]).newest(4)
    packed = pack_whole(sequences, 4)
    assert packed.tracks.ravel()[packed.ends].tolist() == sequences.tracks[sequences.indptr[1:] - 1].tolist()


def test_cutting_sequences() -> None:
    sequences = some([3, 0, 2])
    assert sequences.newest(2).tracks.tolist() == [2, 3, 4, 5]
    assert sequences.before_last(np.array([True, True, False])).tracks.tolist() == [1, 2, 4, 5]
    assert sequences.of(np.array([2, 0])).tracks.tolist() == [4, 5, 1, 2, 3]
