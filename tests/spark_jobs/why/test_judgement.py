"""What the ranker made of a track: stored, asked again, and why it may or may not serve."""

from __future__ import annotations

import shutil
from typing import Any

import lightgbm
import numpy as np
import pytest

from conf import tables as t
from conf.features.pair import COLUMNS
from conf.pipeline import cut
from conf.ranking import Rank
from models.ranking.ranker import Ranker
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.books import Books
from spark_jobs.serving.orderer import Orderer
from spark_jobs.serving.rank import TRACKS
from spark_jobs.why import judgement
from spark_jobs.why.evidence import Evidence
from spark_jobs.why.listener_row import listener_row, tracks_of

RNG = np.random.default_rng(3)
GATE = {
    "gate_ranker_ndcg": 0.12,
    "gate_blend_ndcg": 0.1,
    "gate_gain": 0.02,
    "gate_low": 0.01,
    "gate_high": 0.03,
    "gate_listeners": 900.0,
}


def unit(*shape: int) -> list[Any]:
    vectors = RNG.normal(size=shape)
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32).tolist()


def plant_features(week: Any) -> None:
    """Popularity of a track rises with its number; the ranker of `plant_ranker` likes what is not popular."""
    here = {"run_date": week.monday}
    tracks = week.warehouse.rows(t.TRACKS).table().to_pylist()
    known = [
        {**here, "track_id": row["track_id"], "track_idx": i, "plays_28d": i, "plays_90d": 2 * i, "popularity": i / 20,
         "taste": v[:4], "plays_by_country": [("DE", i)], "track_context_shares": [0.2] * 5, "meaning": v[4:]}
        for i, (row, v) in enumerate(zip(tracks, unit(len(tracks), 12), strict=True))
    ]  # fmt: skip
    week.plant(t.TRACK_FEATURES, *known)
    week.plant(t.ARTIST_FEATURES, *({**here, "artist_id": f"a{i}", "plays_7d": i} for i in range(17)))
    listener = {**here, "bucket": 0, "user_id": "ana", "mainstreamness": 0.5, "context_shares": [0.5, 0.0, 0.0, 0.0, 0.5]}
    week.plant(t.LISTENER_FEATURES, listener | {"embedding": unit(12)}, listener | {"user_id": "other", "mainstreamness": 0.9})
    view = {
        **here,
        "bucket": 0,
        "user_id": "ana",
        "context": "commute",
        "share": 0.5,
        "sessions": 1.0,
        "context_embedding": unit(8),
    }
    week.plant(t.LISTENER_CONTEXTS, view)


def plant_ranker(week: Any, metrics: dict[str, float] | None = None, **said: Any) -> None:
    """A ranker that likes a track the more, the less popular it is."""
    x = RNG.normal(size=(600, len(COLUMNS))).astype(np.float32)
    x[:, COLUMNS.index("popularity")] = RNG.random(600)
    data = lightgbm.Dataset(x, -x[:, COLUMNS.index("popularity")])
    model = lightgbm.train({"num_leaves": 31, "max_depth": 6, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 3}, data, 40)
    arrays, params = Ranker.of([model.dump_model()], {"mf": 0.5, "popularity": 0.5}, depth=50, asked=4).save()
    keep(week, Artefact(arrays, params | {"serves": True, "why": ""} | said, metrics or {}))


def keep(week: Any, artefact: Artefact) -> None:
    """Register an artefact as the week's ranker."""
    ref = artefacts.save(week.warehouse.root, "ranker", week.monday.isoformat(), artefact)
    week.warehouse.drop_rows(t.MODELS, "name = 'ranker'")
    week.warehouse.write_arrow(t.MODELS, Books(week.warehouse).register(ref, artefact, week.monday), "")


def evidence_of(week: Any) -> Evidence:
    return Evidence(week.warehouse, week.settings, "ana", week.monday)


def rank(week: Any, kept: int = 30) -> None:
    """Let the ranking job's worker order the candidates."""
    evidence = evidence_of(week)
    side = tracks_of(evidence)
    ref = evidence.artefact("ranker")
    assert side
    assert ref
    shipped = artefacts.save(week.warehouse.root, TRACKS, week.monday.isoformat(), Artefact(side.save(), {}))
    params = Rank.model_construct(kept=kept, explained=2, context_share=0.1, block=256)
    blocks = Orderer(ref, shipped, params, week.monday, cut(week.monday))
    week.plant(t.RANKED, *(row for made in blocks.rows(iter([listener_row(evidence)])) for row in made.to_pylist()))


@pytest.fixture
def ranked(week: Any) -> Any:
    """The week with features, a ranker and its order: of 1, 2, 12, 13 and 14 the least popular is first."""
    plant_features(week)
    plant_ranker(week, GATE)
    rank(week)
    return week


def test_rank_before_and_after_and_what_the_gate_saw(ranked: Any) -> None:
    found = ranked.why("t2")["ranker"]
    assert (found["model"], found["serves"], found["rank"], found["rank_before"]) == ("ranker", True, 2, 2)
    assert ranked.why("t13")["ranker"]["rank_before"] is None
    gate = "gate: NDCG@30 0.1200 against 0.1000 of the blend, +0.0200 [+0.0100, +0.0300] over 900 listeners"
    assert found["told"] == f"the ranker put it at 2 of 5, the blend had it at 2; score {found['score']:.4f} ({gate})"


@pytest.mark.parametrize("context", ["any", "commute"])
def test_what_the_ranker_says_again_is_what_is_stored_to_the_bit(ranked: Any, context: str) -> None:
    order = evidence_of(ranked).orders[context]
    assert len(order["track_idx"]) == 5
    for place, (track, score) in enumerate(zip(order["track_idx"], order["score"], strict=True), 1):
        found = ranked.why(f"t{track}", context=context)["ranker"]
        assert (found["live_score"], found["live_rank"], found["score"]) == (score, place, score)
        assert found["notes"] == []


def test_the_features_that_moved_it_add_up_and_are_told_in_words(ranked: Any) -> None:
    found = ranked.why("t12")["ranker"]
    first = found["drivers"][0]
    assert (first["feature"], first["told"]) == ("popularity", "60 %")
    assert first["meaning"].startswith("the track's popularity: rank among all")
    assert first["effect"] < 0  # 12 of 20 is more than the mean
    assert ranked.why("t1")["ranker"]["drivers"][0]["effect"] > 0
    evidence = evidence_of(ranked)
    trial = judgement.trial_of(evidence, "any")
    assert trial
    at = int(np.flatnonzero(trial.pairs.track == 12)[0])
    effects = trial.ranker.attribution.effects(trial.pairs.x[at : at + 1])[0]
    assert found["expected"] + effects.sum() == pytest.approx(found["live_score"], abs=1e-4)


def test_drivers_of_the_stored_order_are_the_first_ones(ranked: Any) -> None:
    stored = evidence_of(ranked).orders["any"]
    told = ranked.why(f"t{stored['track_idx'][0]}")["ranker"]["drivers"]
    assert [d["feature"] for d in told[:3]] == [d["feature"] for d in stored["drivers"][0]]
    assert [d["effect"] for d in told[:3]] == pytest.approx([d["effect"] for d in stored["drivers"][0]], abs=1e-6)


def test_a_track_that_was_not_kept_has_a_score_and_a_rank_all_the_same(ranked: Any) -> None:
    rank(ranked, kept=3)
    found = ranked.why("t14")
    assert found["ranker"]["rank"] is None
    assert found["ranker"]["live_rank"] == 5
    assert "rank 5 of 5: not among the 3 that it keeps" in found["ranker"]["told"]
    assert found["verdict"]["told"] == "proposed by popularity, but not among the 3 that the ranker keeps"


def test_a_track_that_no_source_named_was_not_judged(ranked: Any) -> None:
    found = ranked.why("t16")["ranker"]
    assert "live_score" not in found
    assert found["told"].startswith("the ranker was not asked: it is not among the listener's candidates")


def test_a_side_that_was_not_shipped_is_built_again_and_gives_the_same(ranked: Any) -> None:
    before = ranked.why("t2")["ranker"]
    shutil.rmtree(ranked.warehouse.root / "artefacts" / TRACKS)
    assert ranked.why("t2")["ranker"] == before
    assert not (ranked.warehouse.root / "artefacts" / TRACKS).exists()


def test_inputs_that_changed_since_are_noted(ranked: Any) -> None:
    orders = ranked.warehouse.rows(t.RANKED).table().to_pylist()
    ranked.plant(t.RANKED, *(row | {"score": [score + 1.0 for score in row["score"]]} for row in orders))
    assert "its inputs have changed since the week was ranked" in ranked.why("t2")["ranker"]["notes"][0]


def test_where_the_blend_serves_the_reason_is_told_and_the_ranker_asked_all_the_same(week: Any) -> None:
    plant_features(week)
    plant_ranker(week, serves=False, why="its gate is closed: no gain")
    found = week.why("t2")["ranker"]
    assert (found["model"], found["serves"]) == ("blend", False)
    assert found["told"] == "the blend serves (its gate is closed: no gain); the ranker would give it rank 2"


def test_without_a_ranker_or_with_a_broken_one_the_account_goes_on(week: Any) -> None:
    plant_features(week)
    assert week.why("t2")["ranker"]["told"] == "the blend serves (there is no ranker for 2026-09-07)"
    keep(week, Artefact({}, {"serves": False, "why": "nothing to learn from"}))
    assert week.why("t2")["ranker"]["told"] == "the blend serves (nothing to learn from)"
    plant_ranker(week, columns=["other"])
    assert "trained on other columns" in week.why("t2")["ranker"]["notes"][0]
    plant_ranker(week)
    ref = evidence_of(week).artefact("ranker")
    assert ref
    artefacts.open_folder(ref).joinpath("leaves.npy").write_bytes(b"torn")
    artefacts._checked.discard((ref.uri, ref.sha256))
    assert week.why("t2")["ranker"]["told"] == "the blend serves (there is no ranker for 2026-09-07)"


def test_without_features_the_ranker_is_not_asked(ranked: Any) -> None:
    shutil.rmtree(ranked.warehouse.root / "artefacts" / TRACKS)
    ranked.warehouse.drop_rows(t.TRACK_FEATURES, "true")
    found = ranked.why("t2")["ranker"]
    assert found["rank"] == 2
    assert "live_score" not in found
