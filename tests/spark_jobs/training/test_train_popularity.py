from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from conf.trainers import TrainPopularity
from models.sources.popularity import ONE_LISTENER, Tally
from spark_jobs import artefacts
from spark_jobs.contract import Run
from spark_jobs.training import context_charts, train_popularity

PARAMS = TrainPopularity(country_prior=0)


def test_listeners_per_track_everywhere_and_per_country(
    as_rows: Any, histories: pa.Table, tracks: pa.Table, users: pa.Table, sessions: pa.Table, run: Run
) -> None:
    made = train_popularity.train(
        histories=as_rows(histories), sessions=as_rows(sessions), tracks=as_rows(tracks), users=as_rows(users),
        params=PARAMS, run=run,
    )  # fmt: skip
    listeners = np.bincount(np.concatenate(histories["track_idx"].to_pylist()).astype(int), minlength=40)
    np.testing.assert_allclose(made.arrays["shares"], listeners / listeners.sum(), rtol=1e-5)
    assert made.arrays["countries"].tolist() == ["", "DE", "FR"]
    assert made.arrays["top"].shape == (3, 38)  # without the blocked track and the one to come
    assert not np.isin(made.arrays["top"], [4, 5]).any()
    assert (made.arrays["top"][2, :5] % 2 == 1).all()  # France's listeners are odd ones: 1, 5, 9, ...


def test_the_same_bytes_for_any_layout_and_older_for_a_later_cut(
    as_rows: Any, histories: pa.Table, tracks: pa.Table, users: pa.Table, sessions: pa.Table, run: Run, tmp_path: Path
) -> None:
    def ref(rows: pa.Table, batch: int, when: Run) -> artefacts.ArtefactRef:
        made = train_popularity.train(
            histories=as_rows(rows, batch=batch), sessions=as_rows(sessions, batch=batch), tracks=as_rows(tracks),
            users=as_rows(users), params=PARAMS, run=when,
        )  # fmt: skip
        return artefacts.save(tmp_path, "popularity", "2026-09-07", made)

    shuffled = histories.take(np.random.default_rng(2).permutation(60))
    assert ref(histories, 16, run) == ref(shuffled, 7, run)
    recent = histories.set_column(
        histories.schema.get_field_index("last_day"),
        "last_day",
        pa.array(
            [[20697 + i % 3] * len(row) for i, row in enumerate(histories["track_idx"].to_pylist())], pa.list_(pa.int32())
        ),
    )
    later = replace(run, cut=date(2026, 10, 6))
    shares = [artefacts.load_arrays(ref(recent, 16, when))["shares"] for when in (run, later)]
    np.testing.assert_allclose(shares[0], shares[1], rtol=1e-3)  # all age alike: shares stay


def test_a_daypart_is_where_the_listener_lives_and_counts_what_was_completed(
    as_rows: Any, histories: pa.Table, tracks: pa.Table, users: pa.Table, sessions: pa.Table, run: Run
) -> None:
    twice = pa.concat_tables([sessions, sessions])  # who hears a track twice counts once
    reads = {"histories": histories, "sessions": twice, "tracks": tracks, "users": users}
    made = train_popularity.train(**{name: as_rows(rows, batch=3) for name, rows in reads.items()}, params=PARAMS, run=run)
    assert made.arrays["contexts"].tolist() == ["day", "morning", "night"]
    for row in made.arrays["context_top"]:
        assert set(row[:2].tolist()) == {1, 7}
    tally = Tally(40, 0, 1.0)
    context_charts.add(tally, as_rows(twice, batch=3), users, tracks, run.cut, 100)
    counted = {name: (heard[[1, 7]] / ONE_LISTENER).tolist() for name, heard in tally.heard_in.items()}
    # Berlin: 2 whole; Tokyo: 2 halves; UTC: 2 whole and 2 halves
    assert counted == {"morning": [2.0, 2.0], "day": [1.0, 1.0], "night": [3.0, 3.0]}


def test_nobody_outside_the_sample_is_counted(
    as_rows: Any, histories: pa.Table, tracks: pa.Table, users: pa.Table, sessions: pa.Table, run: Run
) -> None:
    reads = {"histories": histories, "sessions": sessions, "tracks": tracks, "users": users}
    few = PARAMS.model_copy(update={"context_listeners": 1})
    made = train_popularity.train(**{name: as_rows(rows) for name, rows in reads.items()}, params=few, run=run)
    assert len(made.arrays["contexts"]) <= 1


def test_a_session_that_reaches_past_the_cut_is_not_seen(
    as_rows: Any, histories: pa.Table, tracks: pa.Table, users: pa.Table, sessions: pa.Table, run: Run
) -> None:
    reads = {"histories": histories, "sessions": sessions, "tracks": tracks, "users": users}
    early = replace(run, cut=date(2026, 9, 1))
    made = train_popularity.train(**{name: as_rows(rows) for name, rows in reads.items()}, params=PARAMS, run=early)
    assert made.arrays["contexts"].tolist() == []
