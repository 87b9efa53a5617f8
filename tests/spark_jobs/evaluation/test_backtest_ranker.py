"""The ranker in a backtest: judged only where weeks before it teach, by features that know nothing of what is to come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conf.contexts import CONTEXTS
from conf.ranking import TrainRanker
from models.plays import Plays
from models.sources.base import TopK
from spark_jobs.evaluation import backtest, backtest_report
from spark_jobs.evaluation.backtest import RANKER, SEGMENTS, Fold, segments_of
from spark_jobs.evaluation.backtest_ranker import Trial, context_lists, drift
from spark_jobs.evaluation.replay import Replay
from spark_jobs.evaluation.replayed_features import Looker
from tests.spark_jobs.evaluation import test_backtest as two_tastes

TAUGHT = TrainRanker(
    depth=60, negatives=10, rounds=20, step=10, seeds=1, context_seeds=1, min_in_leaf=5, threads=1, bootstrap=200
)
SETTINGS = two_tastes.SETTINGS.model_copy(update={"train_ranker": TAUGHT})


def trial_of(replay: Replay) -> Trial:
    return Trial(Looker(replay, [["pop"]] * two_tastes.TRACKS, SETTINGS), SETTINGS)


@pytest.fixture(scope="module")
def judged() -> tuple[list[Fold], list[Any]]:
    replay, seen = two_tastes.replay_of(two_tastes.plays_of_two_tastes()), []
    trial = trial_of(replay)
    trial.watch = lambda *told: seen.append(told)
    past = two_tastes.past(replay)
    folds = backtest.run(past, two_tastes.catalogue, SETTINGS, two_tastes.NAMES, lambda _: None, trial)
    return folds, seen


def test_the_ranker_is_judged_beside_the_blend(judged: tuple[list[Fold], list[Any]]) -> None:
    folds, seen = judged
    assert len(seen) == len(folds) == 2
    for fold in folds:
        assert (RANKER, "ndcg@30") in fold.values
        assert "NDCG@30" in fold.gate
        assert set(fold.drift) == set(two_tastes.NAMES)
        assert all(np.isfinite(value) for value in fold.drift.values())
    assert two_tastes.mean(folds, RANKER) > 0.5 * two_tastes.mean(folds, "blend")


def test_what_it_adds_is_told_with_its_segments(judged: tuple[list[Fold], list[Any]]) -> None:
    folds, _ = judged
    last = folds[-1].cut.day
    rows = backtest_report.rows(folds, two_tastes.ScoreCard(last, "backtest", last, 200, 7, True))
    told = {(row["model"], row["metric"]) for row in rows}
    assert ("ranker_minus_blend", "ndcg@30") in told
    assert ("ranker_minus_blend", "ndcg@30_light") in told  # all play the same, so nobody is above the median
    assert any(line.startswith("ranker over blend") for line in backtest_report.verdicts(rows))
    assert (RANKER, "coverage") in told


def test_drift_is_none_against_itself_and_seen_where_scores_have_moved(judged: tuple[list[Fold], list[Any]]) -> None:
    week, ranker, _ = judged[1][-1]
    assert set(drift([week], week, ranker).values()) == {0.0}
    top = week.lists["mf"]
    flat = TopK(top.ids, np.where(top.ids >= 0, np.float32(1.0), -np.inf).astype(np.float32), top.because)
    moved = drift([week], replace(week, lists=dict(week.lists) | {"mf": flat}), ranker)
    assert moved["mf"] > 0.1
    assert moved["item_knn"] == 0.0


def test_segments_halve_the_listeners(judged: tuple[list[Fold], list[Any]]) -> None:
    cut = judged[0][-1].cut
    found = segments_of(cut, two_tastes.TRACKS)
    assert tuple(found) == SEGMENTS
    assert np.all(found["light"] ^ found["heavy"])
    assert np.all(found["niche"] ^ found["mainstream"])
    assert found["new"].all()  # the log is four weeks old


def test_lists_for_a_context_go_to_who_plays_it(judged: tuple[list[Fold], list[Any]]) -> None:
    week, ranker, _ = judged[1][-1]
    for context in range(len(CONTEXTS)):
        made = context_lists(week, ranker, context, 0.1)
        plays = week.known.listeners.share[:, context] >= 0.1
        assert not (made[~plays] >= 0).any()


def test_no_feature_byte_depends_on_what_comes_after_the_cut() -> None:
    replay = two_tastes.replay_of(two_tastes.plays_of_two_tastes())
    cut = two_tastes.past(replay)[-1]
    later = replay.plays.started_at >= backtest_cut(cut)
    changed = {name: column.copy() for name, column in vars(replay.plays).items()}
    changed["track_idx"][later] = np.random.default_rng(0).permutation(changed["track_idx"][later])
    other = replace(replay, plays=Plays(**changed))
    catalogue = two_tastes.catalogue(cut)
    saved = {name: backtest._ask(name, cut, catalogue, SETTINGS).saved for name in ("mf",)}
    one, two = (trial_of(log).looker.known(cut, catalogue, saved) for log in (replay, other))
    assert one.tracks.numbers.tobytes() == two.tracks.numbers.tobytes()
    assert one.listeners.numbers.tobytes() == two.listeners.numbers.tobytes()
    assert one.listeners.share.tobytes() == two.listeners.share.tobytes()
    assert not np.array_equal(one.picks.track, two.picks.track)  # the labels do


def backtest_cut(cut: Any) -> int:
    from models.splits import microseconds

    return microseconds(cut.day)
