"""Which list `plant week` shows."""

from __future__ import annotations

from typing import Any

from spark_jobs.cli.summary import telling


def a_list(user: str, *sources: str) -> dict[str, Any]:
    return {"user_id": user, "tracks": [{"source": source} for source in sources]}


def test_a_list_that_owes_nothing_to_the_charts_is_shown():
    lists = [a_list("new", "popularity", "popularity"), a_list("short", "mf", "popularity"), a_list("known", "mf", "content")]
    assert telling(iter(lists)) == lists[2]


def test_where_all_lists_come_from_the_charts_the_first_is_shown():
    assert telling(iter([a_list("new", "popularity"), a_list("newer", "popularity")])) == a_list("new", "popularity")


def test_without_lists_there_is_none_to_show():
    assert telling(iter([])) is None
