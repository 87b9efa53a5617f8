"""Each gate is failed by a week planted to fail it, and by nothing else."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta

import pytest

from conf.errors import PublishError
from exports.edition import Edition, survey
from exports.gates import PublishGates, judge_change
from exports.publish import publish

SURFACE = "discover_weekly"
GATES = PublishGates(list_length=3, min_lists=4, verify_reads=50)


@pytest.fixture
def week(make_list, monday):
    """Ten good lists and the global chart, with `bad` in place of the last lists; returns the survey's numbers."""

    def measure(bad=(), expected: int = 10, chart: bool = True, gates: PublishGates = GATES) -> dict[str, float]:
        good = [make_list(f"user{i}") for i in range(10 - len(bad))]
        records = [*good, *bad, *([make_list(None, country=None)] if chart else [])]
        return survey(Edition(SURFACE, monday, lambda: iter(records), expected), gates).measured

    return measure


def credit(record, artist: str, count: int):
    for track in record.tracks[:count]:
        track["artist_ids"] = [*track["artist_ids"], artist]
    return record


def test_good_lists_pass_and_are_measured(week) -> None:
    seen = week()
    assert (seen["listeners"], seen["covered"], seen["short_lists"], seen["popular_lists"]) == (10, 1.0, 0.0, 1)
    assert seen["artist_share"] == pytest.approx(1 / 30)


def test_uncovered_listeners(week) -> None:
    with pytest.raises(PublishError, match=r"covered 0\.5000 < 0\.99"):
        week(expected=20)


def test_short_lists(week, make_list) -> None:
    with pytest.raises(PublishError, match=r"short_lists 0\.1000 > 0\.05"):
        week([make_list("short", tracks=["a", "b"])])


def test_a_track_twice(week, make_list) -> None:
    with pytest.raises(PublishError, match="duplicate_lists"):
        week([make_list("twice", tracks=["a", "b", "a"])])


def test_collaborations_count_for_crowding(week, make_list) -> None:
    two, three = (credit(make_list(f"n{n}"), "guest", n) for n in (2, 3))
    assert week([two])["crowded_lists"] == 0
    with pytest.raises(PublishError, match="crowded_lists"):
        week([three])


def test_one_artist_everywhere(week, make_list) -> None:
    bad = [credit(make_list(f"c{i}"), "everywhere", 2) for i in range(10)]
    with pytest.raises(PublishError, match=r"artist_share 0\.4000 > 0\.3"):
        week(bad, gates=GATES.model_copy(update={"max_artist_share": 0.3}))


def test_a_missing_global_chart(week) -> None:
    with pytest.raises(PublishError, match="unknown listeners would get nothing"):
        week(chart=False)


def test_all_faults_are_named_at_once(week, make_list) -> None:
    with pytest.raises(PublishError, match=r"duplicate_lists.*short_lists.*covered.*nothing"):
        week([make_list("a", tracks=["x", "x"])], expected=99, chart=False)


def test_shares_of_very_few_lists_say_nothing(make_list, monday) -> None:
    """One listener, one track: a short list is all there can be, and it is served."""
    records = [make_list("only", tracks=["one"]), make_list(None, tracks=["one"], country=None)]
    assert survey(Edition(SURFACE, monday, lambda: iter(records), 1), GATES).measured["short_lists"] == 1.0


def test_an_empty_week_is_a_generation(sqlite, monday) -> None:
    (outcome,) = publish(
        Edition(SURFACE, monday, lambda: iter(()), 0), [sqlite], GATES, fence=lambda: None, exposures=lambda generation: None
    )
    assert (outcome.state, outcome.records) == ("flipped", 0)


def test_change_is_the_share_of_new_tracks(make_list) -> None:
    pairs = [(make_list(str(i), tracks=["a", "b", "c", "d"]).encode(), make_list(str(i), tracks=["d", "e"]).encode())
             for i in range(4)]  # fmt: skip
    judge_change(pairs, GATES)
    judge_change(pairs, GATES.model_copy(update={"min_changed": 0.75, "max_changed": 0.75}))
    for bounds in ({"min_changed": 0.76}, {"max_changed": 0.74}):
        with pytest.raises(PublishError, match=r"0\.7500 of the tracks are new"):
            judge_change(pairs, GATES.model_copy(update=bounds))


def test_a_stale_model_is_caught_against_the_store(store, make_list, monday) -> None:
    """The second week repeats the first one's tracks."""
    gates = GATES.model_copy(update={"min_changed": 0.5})
    states = []
    for week in (0, 1):
        records = [make_list(f"user{i}", week, tracks=["a", "b", "c"]) for i in range(10)]
        records.append(make_list(None, week, country=None))
        edition = Edition(SURFACE, monday + timedelta(weeks=week), lambda held=records: iter(held), 10)
        (outcome,) = publish(edition, [store], gates, fence=lambda: None, exposures=lambda generation: None)
        states.append(outcome.state)
    assert states == ["flipped", "refused"] and "stale" in outcome.error
    assert store.pointer(SURFACE).run_date == monday


def test_refused_lists_touch_no_store(sqlite, make_list, monday) -> None:
    edition = Edition(SURFACE, monday, lambda: iter([make_list("ana", tracks=["x", "x"])]), 1)
    with pytest.raises(PublishError):
        publish(edition, [sqlite], GATES, fence=lambda: None, exposures=lambda generation: None)
    assert sqlite.generations(SURFACE) == []


def test_memory_does_not_grow_with_the_listeners(make_list, monday) -> None:
    def peak(listeners: int) -> int:
        chart = make_list(None, country=None)
        edition = Edition(
            SURFACE,
            monday,
            lambda: (chart if i == 0 else make_list(str(i), tracks=["a", "b", "c"]) for i in range(listeners)),
            1,
        )
        tracemalloc.start()
        try:
            survey(edition, GATES)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(2_000) < 1.2 * peak(500)
