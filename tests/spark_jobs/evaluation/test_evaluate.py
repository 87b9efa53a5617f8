"""The evaluation of a planted week, every number worked out by hand; discounts are 1, 0.6309, 0.5 for ranks 1 to 3."""

from dataclasses import replace

import numpy as np
import pytest

from conf import tables as t
from conf.settings import Evaluate
from spark_jobs.evaluation.evaluate import transform

PARAMS = Evaluate(k=3, bootstrap=100)
SECOND = 1 / np.log2(3)


def measured(week, params=PARAMS, run=None, **reads) -> dict[tuple[str, str], dict]:
    made = transform(**week.reads | reads, params=params, run=run or week.run)
    if not made:
        return {}
    return {(row["model"], row["metric"]): row for row in made["metrics"].data.to_pylist()}


def test_ndcg_and_recall_of_the_lists(week):
    rows = measured(week)
    # Ana discovered t2 (rank 1) and t5 (not listed); Bo t7 (rank 3)
    row = rows["discover_weekly", "ndcg@3"]
    assert row["value"] == pytest.approx((1 / (1 + SECOND) + 0.5) / 2)
    assert rows["discover_weekly", "recall@3"]["value"] == pytest.approx((1 / 2 + 1) / 2)
    assert row["listeners"] == 2 and row["low"] <= row["value"] <= row["high"]  # Cy discovered nothing
    assert (row["run_date"], str(row["cut"]), row["simulated"]) == (week.run.run_date, "2026-08-30", True)


def test_popularity_is_of_the_country_and_unheard(week):
    # Ana, no country: 8, 7, 2 against {2, 5}; Bo, Germany, heard t2: 9, 1, 5 against {7}
    rows = measured(week)
    assert rows["popularity", "ndcg@3"]["value"] == pytest.approx((0.5 / (1 + SECOND) + 0) / 2)
    difference = rows["discover_weekly_minus_popularity", "ndcg@3"]
    assert difference["value"] == pytest.approx(
        rows["discover_weekly", "ndcg@3"]["value"] - rows["popularity", "ndcg@3"]["value"]
    )


def test_coverage_is_over_the_panel_and_has_no_interval(week):
    row = measured(week)["discover_weekly", "coverage"]
    assert row["value"] == pytest.approx(7 / 10) and row["low"] is None and row["listeners"] == 3  # t0 to t4, t6, t7


def test_popularity_lift(week):
    # shares rise by 0.1 from t0; Ana: mean(t2, t3, t4) = 0.4 against mean(t0, t1) = 0.15, and so on
    lifts = [0.4 / 0.15, np.mean([0.1, 0.7, 0.8]) / 0.3, np.mean([0.1, 0.2, 0.3]) / 0.4]
    assert measured(week)["discover_weekly", "popularity_lift"]["value"] == pytest.approx(np.mean(lifts))


def test_a_listener_without_a_list_counts_as_a_miss(week):
    lists = week.rows(t.PLAYLISTS, [week.playlist("ana", [2, 3, 4])])
    assert measured(week, playlists=lists)["discover_weekly", "recall@3"]["value"] == pytest.approx((1 / 2 + 0) / 2)


def test_lists_of_other_surfaces_and_unknown_tracks_are_passed_over(week):
    lists = [week.playlist("ana", [2, 99, 4]), week.playlist("bo", [7, 7, 7], "daily_mix"), week.playlist("bo", [0, 6, 7])]
    assert (
        measured(week, playlists=week.rows(t.PLAYLISTS, lists))["discover_weekly", "ndcg@3"]
        == measured(week)["discover_weekly", "ndcg@3"]
    )


def test_the_panel_is_capped_by_checksum_whatever_the_order(week):
    one = measured(week, Evaluate(k=3, bootstrap=100, max_listeners=2))
    turned = week.rows(t.HISTORIES, [week.history(u, h) for u, h in (("ana", [0, 1]), ("bo", [2]), ("cy", [3]))])
    assert one["discover_weekly", "coverage"]["listeners"] == 2
    assert measured(week, Evaluate(k=3, bootstrap=100, max_listeners=2), histories=turned) == one


def test_a_log_without_milliseconds_is_read_as_build_histories_reads_it(week):
    # t5 starts 200 s after t4 and nothing follows: both count as heard to the end
    plays = [week.play("ana", i, 1, ms_played=None) for i in (4, 5)]
    plays[1]["started_at"] = plays[0]["started_at"].replace(minute=3, second=20)
    rows = measured(week, listens=week.rows(t.LISTENS, plays), feedback=week.rows(t.FEEDBACK, []))
    assert rows["discover_weekly", "recall@3"]["value"] == pytest.approx(1 / 2)  # t4 is listed, t5 is not


@pytest.mark.parametrize("empty", ["histories", "playlists", "listens"])
def test_nothing_to_measure_writes_nothing(week, empty, caplog):
    caplog.set_level("INFO")
    nothing = {empty: week.rows(t.TABLES[empty], [])}
    if empty == "listens":
        nothing["feedback"] = week.rows(t.FEEDBACK, [])
    assert measured(week, **nothing) == {}
    assert "nothing to measure" in caplog.text


def test_without_last_weeks_popularity_nothing_is_measured(week):
    assert measured(week, run=replace(week.run, artefacts={})) == {}


def test_twice_the_same(week):
    assert measured(week) == measured(week)
