"""A child's hour counts as the setting says, and as taste where nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from conf.contexts import ExcludeForeign, TrainContexts
from conf.settings import BuildHistories
from models.contexts import ContextModel, Sound
from models.contexts.modes import MODES
from models.listening import MINUTE_US, listening
from models.plays import Plays
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Run
from spark_jobs.features import own_taste
from spark_jobs.features.build_histories import gather_block

HOUR_US = 60 * MINUTE_US
MONDAY_US = 20_605 * 24 * HOUR_US
EXCLUDED = BuildHistories(foreign=ExcludeForeign(weight=0.0))


def block(timezone: str = "UTC") -> pa.RecordBatch:
    """On eight weekdays a commute with track 0 by phone, on eight afternoons track 1 on a tablet; all of three plays."""
    starts = [(day, hour) for day in (0, 1, 2, 3, 7, 8, 9, 10) for hour in (8, 16)]
    at = [MONDAY_US + (day * 24 + hour) * HOUR_US + n * 3 * MINUTE_US for day, hour in starts for n in range(3)]
    hours = [hour for _, hour in starts for _ in range(3)]
    size = len(at)
    return pa.RecordBatch.from_pydict(
        {
            "user_id": ["u"] * size,
            "track_idx": pa.array([int(hour == 16) for hour in hours], pa.int32()),
            "started_at": at,
            "ms_played": [180_000] * size,
            "duration_ms": [180_000] * size,
            "button": [False] * size,
            "simulated": [False] * size,
            "device": ["tablet" if hour == 16 else "phone" for hour in hours],
            "playlist_context": ["album"] * size,
            "timezone": [timezone] * size,
        }
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Last week's model knows children's songs: track 1 is one."""
    meaning = np.eye(2, dtype=np.float32)
    words = np.zeros((2, len(MODES)), np.float32)
    words[1, MODES.index("child")] = 1.0
    plays = Plays(*(np.zeros(0, kind) for kind in (np.int64, np.int32, np.int64, np.int64, np.int64, bool)))
    rows = block()
    first = np.zeros(1, np.int64)
    plays = Plays(
        np.zeros(len(rows), np.int64), rows["track_idx"].to_numpy(), rows["started_at"].to_numpy(),
        rows["ms_played"].to_numpy(), rows["duration_ms"].to_numpy(), np.zeros(len(rows), bool),
    )  # fmt: skip
    params = TrainContexts(styles=2, rounds=2)
    device = np.where(rows["track_idx"].to_numpy() == 1, 5, 0).astype(np.int8)
    heard = listening(plays, len(first), pa.array(["UTC"]), device, np.ones(len(rows), np.int8), params.listen_rule, 30.0)
    saved = ContextModel.fit(heard, Sound(meaning, words=words), params).save()
    refs = {
        "contexts": artefacts.save(tmp_path, "contexts", "2026-08-31", Artefact(saved.arrays, saved.params)),
        "content": artefacts.save(tmp_path, "content", "2026-08-31", Artefact({"vectors": meaning}, {})),
    }
    return Run(run_date=date(2026, 9, 7), cut=date(2026, 9, 6), landing=tmp_path, warehouse=tmp_path, artefacts=refs)


def weight(params: BuildHistories, run: Run) -> list[float]:
    (row,) = gather_block(block(), params, own_taste.judges(params, run)).to_pylist()
    assert (row["plays"], row["completions"]) == ([24, 24], [24, 24])  # what was heard was heard
    return [float(value) for value in row["weight"]]


def test_a_childs_hour_is_no_taste_where_the_setting_says_so(run: Run) -> None:
    whole = weight(BuildHistories(), run)
    own, child = weight(EXCLUDED, run)
    assert own == whole[0] > 0
    assert child == 0.0
    half = weight(BuildHistories(foreign=ExcludeForeign(weight=0.5)), run)
    assert half == pytest.approx([whole[0], whole[1] / 2])


def test_by_default_nobody_judges_and_bytes_are_as_ever(run: Run) -> None:
    assert own_taste.judges(BuildHistories(), run) is None
    assert gather_block(block(), BuildHistories()).equals(gather_block(block(), BuildHistories(), None))


def test_without_last_weeks_model_everything_counts_and_it_is_told(run: Run) -> None:
    told: list[str] = []
    alone = replace(run, artefacts={}, warn=told.append)
    assert weight(EXCLUDED, alone) == weight(BuildHistories(), run)
    broken = replace(run, warn=told.append)
    (Path(run.artefacts["contexts"].uri) / "hours.npy").unlink()
    assert own_taste.judges(EXCLUDED, broken) is None
    assert len(told) == 2
    assert all("contexts" in warning for warning in told)
