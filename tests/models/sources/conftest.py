from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from models.histories import Histories
from models.sources.base import Catalogue

MakeHistories = Callable[..., Histories]


@pytest.fixture
def make_histories() -> MakeHistories:
    """Build histories of a boolean matrix listeners x tracks; each heard track once, with weight 1, on day 10."""

    def make(heard: npt.ArrayLike, last_day: int = 10) -> Histories:
        matrix = np.asarray(heard, bool)
        listener, track = np.nonzero(matrix)
        ones = np.ones(len(track), np.int32)
        return Histories(
            user_ids=pa.array([f"u{i:04d}" for i in range(len(matrix))]),
            indptr=np.searchsorted(listener, np.arange(len(matrix) + 1)).astype(np.int64),
            track_idx=track.astype(np.int32),
            plays=ones,
            completions=ones,
            skips=0 * ones,
            last_day=last_day * ones,
            weight=ones.astype(np.float32),
        )

    return make


@pytest.fixture
def checkerboard() -> npt.NDArray[np.bool_]:
    """Even listeners like even tracks, odd ones odd tracks; everybody has yet to hear the track of their own number."""
    n = 50
    likes = (np.arange(n)[:, None] + np.arange(n)) % 2 == 0
    np.fill_diagonal(likes, False)
    return likes


@pytest.fixture
def catalogue() -> Catalogue:
    """Fifty allowed tracks whose ids are in reverse order of their numbers.

    Ten artists with five tracks each; an artist's tracks are of one colour and genre, and came out on days 6 to 10.
    """
    number = np.arange(50, dtype=np.int32)
    text = pa.array([f"genre:{'odd' if track % 2 else 'even'} tag:t{track % 7} song number {track}" for track in number])
    return Catalogue(number[::-1].copy(), np.ones(50, bool), artist=number % 10, released=10 - number // 10, text=text)
