"""Withheld artists: who is ranked where, by hand. Artist i made tracks 2i and 2i + 1."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.settings import Evaluate
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.evaluation.evaluate import transform

SECOND = 1 / np.log2(3)


@pytest.fixture
def real(week, tmp_path):
    """The planted week with withheld pairs, and item factors in which each even track points one way."""
    truth = tmp_path / "truth"
    truth.mkdir()
    pairs = [("ana", "a4", 3), ("bo", "a0", 9), ("stranger", "a0", 1), ("cy", "a77", 1)]  # a77 has no track
    columns = dict(zip(("user_id", "artist_id", "plays"), map(list, zip(*pairs, strict=True)), strict=True))
    pq.write_table(pa.table(columns), truth / "held_out.parquet")
    # t0, t1 (heard by Ana) and t8 point one way, the rest another; t2 (heard by Bo) points as t0 does in part
    factors = np.zeros((10, 2), np.float32)
    factors[[0, 1, 8], 0] = 1.0
    factors[[3, 4, 5, 6, 7, 9], 1] = [0.5, 0.4, 0.3, 0.2, 0.1, 0.6]
    factors[2] = [0.8, 0.1]
    weights = {"alpha0": 0.1, "reg": 0.01, "nu": 1.0, "weight_scale": 1.0, "inputs": "linear"}
    arrays = {"item_factors": factors, "gram": (factors.T @ factors).astype(np.float64)}
    mf = artefacts.save(tmp_path, "mf", "2026-08-31", Artefact(arrays, weights))
    return replace(week.run, truth=truth, artefacts={**week.run.artefacts, "mf": mf})


def measured(week, run):
    rows = transform(**week.reads, params=Evaluate(k=3, bootstrap=100), run=run)["metrics"].data.to_pylist()
    return {(row["model"], row["metric"]): row for row in rows}


def test_artists_are_ranked_by_their_tracks_and_known_ones_are_masked(week, real):
    rows = measured(week, real)
    # Ana knows a0; a1 and a2 from the week after: t8 (a4) is her best unknown. Bo knows a1, a3: t0 (a0) comes first.
    assert rows["mf", "artist_ndcg@20"]["value"] == pytest.approx(1.0)
    assert rows["mf", "artist_ndcg@20"]["listeners"] == 2  # the pair without tracks and the stranger are not asked


def test_the_sources_over_artists_are_measured_against_popularity(week, real):
    rows = measured(week, real)
    assert rows["artists", "artist_ndcg@20"]["listeners"] == 2
    difference = rows["artists", "artist_ndcg@20"]["value"] - rows["popularity", "artist_ndcg@20"]["value"]
    assert rows["artists_minus_popularity", "artist_ndcg@20"]["value"] == pytest.approx(difference)


def test_popularity_ranks_artists_by_all_their_tracks_together(week, real):
    # shares rise with the track: a4, a3, a2, a1, a0. Ana: a4 first. Bo knows a1 and a3: a4, a2, a0
    rows = measured(week, real)
    assert rows["popularity", "artist_ndcg@20"]["value"] == pytest.approx((1.0 + 0.5) / 2)
    assert rows["popularity", "artist_recall@20"]["value"] == 1.0


def test_discoveries_are_measured_beside_them(week, real):
    assert ("discover_weekly", "ndcg@3") in measured(week, real)


def test_without_factors_the_sources_over_artists_are_measured_still(week, real):
    rows = measured(week, replace(real, artefacts=week.run.artefacts))
    assert {model for model, metric in rows if metric == "artist_ndcg@20"} == {
        "artists",
        "popularity",
        "artists_minus_popularity",
    }
