"""The catalogue as features see it: by track_idx, numbers in order of ids, gaps and unknowns told."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.audio import READINGS
from models.sources.base import UNDATED
from spark_jobs import artefacts
from spark_jobs.features import item_arrays

MONDAY = date(2026, 9, 7)
TRACKS = pa.table(
    {
        "track_id": ["tz", "ta", "tm"],
        "track_idx": pa.array([0, 3, 1], pa.int32()),
        "artist_ids": pa.array([["b", "a"], ["a"], None], pa.list_(pa.string())),
        "genres": pa.array([["rock", "pop", "rock"], None, ["jazz"]], pa.list_(pa.string())),
        "release_date": pa.array([date(1970, 1, 3), None, date(2027, 1, 1)]),
        "blocked": [False, False, True],
    }
)
AUDIO = pa.table({"track_id": ["tm", "gone"], **{name: [float(n), 9.0] for n, name in enumerate(READINGS)}})


def shipped(folder: Path, shares: Any = None, audio: pa.Table = AUDIO) -> item_arrays.ItemArrays:
    built = item_arrays.build(TRACKS, audio, shares, MONDAY)
    return item_arrays.load(artefacts.save(folder, "feature_items", "x", built))


def test_everything_stands_at_its_track_idx(tmp_path: Path) -> None:
    held = shipped(tmp_path)
    assert held.track_id.to_pylist() == ["tz", "tm", None, "ta"]
    assert held.artist_id.to_pylist() == ["a", "b"]
    assert held.items.artist.tolist() == [1, -1, -1, 0]
    assert held.genre.to_pylist() == ["jazz", "pop", "rock"]
    assert [held.items.genre.row(track).tolist() for track in range(4)] == [[1, 2], [0], [], []]
    assert held.tie_rank[[3, 1, 0]].tolist() == [0, 1, 2]
    assert held.released.tolist() == [2, (date(2027, 1, 1) - date(1970, 1, 1)).days, UNDATED, UNDATED]
    assert held.readings[1].tolist() == list(range(len(READINGS)))
    assert np.isnan(held.readings[[0, 2, 3]]).all()


def test_popularity_is_a_rank_and_new_tracks_are_the_least(tmp_path: Path) -> None:
    popular = shipped(tmp_path, np.array([0.7, 0.3, 0.0])).items.popularity
    assert popular.tolist() == pytest.approx([1.0, 2 / 3, 1 / 6, 1 / 6])
    assert np.isnan(shipped(tmp_path / "b").items.popularity).all()


def test_no_sound_at_all_and_a_null_reading_are_unknown(tmp_path: Path) -> None:
    assert np.isnan(shipped(tmp_path, audio=AUDIO.slice(0, 0)).readings).all()
    one = AUDIO.slice(0, 1).set_column(1, READINGS[0], pa.array([None], pa.float64()))
    assert np.isnan(shipped(tmp_path / "b", audio=one).readings[1]).tolist() == [True] + [False] * 6
