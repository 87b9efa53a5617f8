"""The account of one track: who proposed it, what they say, and what is kept of the week."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from conf import tables as t
from conf.errors import ContractError, UsageError
from spark_jobs.cli import main


def plant_list(week: Any, ids: list[int]) -> None:
    """The stored list of ana."""
    track = {"title": "", "artists": [], "artist_ids": [], "score": 0.5, "source": "mf", "reason": "r"}
    tracks = [{"position": n, "track_id": f"t{i}", **track} for n, i in enumerate(ids, 1)]
    row = {"run_date": date(2026, 9, 7), "surface": "discover_weekly", "user_id": "ana", "tracks": tracks, "filled": 0}
    at = {"valid_from": datetime(2026, 9, 6, 22, tzinfo=UTC), "timezone": "Europe/Berlin", "country": "DE"}
    week.plant(t.PLAYLISTS, row | at)


def test_every_source_is_told_with_rank_and_score_or_that_it_did_not_propose(week: Any) -> None:
    found = {row["source"]: row for row in week.why("t1")["proposals"]}
    assert (found["mf"]["rank"], found["mf"]["of"], found["mf"]["score"]) == (2, 3, 0.5)
    assert (found["popularity"]["rank"], found["popularity"]["of"]) == (3, 3)
    assert (found["gfcf"]["rank"], found["gfcf"]["of"]) == (None, 0)
    assert week.why("t2")["proposals"][-1] | {"weight": None} == {
        "source": "popularity", "rank": None, "of": 3, "score": None, "because": None, "weight": None,
    }  # fmt: skip
    assert set(found) == {*week.settings.generate_candidates.sources, "popularity"}


def test_the_blend_has_its_rank_and_the_source_that_gave_most(week: Any) -> None:
    blend = week.why("t11")["blend"]
    assert (blend["rank"], blend["of"], blend["via"]) == (11, 13, "mf")
    assert week.why("t13")["blend"]["rank"] is None


def test_the_heard_track_that_spoke_for_it_is_named(week: Any) -> None:
    rows = week.warehouse.rows(t.CANDIDATES).table().to_pylist()
    week.plant(t.CANDIDATES, *(row | {"because": [0] * len(row["track_idx"])} for row in rows))
    assert week.why("t1")["proposals"][0]["because"] == "Heard by Artist 0"


def test_sources_say_themselves_what_carried_it(week: Any) -> None:
    assert week.why("t14")["reasons"] == [
        {"source": "popularity", "kind": "popular", "what": "", "share": 1.0, "told": "popular everywhere"}
    ]
    assert week.why("t16")["reasons"] == []


def test_a_title_names_a_track_where_only_one_has_it(week: Any) -> None:
    assert week.why("too FAR down")["track"] == {"track_id": "t12", "title": "Too far down", "artists": ["Artist 11"]}
    with pytest.raises(UsageError, match=r"several tracks are called 'twin': give an id, t16, t17"):
        week.why("twin")
    with pytest.raises(UsageError, match=r"no track is called 'Heardd': nearest are t0 \(Heard\)"):
        week.why("Heardd")


def test_a_hostile_title_is_no_statement(week: Any) -> None:
    with pytest.raises(UsageError, match="no track is called"):
        week.why("'; drop table tracks; --")


def test_unknown_listener_gets_the_nearest_ids(week: Any) -> None:
    with pytest.raises(UsageError, match="no listener is called 'anna': nearest are ana, late"):
        week.why("t1", user="anna")


def test_listener_without_a_history_is_sent_to_the_popular_list(week: Any) -> None:
    with pytest.raises(ContractError, match=r"late has no list of their own for 2026-09-07: .*`plant show late`"):
        week.why("t1", user="late")


def test_week_that_was_not_made_says_what_to_run(week: Any) -> None:
    with pytest.raises(
        ContractError, match="nothing is kept of the week of 2026-08-31: run `plant week --run-date 2026-08-31`"
    ):
        week.why("t1", run_date=date(2026, 8, 31))


def test_week_without_a_ranking_says_so_and_goes_on_with_the_blend(week: Any) -> None:
    week.warehouse.drop_rows(t.RANKED, "true")
    found = week.why("t12")
    assert "nothing was ranked for ana that week: the order is the blend's" in found["notes"]
    assert found["verdict"]["told"] == "below the list: rank 12 of 13, the last that was taken has rank 11"
    assert found["ranker"] is None


def test_listener_without_candidates_has_a_popular_list(week: Any) -> None:
    week.warehouse.drop_rows(t.RANKED, "true")
    week.warehouse.drop_rows(t.CANDIDATES, "true")
    assert week.why("t14")["verdict"]["rule"] == "everywhere"
    assert week.why("t2")["verdict"]["told"] == "the listener has no wishes of their own: the list is made of popular tracks"


def test_order_of_a_context_is_a_list_of_its_own(week: Any) -> None:
    ids = [12, 2]
    row = {"run_date": date(2026, 9, 7), "user_id": "ana", "context": "party", "model": "blend", "track_idx": ids}
    said = {"score": [1.0, 0.5], "blend_rank": [2, 1], "because": [-1, -1], "via": ["mf", "mf"], "drivers": [[], []]}
    week.plant(t.RANKED, *week.warehouse.rows(t.RANKED).table().to_pylist(), row | said)
    found = week.why("t12", context="party")
    assert (found["verdict"]["position"], found["list"]["stored"]) == (1, False)
    assert not week.why("t12")["verdict"]["listed"]
    with pytest.raises(UsageError, match=r"ana has no order for focus in the week of 2026-09-07: .* there are party, any"):
        week.why("t12", context="focus")


def test_stored_list_is_compared_with_the_one_made_again(week: Any) -> None:
    plant_list(week, [1, 2, 11])
    found = week.why("t11")
    assert (found["list"]["position"], found["list"]["source"], found["notes"]) == (3, "mf", [])
    plant_list(week, [1, 12])
    assert any("the stored list differs from the one made again" in note for note in week.why("t11")["notes"])


def test_rows_of_other_weeks_and_listeners_do_not_count(week: Any) -> None:
    kept = week.warehouse.rows(t.CANDIDATES).table().to_pylist()
    other = [row | {"user_id": "other", "track_idx": [16], "score": [9.0], "because": [-1], "via": None} for row in kept]
    older = [
        row | {"run_date": row["run_date"] - timedelta(days=7), "track_idx": [16], "score": [9.0], "because": [-1], "via": None}
        for row in kept
    ]
    week.plant(t.CANDIDATES, *kept, *other, *older)
    assert week.why("t16")["verdict"]["told"] == "no source proposed it"


def test_the_command_prints_and_answers_in_json(week: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--warehouse", str(week.warehouse.root), "why", "ana", "t12", "--run-date", "2026-09-07"]
    assert main.main(words) == 0
    told = capsys.readouterr().out
    assert "Too far down by Artist 11 (t12) and ana, week of 2026-09-07, context any" in told
    assert "not among its 3" in told
    assert "2 of 3" in told
    assert main.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["track"]["track_id"] == "t12"


def test_the_command_asks_for_a_week(week: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--warehouse", str(week.warehouse.root), "why", "ana", "t12"]) == 64
    assert "--run-date" in capsys.readouterr().err
