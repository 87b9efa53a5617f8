"""What the network of sound learns from: which tracks, and what is known of them."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from scipy import sparse

from conf.ears import TrainAudio
from models.histories import Histories
from spark_jobs.training.audio_lessons import Lessons, companions, genres_of, lessons, listened
from spark_jobs.training.listener_sample import sample

PARAMS = TrainAudio(min_listeners=1, taste_dimensions=4, patches=2)


@pytest.fixture
def log(as_rows: Any, histories: pa.Table) -> Histories:
    """Even listeners hear even tracks of forty."""
    return sample(as_rows(histories), 100)


def catalogue(without: set[int] = frozenset()) -> pa.Table:  # type: ignore[assignment]
    """Forty tracks in no order, two an artist, all of them with a file but those `without`."""
    order = np.random.default_rng(3).permutation(40)
    return pa.table(
        {
            "track_id": [f"t{n:02d}" for n in order],
            "track_idx": pa.array(order, pa.int32()),
            "audio": [None if n in without else f"{n}.wav" for n in order],
            "artist_ids": [[f"a{n // 2:02d}"] for n in order],
            "genres": [["odd" if n % 2 else "even"] for n in order],
        }
    )


def test_tracks_with_a_file_and_an_audience(as_rows: Any, log: Histories) -> None:
    heard = np.bincount(log.track_idx, minlength=40)
    least = int(np.median(heard))
    found = lessons(as_rows(catalogue({0, 1, 2})), log, PARAMS.model_copy(update={"min_listeners": least}))
    expected = {f"{n}.wav" for n in np.flatnonzero(heard >= least) if n > 2}
    assert set(found.path) == expected
    assert 5 < len(expected) < 37


def test_the_same_few_whatever_the_order_of_the_rows(as_rows: Any, log: Histories) -> None:
    params = PARAMS.model_copy(update={"max_tracks": 6})
    names = sorted((f"t{n:02d}" for n in range(40)), key=lambda name: zlib.crc32(name.encode()))[:6]
    for rows in (catalogue(), catalogue().sort_by("track_id")):
        assert lessons(as_rows(rows), log, params).path == [f"{int(name[1:])}.wav" for name in names]


def test_what_is_known_of_a_track_is_its_own(as_rows: Any, log: Histories) -> None:
    found = lessons(as_rows(catalogue()), log, PARAMS)
    number = np.array([int(path.removesuffix(".wav")) for path in found.path])
    assert len(number) == 40
    assert found.artist.tolist() == (number // 2).tolist()
    assert found.genres.tolist() == [[1.0, 0.0] if n % 2 == 0 else [0.0, 1.0] for n in number], "even, odd: by name"
    units = found.factors / np.linalg.norm(found.factors, axis=1, keepdims=True)
    alike, same = units @ units.T, number[:, None] % 2 == number % 2
    assert alike[same].min() > 0.3 > 0.1 > np.abs(alike[~same]).max()
    first, second = number[found.pairs].T
    assert (first % 2 == second % 2).all()
    assert (first != second).all()


@pytest.mark.parametrize("rows", [catalogue(set(range(40))), catalogue().slice(0, 0)])
def test_a_catalogue_without_sound_has_no_lessons(as_rows: Any, log: Histories, rows: pa.Table) -> None:
    assert lessons(as_rows(rows), log.rows(0, 0), PARAMS).path == []
    if len(rows):
        assert lessons(as_rows(rows), log, PARAMS).path == []


def test_some_rows_keep_their_pairs_under_new_numbers() -> None:
    pairs = np.array([[0, 2], [2, 3], [1, 2], [3, 0]], np.int32)
    own = Lessons(list("abcd"), np.arange(4, dtype=np.int32), np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32), pairs)
    kept = own.of(np.array([0, 2, 3]))
    assert (kept.path, kept.artist.tolist()) == (["a", "c", "d"], [0, 2, 3])
    assert kept.pairs.tolist() == [[0, 1], [1, 2], [2, 0]]


def test_rare_genres_say_nothing_and_none_is_not_no() -> None:
    lists = pa.chunked_array([[["rock", "new"]] * 5 + [["rock"]] * 3 + [None, []] + [["polka"]] * 4])
    found = genres_of(lists)
    assert found.shape == (14, 2), "new and rock; four polkas are too few"
    assert found[0].tolist() == [1, 1]
    assert found[6].tolist() == [0, 1]
    assert np.isnan(found[8:10]).all()
    assert found[10:].tolist() == [[0, 0]] * 4
    assert genres_of(pa.chunked_array([pa.array([None], pa.list_(pa.string()))])).shape == (1, 0)


def test_companions_are_heard_together() -> None:
    """Tracks 0 to 2 by two listeners, 3 and 4 by another one, 5 by nobody."""
    plays = sparse.csr_array(np.array([[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0]], np.float32))
    idx = np.array([4, 0, 1, 2, 3, 5], np.int32)  # rows are not track numbers
    pairs = {(int(idx[a]), int(idx[b])) for a, b in companions(plays, idx)}
    assert pairs == {(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1), (3, 4), (4, 3)}
    assert companions(plays, idx[:0]).shape == (0, 2)


@pytest.mark.parametrize("cores", [1, 3])
def test_files_are_heard_in_order_and_broken_ones_are_passed_over(tmp_path: Path, cores: int) -> None:
    rng = np.random.default_rng(1)
    for n in range(7):
        y = 0.3 * np.sin(2 * np.pi * 200 * (n + 1) * np.arange(22_050 * 2) / 22_050) + 0.01 * rng.standard_normal(44_100)
        soundfile.write(tmp_path / f"{n}.wav", y, 22_050)
    (tmp_path / "2.wav").write_bytes(b"")
    paths = [f"{n}.wav" for n in range(7)] + ["../7.wav", "8.wav"]
    rows, patches, readings = listened(tmp_path, paths, PARAMS.model_copy(update={"cores": cores}))
    assert rows.tolist() == [0, 1, 3, 4, 5, 6]
    assert patches.shape[:2] == (6, 2)
    assert patches.dtype == np.uint8
    assert readings.shape == (6, 4)
    band = patches.astype(float).mean(axis=(1, 2)).argmax(axis=1)
    assert (np.diff(band) > 0).all(), "the pitch rises with the number"


def test_nothing_to_hear(tmp_path: Path) -> None:
    rows, patches, readings = listened(tmp_path / "none", ["a.wav"], PARAMS)
    assert (len(rows), len(patches), readings.shape) == (0, 0, (0, 4))
