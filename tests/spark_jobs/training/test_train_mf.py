from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.trainers import TrainMf
from models.histories import Histories
from models.sources.base import CATALOGUE_COLUMNS, Catalogue, Exclusions, Listeners
from models.sources.mf import MatrixFactorization
from spark_jobs import artefacts
from spark_jobs.contract import Run
from spark_jobs.training import train_mf

PARAMS = TrainMf(dimensions=4, epochs=8)


def best_new_tracks(artefact: artefacts.Artefact, histories: pa.Table, tracks: pa.Table, run: Run) -> Any:
    log = Histories.from_arrow(histories)
    catalogue = Catalogue.from_arrow(tracks.select(CATALOGUE_COLUMNS), run.run_date)
    source = MatrixFactorization.load(artefact.arrays, artefact.params, catalogue)
    block = Listeners(log, pa.nulls(len(log), pa.string()))
    return source.recommend(block, 2, Exclusions(log.indptr, log.track_idx)).ids


def test_training_twice_gives_the_same_folder(
    as_rows: Any, histories: pa.Table, tracks: pa.Table, run: Run, tmp_path: Path
) -> None:
    made = [
        train_mf.train(histories=as_rows(rows), tracks=as_rows(tracks), params=PARAMS, run=run)
        for rows in (histories, histories.take(np.random.default_rng(1).permutation(60)))
    ]
    first, second = (artefacts.save(tmp_path, "mf", "2026-09-07", artefact) for artefact in made)
    assert first == second
    manifest = artefacts.manifest(first)
    assert manifest["params"] == json.loads(PARAMS.model_dump_json())
    assert manifest["metrics"]["listeners"] == 60
    assert manifest["metrics"]["objective"] > 0


def test_listeners_get_their_own_taste(as_rows: Any, histories: pa.Table, tracks: pa.Table, run: Run) -> None:
    artefact = train_mf.train(histories=as_rows(histories), tracks=as_rows(tracks), params=PARAMS, run=run)
    best = best_new_tracks(artefact, histories, tracks, run)
    assert ((best - np.arange(60)[:, None]) % 2 == 0).all()
    assert not np.isin(best, [4, 5]).any()  # blocked, not out yet


def test_a_sample_trains_and_everybody_is_folded_in(as_rows: Any, histories: pa.Table, tracks: pa.Table, run: Run) -> None:
    params = PARAMS.model_copy(update={"max_listeners": 30})
    artefact = train_mf.train(histories=as_rows(histories), tracks=as_rows(tracks), params=params, run=run)
    assert artefact.metrics["listeners"] == 30
    best = best_new_tracks(artefact, histories, tracks, run)
    assert ((best - np.arange(60)[:, None]) % 2 == 0).mean() > 0.95


@pytest.mark.spark
def test_both_engines_make_one_artefact(spark: Any, as_rows: Any, histories: pa.Table, tracks: pa.Table, run: Run) -> None:
    rows = {"histories": as_rows(histories), "tracks": as_rows(tracks)}
    params = PARAMS.model_copy(update={"engine": "spark"})
    mllib = train_mf.train(**rows, params=params, run=run)
    ials = train_mf.train(**rows, params=PARAMS, run=run)
    shapes = [{name: (a.shape, a.dtype) for name, a in made.arrays.items()} for made in (mllib, ials)]
    assert shapes[0] == shapes[1]
    assert set(mllib.metrics) == set(ials.metrics)
    # the same yardstick: both end near the same value (1.00 and 0.98 here); no factors at all would give 6.06
    assert mllib.metrics["objective"] == pytest.approx(ials.metrics["objective"], rel=0.1)
    best = best_new_tracks(mllib, histories, tracks, run)
    assert ((best - np.arange(60)[:, None]) % 2 == 0).all()
