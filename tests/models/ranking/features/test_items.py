"""Popularity as a rank: between 0 and 1, ties alike, order kept."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.ranking.features.items import rank_shares


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40))
def test_ranks_keep_the_order_and_ties(values: list[int]) -> None:
    shares = rank_shares(np.array(values))
    assert shares.dtype == np.float32
    assert 0 <= shares.min() <= shares.max() <= 1
    for one, its in zip(values, shares, strict=True):
        for other, theirs in zip(values, shares, strict=True):
            assert (one < other) == (its < theirs)


def test_one_track_and_none() -> None:
    assert rank_shares(np.array([7])).tolist() == [0.0]
    assert rank_shares(np.array([])).tolist() == []
