"""Teaching: a planted preference is found, permuted labels give chance and a closed gate, sense stays monotone."""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from conf.contexts import CONTEXTS
from conf.errors import ArtefactError
from conf.features.pair import COLUMNS, MONOTONE
from conf.ranking import TrainRanker
from models.metrics import hits_of, ndcg_at_k
from models.ranking.boosters import fit
from models.ranking.labels import COMPLETED, UNMET, grades
from models.ranking.lessons import OTHERS, School, drawn, hashed
from models.ranking.matrix import ANY, C, assemble
from models.ranking.ranker import Ranker, best_first, top_lists
from models.ranking.training import Taught, teach
from tests.models.ranking import planted as p

PARAMS = TrainRanker(
    depth=60, negatives=20, rounds=40, step=10, seeds=2, context_seeds=1, min_in_leaf=20, threads=1, bootstrap=300
)


def taught_by(weeks: list[p.PlantedWeek], params: TrainRanker = PARAMS) -> Taught:
    return teach(weeks, p.WEIGHTS, p.ASKED, params)


def quality(planted: p.PlantedWeek, ranker: Ranker | None, k: int = 10) -> float:
    """Mean NDCG of the ranker's order, or of a random one."""
    pairs = assemble(planted.lists, planted.listeners, planted.tracks, p.WEIGHTS, PARAMS.depth)
    score = ranker.score(pairs.x) if ranker else np.random.default_rng(0).random(len(pairs.track))
    made = top_lists(pairs.first, pairs.track, best_first(pairs.first, score), k)
    relevant = np.bincount(planted.picks.listener, minlength=p.LISTENERS)
    return float(np.nanmean(ndcg_at_k(hits_of(made, planted.picks.listener, planted.picks.track, p.TRACKS), relevant)))


@pytest.fixture(scope="module")
def good() -> Taught:
    return taught_by([p.week(1, likes_popular=True), p.week(2, likes_popular=True)])


def test_what_listeners_pick_is_learned_and_the_gate_opens(good: Taught) -> None:
    unseen = p.week(3, likes_popular=True)
    assert quality(unseen, good.ranker) > 0.9
    assert quality(unseen, None) < 0.4
    assert good.verdict.opens
    assert good.verdict.gain.low is not None and good.verdict.gain.low > 0.1


def test_one_week_alone_is_judged_by_listeners_who_did_not_teach() -> None:
    assert taught_by([p.week(1, likes_popular=True)]).verdict.opens
    random = taught_by([p.permuted(p.week(1, likes_popular=True))])
    assert random.verdict.listeners > 200
    assert random.verdict.ranker == pytest.approx(quality(p.permuted(p.week(1, likes_popular=True)), None, 30), abs=0.05)


def test_permuted_labels_teach_chance_and_keep_the_gate_closed() -> None:
    weeks = [p.permuted(p.week(seed, likes_popular=True), seed) for seed in (1, 2, 3)]
    made = taught_by(weeks)
    judged = p.permuted(p.week(4, likes_popular=True), 4)
    assert quality(judged, made.ranker) == pytest.approx(quality(judged, None), abs=0.06)
    # The blend of a planted week is the list of one source, which holds fewer picks than all together: compare with itself.
    chance = [replace(week, lists={"mf": week.lists["mf"]}) for week in weeks]
    chance = [p.permuted(week, 7 + at) for at, week in enumerate(chance)]
    assert not taught_by(chance).verdict.opens


def test_the_same_weeks_give_the_same_models_and_the_order_of_blocks_does_not_matter(
    good: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.ranking.lessons.BLOCK", 37)
    again = taught_by([p.week(1, likes_popular=True), p.week(2, likes_popular=True)])
    assert again.texts == good.texts
    assert sorted(good.texts) == ["any_0.txt", "any_1.txt", "context_0.txt"]


def test_a_column_that_sense_makes_monotone_never_turns(good: Taught) -> None:
    week = p.week(3, likes_popular=True)
    x = assemble(week.lists, week.listeners, week.tracks, p.WEIGHTS, PARAMS.depth).x[:400].copy()
    for name in ("blend_score", "worth_mf", "taste_product", "rank_mf", "best_rank"):
        scores = []
        for value in np.linspace(-1, 4, 12):
            x[:, C[name]] = value
            scores.append(good.ranker.score(x))
        assert np.all(np.diff(np.array(scores), axis=0) * MONOTONE[name] >= -1e-9), name


def test_models_for_contexts_learn_from_picks_made_there(good: Taught) -> None:
    assert good.ranker.other is not None
    assert good.ranker.of_context(ANY) is good.ranker
    assert good.ranker.of_context(CONTEXTS.index("commute")) is good.ranker.other
    week = p.week(1, likes_popular=True)
    school = School(p.WEIGHTS, p.ASKED, PARAMS)
    commute, party = (school.material(week, (CONTEXTS.index(name),)).others for name in ("commute", "party"))
    assert len(commute.size) and not len(party.size)  # all picks were made on the way
    assert np.all(commute.x[:, C["for_commute"]] == 1)
    assert np.all(commute.x[:, C["context_share"]] >= PARAMS.context_share)


def test_orders_for_contexts_change_nothing_in_the_order_for_any_nor_in_what_judges() -> None:
    week, school = p.week(1, likes_popular=True), School(p.WEIGHTS, p.ASKED, PARAMS)
    alone, together = school.material(week, (), judged=70), school.material(week, OTHERS, judged=70)
    assert len(together.others) and not len(alone.others)
    assert together.any.x.tobytes() == alone.any.x.tobytes()
    assert together.exam.x.tobytes() == alone.exam.x.tobytes()
    assert len(alone.exam) == 70 and np.all(alone.exam.relevant > 0)
    assert not len(school.material(week).exam)


def test_all_that_were_met_teach_and_the_same_others_wherever_they_stand() -> None:
    week = p.week(1, likes_popular=True)
    block = next(week.blocks(p.ASKED, 64))
    pairs = assemble(block.lists, block.listeners, block.tracks, p.WEIGHTS, PARAMS.depth)
    grade = grades(pairs, block.picks)
    lot = hashed(block.user[pairs.listener], pairs.track.astype(np.uint64), 1)
    kept = drawn(pairs.first, grade, lot, 5)
    assert kept[grade != UNMET].all()
    teaching = np.bincount(pairs.listener[grade >= COMPLETED], minlength=64) > 0
    others = np.bincount(pairs.listener[kept & (grade == UNMET)], minlength=64)
    assert np.all(others[teaching] == 5)
    assert np.all(others[~teaching] == 0)
    later = slice(pairs.first[10], pairs.first[20])
    part = drawn(pairs.first[10:21] - pairs.first[10], grade[later], lot[later], 5)
    assert np.array_equal(part, kept[later])


def test_a_shown_pick_weighs_what_its_place_hides() -> None:
    week = p.week(1, likes_popular=True)
    school = School(p.WEIGHTS, p.ASKED, PARAMS)
    assert np.all(school.material(week).any.weighed(np.array([1.0, 0.25])).weight == 1)

    class Aired:
        """The week, where every listener was shown their first pick at the second place."""

        def blocks(self, asked: int, size: int):  # type: ignore[no-untyped-def]
            for block in week.blocks(asked, size):
                list_ = np.full((len(block.user), 2), -1, np.int32)
                first = np.unique(block.picks.listener, return_index=True)
                list_[first[0], 1] = block.picks.track[first[1]]
                yield replace(block, shown=list_)

    aired = school.material(Aired())
    assert aired.places == 2 and np.all(aired.shown.place == 1) and aired.shown.picked.all()
    weighed = aired.any.weighed(np.array([1.0, 0.25]))
    assert set(np.unique(weighed.weight)) == {1.0, 4.0}
    assert np.all(weighed.grade[weighed.weight == 4.0] == COMPLETED)


def test_the_ranker_of_files_scores_as_its_models_do(good: Taught) -> None:
    arrays, params = good.ranker.save()
    loaded = Ranker.load(arrays, params)
    week = p.week(3, likes_popular=True)
    x = assemble(week.lists, week.listeners, week.tracks, p.WEIGHTS, PARAMS.depth).x
    assert loaded.score(x).tobytes() == good.ranker.score(x).tobytes()
    models = [lightgbm.Booster(model_str=good.texts[f"any_{number}.txt"]) for number in (0, 1)]
    assert loaded.score(x) == pytest.approx(np.mean([model.predict(x) for model in models], axis=0), abs=1e-9)
    column, effect = loaded.drivers(x[:50])
    exact = np.mean([model.predict(x[:50], pred_contrib=True)[:, :-1] for model in models], axis=0)
    assert np.array_equal(column[:, 0], np.abs(exact).argmax(axis=1))
    assert effect[:, 0] == pytest.approx(exact[np.arange(50), column[:, 0]], abs=1e-5)
    assert loaded.other is not None


@pytest.mark.parametrize("damage", ["columns", "array", "nan"])
def test_a_ranker_that_does_not_fit_is_refused(good: Taught, damage: str) -> None:
    arrays, params = good.ranker.save()
    if damage == "columns":
        params = params | {"columns": list(COLUMNS[::-1])}
    elif damage == "array":
        del arrays["threshold"]
    else:
        arrays = arrays | {"leaves": np.full_like(arrays["leaves"], np.nan)}
    with pytest.raises(ArtefactError, match="train it again"):
        Ranker.load(arrays, params)


def test_groups_of_one_and_no_split_left_are_no_error() -> None:
    lesson = School(p.WEIGHTS, p.ASKED, PARAMS).material(p.week(1, likes_popular=True)).any
    tiny = replace(lesson, x=lesson.x[:3], grade=np.array([2, 2, 2], np.int8), weight=lesson.weight[:3], size=np.array([1, 2]))
    assert fit(tiny, PARAMS, 5, 1).num_trees() <= 5
