"""The trainer reads a sample, goes without what is missing, and gives an artefact of any log."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from conf.audio import READINGS
from conf.contexts import TrainContexts
from models.contexts import MODES, ContextModel
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Run
from spark_jobs.schema import arrow_schema
from spark_jobs.training import train_contexts

PARAMS = TrainContexts(styles=2, rounds=3)
MONDAY = datetime(2026, 8, 3, tzinfo=UTC)


@pytest.fixture
def tracks() -> pa.Table:
    return pa.table(
        {
            "track_idx": pa.array([2, 0, 1], pa.int32()),
            "track_id": ["t2", "t0", "t1"],
            "duration_ms": pa.array([200_000, None, 180_000], pa.int64()),
            "genres": [["children"], None, ["rock"]],
        }
    )


@pytest.fixture
def users() -> pa.Table:
    return pa.table({"user_id": ["u1", "u2"], "timezone": ["Asia/Tokyo", None]})


@pytest.fixture
def listens() -> pa.Table:
    """Three listeners, one of them unknown to `users`; a session a day; one play of a track that nobody knows."""
    rows = [
        {"listen_id": f"{user}-{day}-{n}", "user_id": user, "track_id": f"t{n % 4}", "device": "car", "reason_end": None,
         "started_at": MONDAY + timedelta(days=day, minutes=3 * n), "ms_played": 180_000, "playlist_context": "album"}
        for user in ("u2", "u1", "u9") for day in range(10) for n in range(4)
    ]  # fmt: skip
    schema = arrow_schema(t.LISTENS)
    names = [*train_contexts.LISTEN_COLUMNS, "track_id"]
    return pa.Table.from_pylist(rows, pa.schema([schema.field(name) for name in names]))


@pytest.fixture
def audio() -> pa.Table:
    schema = arrow_schema(t.TRACK_AUDIO)
    names = ["track_id", *READINGS]
    row = dict.fromkeys(names, 0.5) | {"track_id": "t1", "tempo_bpm": None}
    return pa.Table.from_pylist([row], pa.schema([schema.field(name) for name in names]))


def trained(as_rows: Any, run: Run, params: TrainContexts = PARAMS, **reads: pa.Table) -> Artefact:
    return train_contexts.train(**{name: as_rows(rows) for name, rows in reads.items()}, params=params, run=run)


def with_content(run: Run, folder: Path) -> Run:
    vectors = np.array([[1, 0], [1, 0.1], [0, 1]], np.float32)
    ref = artefacts.save(folder, "content", "2026-09-07", Artefact({"vectors": vectors}, {}))
    return replace(run, artefacts={"content": ref})


def test_the_artefact_opens_and_judges(
    as_rows: Any, run: Run, tmp_path: Path, listens: pa.Table, tracks: pa.Table, users: pa.Table, audio: pa.Table
) -> None:
    made = trained(as_rows, with_content(run, tmp_path), listens=listens, tracks=tracks, users=users, track_audio=audio)
    assert (made.metrics["listeners"], made.metrics["sessions"], made.metrics["plays"]) == (3, 30, 90)
    assert made.metrics["styles"] == 2
    ref = artefacts.save(tmp_path, "contexts", "2026-09-07", made)
    model = ContextModel.load(artefacts.load_arrays(ref), artefacts.manifest(ref)["params"])
    plays = train_contexts.listening_of(listens, tracks, users, PARAMS)
    sound = train_contexts.sound_of(tracks, as_rows(audio), np.array([[1, 0], [1, 0.1], [0, 1]], np.float32))
    assert model.judge(plays, sound).modes.shape == (30, len(MODES))
    assert sound.words is not None
    assert sound.words[:, MODES.index("child")].tolist() == [0.0, 0.0, 1.0]
    assert sound.readings is not None
    assert np.isfinite(sound.readings).sum(axis=1).tolist() == [0, 6, 0]


def test_hours_are_the_listeners_own(tracks: pa.Table, users: pa.Table, listens: pa.Table) -> None:
    plays = train_contexts.listening_of(listens, tracks, users, PARAMS)
    ahead = (plays.local_at - plays.started_at) // 3_600_000_000
    assert [set(ahead[plays.listener == who].tolist()) for who in range(3)] == [{9}, {0}, {0}]  # u1 Tokyo, u2 null, u9 unknown


def test_the_same_bytes_for_any_layout(
    as_rows: Any, run: Run, listens: pa.Table, tracks: pa.Table, users: pa.Table, audio: pa.Table
) -> None:
    shuffled = listens.take(np.random.default_rng(1).permutation(len(listens)))
    one = trained(as_rows, run, listens=listens, tracks=tracks, users=users, track_audio=audio)
    other = trained(as_rows, run, listens=shuffled, tracks=tracks, users=users, track_audio=audio)
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(values, other.arrays[name])


def test_an_empty_log_and_catalogue_give_what_is_known_beforehand(
    as_rows: Any, run: Run, tmp_path: Path, listens: pa.Table, tracks: pa.Table, users: pa.Table, audio: pa.Table
) -> None:
    nothing = {"listens": listens[:0], "tracks": tracks[:0], "users": users[:0], "track_audio": audio[:0]}
    for reads in (nothing, nothing | {"tracks": tracks, "users": users}, nothing | {"listens": listens}):
        made = trained(as_rows, run, **reads)
        assert made.metrics["sessions"] == 0
        ref = artefacts.save(tmp_path, "contexts", "2026-09-07", made)
        model = ContextModel.load(artefacts.load_arrays(ref), artefacts.manifest(ref)["params"])
        assert model.tables.hours.shape == (len(MODES), 2, 48)


def test_only_the_sample_and_the_days_are_read(
    as_rows: Any, run: Run, listens: pa.Table, tracks: pa.Table, users: pa.Table, audio: pa.Table
) -> None:
    reads = {"listens": listens, "tracks": tracks, "users": users, "track_audio": audio}
    few = trained(as_rows, run, PARAMS.model_copy(update={"max_listeners": 1}), **reads)
    assert (few.metrics["listeners"], few.metrics["sessions"]) == (1, 10)
    week = trained(as_rows, replace(run, cut=date(2026, 8, 13)), PARAMS.model_copy(update={"days": 7}), **reads)
    assert week.metrics["sessions"] == 3 * 7  # 6 to 12 August


def test_a_damaged_content_artefact_is_told_and_gone_without(
    as_rows: Any, run: Run, tmp_path: Path, listens: pa.Table, tracks: pa.Table, users: pa.Table, audio: pa.Table
) -> None:
    told: list[str] = []
    broken = replace(with_content(run, tmp_path), warn=told.append)
    (Path(broken.artefacts["content"].uri) / "vectors.npy").write_bytes(b"rot")
    made = trained(as_rows, broken, listens=listens, tracks=tracks, users=users, track_audio=audio)
    assert made.metrics["styles"] == 0
    assert len(told) == 1
    assert "content" in told[0]
