from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.errors import ContractError
from conf.settings import BuildHistories
from models.gather import DAY_US, gather
from models.plays import Plays

SONG = 200_000  # ms
PARAMS = BuildHistories(half_life_days=10, skip_penalty=0.5)


def plays(*rows: tuple[int, int, float, int, bool]) -> Plays:
    """Rows (listener, track, day, ms heard, ended by a button)."""
    listener, track, day, heard, button = (np.array(column) for column in zip(*rows, strict=True))
    return Plays(
        listener, track.astype(np.int32), (day * DAY_US).astype(np.int64), heard, np.full(len(rows), SONG), button.astype(bool)
    )


def crowd(seed: int, listeners: int = 30, n: int = 2000) -> Plays:
    rng = np.random.default_rng(seed)
    return Plays(
        listener=np.sort(rng.integers(0, listeners, n)),
        track_idx=rng.integers(0, 50, n).astype(np.int32),
        started_at=np.arange(n) * 1_000_000 * 97,  # ascending, so ascending within each listener too
        ms_played=rng.integers(-1, 2, n) * 60_000,
        duration_ms=rng.choice([-1, 40_000, SONG], n),
        button=rng.random(n) < 0.2,
    )


def names(n: int) -> pa.Array[Any]:
    return pa.array([f"user-{i}" for i in range(n)])


def test_weight_is_completion_halved_every_half_life() -> None:
    # track 3: heard whole now, and half of it ten days ago (one half-life): 1 + 0.5 / 2
    made = gather(plays((0, 3, 100, SONG // 2, False), (0, 3, 110, SONG, False)), names(1), PARAMS)
    assert made.histories.weight.tolist() == [1.25]
    assert made.histories.plays.tolist() == [2]
    assert made.histories.last_day.tolist() == [110]
    assert made.listens.tolist() == [2]
    assert made.last_listen_at.tolist() == [110 * DAY_US]


def test_skips_take_away_and_never_below_zero() -> None:
    rows = plays(
        (0, 1, 10, SONG, False),  # +1
        (0, 1, 10, 5_000, False),  # under the listen rule: -0.5
        (0, 2, 10, 5_000, True),  # only skipped: 0, not -0.5
        (0, 3, 10, SONG, True),  # heard whole, then skipped: weight 1, but no completion
    )
    log = gather(rows, names(1), PARAMS).histories
    assert log.track_idx.tolist() == [1, 2, 3]
    assert log.weight.tolist() == [0.5, 0.0, 1.0]
    assert log.completions.tolist() == [1, 0, 0]
    assert log.skips.tolist() == [1, 1, 1]


def test_counts_add_up_to_the_plays() -> None:
    rows = crowd(1)
    log = gather(rows, names(30), PARAMS).histories
    assert log.plays.sum() == len(rows)
    assert (log.completions + log.skips == log.plays).all()
    assert log.row_sums(log.plays).tolist() == np.bincount(rows.listener).tolist()


def test_a_listener_alone_has_the_same_bytes_as_in_a_crowd() -> None:
    rows = crowd(2)
    together = gather(rows, names(30), PARAMS).histories
    for code in (0, 7, 29):
        own = rows.listener == code
        alone = gather(Plays(**{n: c[own] for n, c in vars(rows).items()}), names(30), PARAMS).histories
        row = together.rows(code, code + 1)
        assert alone.weight.tobytes() == row.weight.tobytes()
        assert alone.track_idx.tobytes() == row.track_idx.tobytes()
        assert alone.user_ids.to_pylist() == [f"user-{code}"]


def test_age_counts_from_the_listeners_own_last_play() -> None:
    # bob plays on for a year; ann's row must not change a byte
    ann = [(0, 5, 100, SONG, False), (0, 6, 103, SONG, False)]
    before = gather(plays(*ann, (1, 5, 101, SONG, False)), names(2), PARAMS).histories.rows(0, 1)
    after = gather(plays(*ann, (1, 5, 101, SONG, False), (1, 5, 466, SONG, False)), names(2), PARAMS).histories.rows(0, 1)
    assert before.weight.tobytes() == after.weight.tobytes()


def test_an_outlier_keeps_what_was_heard_last() -> None:
    rows = plays(*((0, track, day, SONG, False) for day, track in enumerate([4, 1, 3, 2, 4])), (1, 0, 0, SONG, False))
    made = gather(rows, names(2), BuildHistories(max_tracks=2))
    assert made.histories.track_idx.tolist() == [2, 4, 0]
    assert made.histories.indptr.tolist() == [0, 2, 3]
    assert made.listens.tolist() == [5, 1]


def test_no_plays_make_no_histories() -> None:
    nothing = np.empty(0, np.int64)
    none = Plays(nothing, nothing.astype(np.int32), nothing, nothing, nothing, nothing.astype(bool))
    assert len(gather(none, names(0), PARAMS).histories) == 0


def test_rows_out_of_order_are_refused() -> None:
    with pytest.raises(ContractError, match="order"):
        plays((0, 1, 5, SONG, False), (0, 1, 4, SONG, False))
    with pytest.raises(ContractError, match="order"):
        plays((1, 1, 5, SONG, False), (0, 1, 6, SONG, False))
