"""Steps begin once those that they wait for are over, as many at a time as may be, of Spark's one."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from conf.pipeline import BY_NAME, DAILY, JOBS, WEEKLY
from spark_jobs.side_by_side import Step, Waits, in_turn, most_awaited_first, waits

MONDAY = date(2026, 9, 7)
LAST, SATURDAY = MONDAY - timedelta(days=7), MONDAY - timedelta(days=2)
PLAN = tuple([Step(job, SATURDAY) for job in DAILY] + [Step(job, day) for day in (LAST, MONDAY) for job in WEEKLY])


def step(name: str, day: date = MONDAY) -> Step:
    return next(step for step in PLAN if step.job.name == name and step.run_date == day)


def all_before(of: Step, waiting: Waits) -> set[Step]:
    """Every step that must be over first, directly or not."""
    return waiting[of].union(*(all_before(earlier, waiting) for earlier in waiting[of]))


def test_a_step_waits_for_whoever_made_what_it_takes_in_this_week_and_the_one_before() -> None:
    waiting = waits(PLAN)
    assert step("train_audio") in waiting[step("extract_audio")]
    assert step("generate_candidates", LAST) in waiting[step("train_blend")], "it learns from last week's candidates"
    assert step("generate_candidates") not in waiting[step("train_blend")]
    assert step("train_contexts", LAST) in waiting[step("build_histories")], "last week's contexts say what is foreign"
    assert step("build_track_features", LAST) in waiting[step("train_ranker")]
    assert step("build_histories", LAST) not in waiting[step("train_mf")]
    assert waiting[step("train_mf")] & waiting[step("train_ease")] == waiting[step("train_mf")], "neither waits for the other"
    assert step("publish_discover_weekly") in waiting[step("publish_listener_features")], "both write publications"


def test_whether_last_week_is_wanted_is_asked_when_intake_is_over() -> None:
    """The log then says whether it reaches that far back."""
    waiting = waits(PLAN)
    for last in (step for step in PLAN if step.run_date == LAST and step.job.name != "train_blend"):
        before = {earlier.job.name for earlier in all_before(last, waiting)}
        assert {"ingest_catalogue", "ingest_listens"} <= before, last.job.name
    assert step("ingest_listens", SATURDAY) in waiting[step("train_blend", LAST)]


def test_what_most_others_wait_for_goes_first() -> None:
    order = most_awaited_first(PLAN, waits(PLAN))
    place = {one: n for n, one in enumerate(order)}
    assert place[step("train_audio", LAST)] < place[step("train_mf", LAST)]
    assert place[step("build_histories")] < place[step("rank", LAST)], "a whole week waits for it, and little for the other"
    assert [one.job.name for one in order[:2]] == ["ingest_catalogue", "ingest_listens"]


class Clockwork:
    """Jobs that take drawn times on a clock of their own; whoever waits sees the next one end."""

    def __init__(self, seed: int, unwanted: frozenset[str] = frozenset()) -> None:
        self.rng, self.unwanted = np.random.default_rng(seed), unwanted
        self.running: dict[Step, tuple[float, Future[Any]]] = {}
        self.begun: list[Step] = []
        self.most, self.most_spark = 0, 0

    def begin(self, one: Step) -> Future[Any] | None:
        if one.job.name in self.unwanted:
            return None
        self.begun.append(one)
        self.running[one] = (self.rng.exponential(), Future())
        self.most = max(self.most, len(self.running))
        self.most_spark = max(self.most_spark, sum(other.job.engine == "spark" for other in self.running))
        return self.running[one][1]

    def end_one(self) -> None:
        soonest = min(self.running, key=lambda one: self.running[one][0])
        self.running.pop(soonest)[1].set_result(None)


def run(clockwork: Clockwork, at_once: int, monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    from spark_jobs import side_by_side

    real = side_by_side.wait

    def wait(futures: Any, **options: Any) -> Any:
        clockwork.end_one()
        return real(futures, **options)

    monkeypatch.setattr(side_by_side, "wait", wait)
    over: list[Step] = []
    waiting = waits(PLAN)
    begun = 0
    for one, _ in in_turn(PLAN, clockwork.begin, at_once):
        for new in clockwork.begun[begun:]:
            wanted = {earlier for earlier in waiting[new] if earlier.job.name not in clockwork.unwanted}
            assert wanted <= set(over), f"{new.job.name} began too early"
        begun = len(clockwork.begun)
        over.append(one)
    return over


@pytest.mark.parametrize("at_once", [1, 2, 3, 16])
@pytest.mark.parametrize("seed", range(5))
def test_whatever_jobs_take_none_begins_too_early_and_all_are_run_once(
    seed: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clockwork = Clockwork(seed)
    over = run(clockwork, at_once, monkeypatch)
    assert sorted(map(id, over)) == sorted(map(id, PLAN))
    assert clockwork.most <= at_once
    assert clockwork.most_spark == 1
    if at_once == 1:
        assert over == list(PLAN), "one at a time they go in the order of the line"
    else:
        assert clockwork.most == at_once or at_once == 16


def test_who_waits_for_a_step_that_is_not_wanted_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    unwanted = frozenset({"train_audio", "build_histories", "rank"})
    over = run(Clockwork(0, unwanted), 2, monkeypatch)
    assert {one.job.name for one in over} == {job.name for job in JOBS} - unwanted
    assert BY_NAME["train_mf"] in [one.job for one in over]
