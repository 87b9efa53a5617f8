from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from models.circles import circles, friends_lists, loved
from models.histories import Histories
from models.sources.base import Exclusions


@pytest.fixture
def log() -> Histories:
    heard = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]], bool)
    listener, track = np.nonzero(heard)
    ones = np.ones(len(track), np.int32)
    return Histories(
        pa.array(["a", "b", "c", "d"]), np.searchsorted(listener, np.arange(5)).astype(np.int64), track.astype(np.int32),
        ones, ones, 0 * ones, 10 * ones, np.arange(1, len(track) + 1, dtype=np.float32),
    )  # fmt: skip


def test_only_what_enough_friends_love_is_told(log: Histories) -> None:
    everything = np.ones(len(log.track_idx), bool)
    made = circles(log, np.array([3, 3, 3, 3, 0]), np.array([0, 1, 2, 1, 1]), everything, k=2)
    assert made.indptr.tolist() == [0, 0, 0, 0, 3]  # a has one friend only, d has three
    assert made.ids.tolist() == [0, 1, 2]
    assert made.friends.tolist() == [2, 3, 2]  # following b twice counts once
    assert made.weight.tolist() == [1 + 4, 2 + 5 + 6, 3 + 7]
    assert made.rows(3, 4).ids.tolist() == [0, 1, 2]


def test_friends_lists_hold_the_most_loved_that_is_new(log: Histories) -> None:
    made = circles(log, np.array([3, 3, 3]), np.array([0, 1, 2]), np.ones(len(log.track_idx), bool), k=1)
    assert dict(zip(made.ids.tolist(), made.weight.tolist(), strict=True)) == {0: 5.0, 1: 13.0, 2: 10.0, 3: 8.0}
    knows_two = Exclusions(np.array([0, 0, 0, 0, 1]), np.array([2], np.int32))
    lists = friends_lists(made, 2, knows_two, np.arange(4, dtype=np.int32))
    assert lists.ids.tolist() == [[-1, -1]] * 3 + [[1, 3]]
    assert lists.scores[3].tolist() == [13.0, 8.0]


def test_nobody_is_their_own_friend(log: Histories) -> None:
    made = circles(log, np.array([0, 0]), np.array([0, 1]), np.ones(len(log.track_idx), bool), k=1)
    assert made.ids.tolist() == [0, 1]
    assert made.friends.tolist() == [1, 1]


def test_love_is_recent_completed_and_bounded(log: Histories) -> None:
    old = replace(log, last_day=np.array([9, 10, 2, 10, 10, 10, 10, 10], np.int32))
    assert loved(old, cut_day=11, days=5, depth=9).tolist() == [True, True, False, *[True] * 5]
    skipped = replace(log, completions=np.array([0, 1, 1, 1, 1, 1, 1, 1], np.int32))
    assert loved(skipped, 11, 5, 9).tolist() == [False, *[True] * 7]
    assert loved(log, 11, 5, 1).tolist() == [False, False, True, False, True, False, False, True]
