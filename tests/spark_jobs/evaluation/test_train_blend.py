"""Weights taught by a planted week: Ana and Bo picked what one source had foreseen."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from conf import tables as t
from conf.trainers import TrainBlend
from spark_jobs.evaluation import panel
from spark_jobs.training.train_blend import lists_of, shrunk, train

LAST_MONDAY = date(2026, 8, 31)
FIRST = {"mf": 0.5, "gfcf": 0.3, "social": 0.2}


def candidate(user: str, source: str, tracks: list[int]) -> dict[str, Any]:
    return {
        "run_date": LAST_MONDAY, "user_id": user, "source": source, "track_idx": tracks,
        "score": [float(10 - i) for i in range(len(tracks))], "because": [-1] * len(tracks),
    }  # fmt: skip


@pytest.fixture
def reads(week: Any) -> dict[str, Any]:
    """What gfcf put first was discovered later (t2, t5; t7), mf has it last; the blend's own rows teach nothing."""
    rows = [
        candidate("ana", "gfcf", [2, 5, 8, 9]), candidate("ana", "mf", [9, 8, 6, 2]), candidate("ana", "blend", [9, 8, 6, 2]),
        candidate("bo", "gfcf", [7, 9]), candidate("bo", "mf", [9, 8, 6, 7]), candidate("stranger", "mf", [1]),
    ]  # fmt: skip
    kept = {name: week.reads[name] for name in ("histories", "listens", "tracks", "users", "feedback")}
    return kept | {"candidates": week.rows(t.CANDIDATES, rows)}


def test_the_source_that_foresaw_the_picks_gets_the_weight(week: Any, reads: dict[str, Any]) -> None:
    made = train(**reads, params=TrainBlend(first=FIRST, prior_listeners=0), run=week.run)
    weights = made.params["weights"]
    assert weights["gfcf"] > 0.9
    assert "blend" not in weights
    assert sum(weights.values()) == pytest.approx(1.0)
    assert made.metrics["listeners"] == 2


def test_little_evidence_stays_near_the_first_weights(week: Any, reads: dict[str, Any]) -> None:
    weights = train(**reads, params=TrainBlend(first=FIRST, prior_listeners=1000), run=week.run).params["weights"]
    assert weights == pytest.approx(FIRST, abs=0.01)


def test_the_first_week_has_the_first_weights(week: Any, reads: dict[str, Any]) -> None:
    nothing = reads | {"candidates": week.rows(t.CANDIDATES, [])}
    assert train(**nothing, params=TrainBlend(first=FIRST), run=week.run).params["weights"] == FIRST


def test_a_week_without_picks_has_the_first_weights(week: Any, reads: dict[str, Any]) -> None:
    nothing = reads | {"listens": week.rows(t.LISTENS, []), "feedback": week.rows(t.FEEDBACK, [])}
    assert train(**nothing, params=TrainBlend(first=FIRST), run=week.run).params["weights"] == FIRST


def test_lists_of_all_sources_are_of_one_length(week: Any, reads: dict[str, Any]) -> None:
    people = panel.gather(reads["histories"], reads["users"], reads["tracks"], LAST_MONDAY, 100)
    lists = lists_of(people, week.rows(t.CANDIDATES, [candidate("ana", "fresh", [4]), candidate("bo", "mf", [9, 8, 6])]))
    ana = people.user_ids.index("ana").as_py()
    assert lists["fresh"].ids[ana].tolist() == [4, -1, -1]  # a rank is worth the same in a list that ends early
    assert lists["mf"].ids.shape == lists["fresh"].ids.shape


def test_weights_stay_whole() -> None:
    assert sum(shrunk({"a": 0.2, "b": 0.8}, {"a": 1.0}, 7, 50).values()) == pytest.approx(1.0)
