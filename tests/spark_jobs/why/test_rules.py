"""Which rule keeps a track off a list: each rule of the planted week bites on one track."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf import tables as t
from conf.settings import BuildDiscoverWeekly, Settings
from models.slates.ragged import Ragged, from_lengths
from models.slates.rules import Rules
from spark_jobs.serving.catalogue_arrays import Catalogue
from spark_jobs.serving.popular_charts import PopularCharts
from spark_jobs.why.rules import Hearing

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("track", "rule", "told"),
    [
        ("t0", "heard", "heard before: played 2 times (1 completed, 1 skipped), last on 2026-09-01"),
        ("t3", "version_listed", "another version of it is on the list: First by Artist 1"),
        ("t4", "artist_limit", "rank 4, but at most 1 track of an artist: Second by Artist 2 took the places"),
        ("t5", "catalogue", "blocked in the catalogue"),
        ("t6", "catalogue", "not out yet: released on 2026-09-08, after 2026-09-07"),
        ("t7", "country", "not allowed in DE: it may be played in JP, US only"),
        ("t8", "blocked_track", "the listener blocked it"),
        ("t9", "blocked_artist", "the listener blocked its artist Artist 9"),
        ("t10", "heard_version", "another version of it was heard before: Heard by Artist 0"),
        ("t12", "below", "below the list: rank 12 of 13, the last that was taken has rank 11"),
        ("t13", "not_wished", "proposed by mf, but not among the 13 of the blend"),
        ("t14", "not_wished", "proposed by popularity, but not among the 13 of the blend"),
        ("t15", "catalogue", "allowed in no country at all"),
        ("t16", "not_wished", "no source proposed it"),
    ],
)
def test_each_rule_is_told(week: Any, track: str, rule: str, told: str) -> None:
    verdict = week.why(track)["verdict"]
    assert (verdict["listed"], verdict["rule"], verdict["told"]) == (False, rule, told)


def test_what_is_listed_has_no_obstacle(week: Any) -> None:
    verdict = week.why("t11")["verdict"]
    assert (verdict["listed"], verdict["position"]) == (True, 3)
    assert verdict["told"] == "it is track 3 of 3: rank 11 of 13 wishes, 8 before it were passed over by a rule"
    assert week.why("t1")["verdict"]["told"] == "it is track 1 of 3: rank 1 of 13 wishes"


def test_every_rule_that_bites_is_told_not_the_first_alone(week: Any) -> None:
    week.plant(t.FEEDBACK, {"user_id": "ana", "kind": "block", "entity": "track", "entity_id": "t7", "at": NOON})
    verdict = week.why("t7")["verdict"]
    assert verdict["rule"] == "country"
    assert [row["rule"] for row in verdict["also"]] == ["blocked_track"]


def test_the_last_word_of_a_listener_stands_and_words_after_the_cut_do_not(week: Any) -> None:
    word = {"user_id": "ana", "entity": "track", "entity_id": "t1"}
    block, save = word | {"kind": "block"}, word | {"kind": "save"}
    week.plant(t.FEEDBACK, block | {"at": NOON}, save | {"at": NOON + timedelta(days=1)})
    assert week.why("t1")["verdict"]["listed"]
    week.plant(t.FEEDBACK, block | {"at": NOON}, save | {"at": NOON})
    assert week.why("t1")["verdict"]["rule"] == "blocked_track"
    week.plant(t.FEEDBACK, block | {"at": NOON + timedelta(days=5)})
    assert week.why("t1")["verdict"]["listed"]


def test_a_version_of_a_blocked_track_is_blocked(week: Any) -> None:
    week.plant(t.FEEDBACK, {"user_id": "ana", "kind": "block", "entity": "track", "entity_id": "t1", "at": NOON})
    verdict = week.why("t3")["verdict"]
    assert (verdict["rule"], verdict["told"]) == (
        "blocked_track_version",
        "another version of it was blocked by the listener: First by Artist 1",
    )


def test_a_listener_of_unknown_country_is_told_so(week: Any) -> None:
    week.plant(t.USERS, {"user_id": "ana"})
    assert week.why("t7")["verdict"]["told"] == "the listener's country is unknown: it may be played in JP, US only"


def test_a_list_filled_from_the_popular_ones_says_so(week: Any) -> None:
    found = week.made_with(length=5, per_artist=1).why("t14")["verdict"]
    assert (found["listed"], found["rule"]) == (True, "everywhere")
    assert found["told"] == (
        "it is track 5 of 5, filled in from the popular tracks of everywhere: only 4 of the wishes could be listed"
    )


def test_two_of_an_artist_are_pulled_apart_and_it_is_told(week: Any) -> None:
    found = week.made_with(length=4, per_artist=2)
    assert found.why("t11")["verdict"]["position"] == 3
    told = found.why("t4")["verdict"]["told"]
    assert told.endswith("taken as number 3, moved so that no two neighbours share an artist")
    assert told.startswith("it is track 4 of 4: rank 4 of 13 wishes, 1 before it was passed over by a rule")


def test_a_track_that_came_later_is_not_known_then(week: Any) -> None:
    assert not week.why("t17")["verdict"]["listed"]
    week.why("t1")  # ships nothing into the warehouse
    assert not (week.warehouse.root / "artefacts" / "catalogue").exists()


# --- any catalogue --------------------------------------------------------------------------------------------------


def ragged(lists: list[list[int]]) -> Ragged:
    return from_lengths(np.array([len(x) for x in lists]), np.array([n for x in lists for n in x], np.int32))


@st.composite
def hearings(draw: Any) -> Hearing:
    """A small catalogue, a listener, and one of its tracks."""
    n = draw(st.integers(1, 9))
    numbers = lambda most: draw(st.lists(st.integers(0, most), max_size=4, unique=True))  # noqa: E731
    artists = [draw(st.lists(st.integers(0, 2), max_size=2, unique=True)) for _ in range(n)]
    limits = [draw(st.lists(st.integers(0, 1), max_size=2, unique=True)) for _ in range(n)]
    rules = Rules(
        np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))),
        np.array(draw(st.lists(st.integers(0, n), min_size=n, max_size=n)), np.int32),
        ragged(artists),
        ragged(limits),
    )
    nothing = pa.array([""] * n)
    ids = pa.array([f"t{i}" for i in range(n)])
    catalogue = Catalogue(rules, ids, ids, nothing, nothing, nothing, pa.array(["x", "y", "z"]), pa.array(["DE", "US"]))
    heard = sorted(numbers(n - 1))
    evidence = SimpleNamespace(
        catalogue=catalogue,
        charts=PopularCharts(ragged([numbers(n - 1)]), np.zeros(4, np.float32), pa.array([], pa.string())),
        history=pa.table({"track_idx": pa.array([heard], pa.list_(pa.int32()))}),
        blocked={"track": [f"t{i}" for i in numbers(n - 1)], "artist": draw(st.lists(st.sampled_from("xyz"), max_size=1))},
        home={"country": draw(st.sampled_from(["DE", "US", "JP", None]))},
        settings=Settings(
            build_discover_weekly=BuildDiscoverWeekly(length=draw(st.integers(1, 4)), per_artist=draw(st.integers(1, 2)))
        ),
    )
    wishes = np.array(draw(st.permutations(range(n)))[: draw(st.integers(0, n))], np.int32)
    return Hearing(evidence, draw(st.integers(0, n - 1)), wishes)  # type: ignore[arg-type]


@given(hearings())
def test_a_reason_is_found_for_every_track_and_only_a_full_list_is_one_by_itself(hearing: Hearing) -> None:
    found = [one.rule for one in hearing.obstacles()]
    assert bool(found) == (hearing.track not in hearing.listed)
    if "below" in found:
        assert found == ["below"]
        assert hearing.full
        assert hearing.rank is not None
        assert hearing.rank > hearing.last_rank
    if "not_wished" in found:
        assert found == ["not_wished"]
        assert hearing.rank is None


@given(hearings())
def test_reasons_are_what_the_tables_say(hearing: Hearing) -> None:
    rules, track = hearing.rules, hearing.track
    found = {one.rule: one for one in hearing.obstacles()}
    if hearing.position is None:
        assert ("catalogue" in found) == (not rules.servable[track])
        assert ("heard" in found) == (track in hearing.heard)
        same = [other for other in hearing.heard if rules.recording[other] == rules.recording[track]]
        assert ("heard" in found or "heard_version" in found) == bool(same)
        assert ("blocked_artist" in found) == bool(set(rules.artists.row(track)) & set(hearing.blocked_artists))
    for rule in ("version_listed", "artist_limit"):
        if rule in found:
            assert found[rule].tracks
            assert set(found[rule].tracks) <= set(hearing.listed)
