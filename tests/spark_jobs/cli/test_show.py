"""`plant show`."""

from __future__ import annotations

from typing import Any

from conf.tables import PLAYLISTS
from spark_jobs.warehouse import Warehouse


def test_shows_tracks_artists_reasons_and_the_local_monday(plant: Any) -> None:
    answer = plant("show", "ana")
    assert answer.code == 0
    assert "discover_weekly of ana for 2026-09-07: 2 tracks (simulated listener)" in answer.out
    # 22:00 UTC on Sunday is Monday in Berlin's summer
    assert "valid from Monday 2026-09-07 00:00 in Europe/Berlin (2026-09-06 22:00 UTC)" in answer.out
    assert [line.split()[0] for line in answer.out.splitlines()[-2:]] == ["1", "2"]
    assert "Song t3" in answer.out
    assert "Ada, Bix" in answer.out
    assert "[because] you play Ada" in answer.out


def test_counts_tracks_from_the_popular_list(plant: Any) -> None:
    assert "2 tracks, 1 of them popular ones" in plant("show", "bo").out


def test_shows_a_past_week(plant: Any) -> None:
    answer = plant("show", "ana", "--run-date", "2026-08-31", "--json").json
    assert answer["run_date"] == "2026-08-31"
    assert [track["track_id"] for track in answer["tracks"]] == ["t3", "t1"]


def test_listener_without_a_list_is_served_the_popular_one(plant: Any) -> None:
    answer = plant("show", "newcomer", "--json").json  # Japan has no list of its own: everywhere's
    assert [track["track_id"] for track in answer["tracks"]] == ["t0"]
    assert answer["note"] == "no list of their own that week: they are served the popular list of everywhere"


def test_popular_list_of_the_country_comes_first(plant: Any, planted: Warehouse) -> None:
    planted.drop_rows(PLAYLISTS, "user_id = 'ana'")
    answer = plant("show", "ana", "--json").json
    assert [track["track_id"] for track in answer["tracks"]] == ["t1"]
    assert answer["note"].endswith("the popular list of DE")


def test_unknown_listener_gets_the_nearest_ids(plant: Any) -> None:
    answer = plant("show", "anna")
    assert (answer.code, answer.out) == (64, "")
    assert "no listener is called 'anna': nearest are ana, bo, newcomer" in answer.err


def test_week_without_lists_says_what_to_run(plant: Any) -> None:
    answer = plant("show", "newcomer", "--run-date", "2026-01-05")
    assert answer.code == 65
    assert "no list of discover_weekly was made for 2026-01-05: run `plant week`" in answer.err


def test_surface_without_lists_says_so(plant: Any) -> None:
    assert "no list of radio was made yet" in plant("show", "ana", "--surface", "radio").err
