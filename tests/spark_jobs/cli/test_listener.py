"""`plant listener`."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from conf.contexts import ExcludeForeign
from conf.feature_jobs import BuildListenerFeatures
from conf.settings import BuildHistories, Settings
from conf.tables import (
    ARTISTS,
    HISTORIES,
    LISTENER_CONTEXTS,
    LISTENER_FEATURES,
    PLAYLISTS,
    SESSION_MODES,
    SESSIONS,
    USERS,
)
from spark_jobs.portraits import everybody
from spark_jobs.portraits.facts import portrait
from spark_jobs.warehouse import Warehouse

HOSTILE = "<script>alert('1')</script>&\"'"


class Parts(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def change(warehouse: Warehouse, table: Any, **values: Any) -> None:
    """Give every row of a table these values."""
    rows = [row | values for row in warehouse.rows(table).table().to_pylist(maps_as_pydicts="strict")]
    warehouse.write_arrow(table, pa.Table.from_pylist(rows, schema=warehouse.rows(table).schema), "true")


def append(warehouse: Warehouse, table: Any, *rows: dict[str, Any]) -> None:
    warehouse.write_arrow(table, pa.Table.from_pylist(list(rows), schema=warehouse.rows(table).schema), "")


def page_of(plant: Any, tmp_path: Path, user: str = "ana") -> tuple[str, Parts]:
    answer = plant("listener", user, "--html", str(tmp_path / "out" / "page.html"))
    assert answer.code == 0, answer.err
    text = (tmp_path / "out" / "page.html").read_text()
    parts = Parts()
    parts.feed(text)
    return text, parts


def test_tells_who_what_when_and_as_of(plant: Any) -> None:
    answer = plant("listener", "ana")
    assert answer.code == 0, answer.err
    assert "ana (simulated listener), DE, Europe/Berlin" in answer.out
    assert "as of 2026-09-06 00:00 UTC, before the week of 2026-09-07\n" in answer.out
    assert re.search(r"\b28 +4 +1 +3 +1\b", answer.out)  # plays, skips, completions, saves
    assert re.search(r"Ada +a1 +75 % +\+0.50 +\+0.30", answer.out)
    assert "as varied as 2.0 artists heard equally" in answer.out
    assert "Song t3" in answer.out


def test_json_holds_the_same(plant: Any) -> None:
    known = plant("listener", "ana", "--json").json
    assert [row["artist"] for row in known["artists"]] == ["Ada", "Bix"]
    assert known["genres"] == [{"genre": "jazz", "affinity": 1.0}]
    assert known["devices"] == [{"name": "phone", "share": 1.0}]
    assert (known["simulated"], known["as_of"], known["compared_with"]) == (True, "2026-09-06", 2)
    assert known["list"]["run_date"] == "2026-09-07"
    assert [track["track_id"] for track in known["list"]["tracks"]] == ["t3", "t2"]


def test_stands_among_everybody(plant: Any) -> None:
    """Of ana and bo, ana is the more mainstream and skips less; bo's diversity is not known, so ana is alone with hers."""
    standing = {row["name"]: row["percentile"] for row in plant("listener", "ana", "--json").json["features"]}
    assert (standing["mainstreamness"], standing["skip_rate"], standing["taste_diversity"]) == (0.75, 0.25, 0.5)
    assert standing["intent_share"] is None


def test_everybody_is_a_bounded_sample_that_stays_the_same(planted: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monday = planted.rows(LISTENER_FEATURES).table(["run_date"]).column(0)[0].as_py()
    crowd = [
        {"run_date": monday, "bucket": n % 8, "user_id": f"x{n}", "skip_rate": float(n), "simulated": True} for n in range(800)
    ]
    append(planted, LISTENER_FEATURES, *crowd)
    monkeypatch.setattr(everybody, "ENOUGH", 150)
    found = [everybody.Everybody.of(planted, monday, buckets=8) for _ in range(2)]
    assert len(found[0]) == 200  # a bucket holds 100 of them: two hold enough
    assert found[0].sorted("skip_rate").tolist() == found[1].sorted("skip_rate").tolist()
    assert set(found[0].sorted("skip_rate") % 8) == {0.0, 1.0}


def test_contexts_with_their_hours_and_devices(plant: Any) -> None:
    commute, other = plant("listener", "ana", "--json").json["contexts"]
    assert (commute["context"], commute["share"], commute["sessions"]) == ("commute", 0.75, 1.5)
    assert (commute["hours"], commute["devices"]) == ("14-15 h", [{"name": "phone", "share": 1.0}])  # 12:00 UTC in Berlin
    assert (other["context"], other["hours"], other["devices"]) == ("any", "", [])


def test_sessions_of_the_last_week_with_their_mode_and_how_sure_it_is(plant: Any) -> None:
    first, second = plant("listener", "ana", "--json").json["week"]
    assert (first["local"], first["mode"], first["probability"], first["own"]) == ("Tue 2026-09-01 14:00", "commute", 0.8, True)
    assert (second["mode"], second["probability"], second["own"]) == ("child", 0.75, False)


def test_older_weeks_colour_the_hours_but_are_no_session_of_last_week(plant: Any, planted: Warehouse) -> None:
    row = planted.rows(SESSION_MODES).table().to_pylist()[0]
    back = timedelta(weeks=2)
    older = row | {
        "run_date": row["run_date"] - back,
        "started_at": row["started_at"] - back,
        "context": "party",
        "mode": "party",
    }
    ancient = older | {"run_date": row["run_date"] - timedelta(weeks=20), "context": "focus", "mode": "focus"}
    append(planted, SESSION_MODES, older, ancient)
    known = plant("listener", "ana", "--json").json
    assert set(known["hours_by_mode"]) == {"commute", "child", "party"}
    assert known["hours_by_mode"]["party"][14] == 2
    assert len(known["week"]) == 2


def test_plays_of_a_session_are_spread_from_its_start_to_its_end(plant: Any, planted: Warehouse) -> None:
    ended = planted.rows(SESSIONS).table(["ended_at"]).column(0)[0].as_py() + timedelta(hours=2)
    change(planted, SESSIONS, ended_at=ended)
    hours = plant("listener", "ana", "--json").json["hours_by_mode"]["commute"]
    assert {hour: plays for hour, plays in enumerate(hours) if plays} == {14: 1, 15: 1}


def test_sessions_of_others_are_not_mixed_in(plant: Any, planted: Warehouse) -> None:
    row = planted.rows(SESSION_MODES).table().to_pylist()[0]
    append(planted, SESSION_MODES, row | {"user_id": "bo", "context": "focus", "mode": "focus"})
    assert set(plant("listener", "ana", "--json").json["hours_by_mode"]) == {"commute", "child"}


def test_a_childs_hour_is_shown_as_not_their_own_taste(plant: Any, tmp_path: Path) -> None:
    answer = plant("listener", "ana")
    assert "not their own taste: 25 % of the plays of 90 days: child (1 session, mostly at 14-15 h)" in answer.out
    assert "it counts as taste like any other; to keep it out, set build_histories: {foreign: {weight: 0}}" in answer.out
    assert "Not their own taste" in page_of(plant, tmp_path)[0]
    assert "Not their own taste" not in page_of(plant, tmp_path, "bo")[0]


def test_what_is_kept_out_of_taste_already_is_told_so(planted: Warehouse) -> None:
    nothing = ExcludeForeign(weight=0.0)
    out = Settings(
        build_histories=BuildHistories(foreign=nothing), build_listener_features=BuildListenerFeatures(foreign=nothing)
    )
    assert portrait(planted, out, "ana", None)["foreign"]["told"] == "it is kept out of taste"
    half = Settings(
        build_histories=BuildHistories(foreign=ExcludeForeign(weight=0.5)), build_listener_features=out.build_listener_features
    )
    assert portrait(planted, half, "ana", None)["foreign"]["told"].startswith(
        "it counts as taste with weight 0.5; to keep it out"
    )


def test_listener_of_whom_little_is_known_has_gaps_but_an_answer(plant: Any, tmp_path: Path) -> None:
    answer = plant("listener", "bo")
    assert answer.code == 0, answer.err
    assert "bo (simulated listener), country unknown, timezone unknown" in answer.out
    assert "not known" in answer.out
    text, _ = page_of(plant, tmp_path, "bo")
    assert "timezone unknown: UTC" in text
    assert "None" not in text
    assert "nan" not in text


def test_numbers_that_are_none_are_told_as_unknown(plant: Any, planted: Warehouse) -> None:
    change(planted, LISTENER_FEATURES, skip_rate=float("nan"))
    rate = next(row for row in plant("listener", "ana", "--json").json["features"] if row["name"] == "skip_rate")
    assert (rate["told"], rate["percentile"]) == ("not known", None)


def test_an_unknown_timezone_is_utc(plant: Any, planted: Warehouse) -> None:
    change(planted, USERS, timezone="Mars/Base")
    assert plant("listener", "ana", "--json").json["week"][0]["hour"] == 12


def test_features_behind_the_histories_are_called_late(plant: Any, planted: Warehouse) -> None:
    row = planted.rows(HISTORIES).table().to_pylist()[0]
    append(planted, HISTORIES, row | {"run_date": row["run_date"] + timedelta(days=14)})
    answer = plant("listener", "ana")
    assert "14 days behind the newest histories" in answer.out
    assert plant("listener", "ana", "--json").json["freshness"]["fresh"] is False


def test_newest_week_is_taken_unless_another_is_named(plant: Any, planted: Warehouse) -> None:
    row = planted.rows(LISTENER_FEATURES).table().to_pylist(maps_as_pydicts="strict")[0]
    append(planted, LISTENER_FEATURES, row | {"run_date": row["run_date"] - timedelta(days=7), "plays_28d": 99})
    assert plant("listener", "ana", "--json").json["activity"][2]["plays"] == 4
    older = plant("listener", "ana", "--run-date", "2026-08-31", "--json").json
    assert (older["activity"][2]["plays"], older["list"]["run_date"]) == (99, "2026-08-31")


def test_unknown_listener_gets_the_nearest_ids(plant: Any) -> None:
    answer = plant("listener", "anna")
    assert (answer.code, answer.out) == (64, "")
    assert "no listener is called 'anna': nearest are ana, bo, newcomer" in answer.err


def test_known_listener_without_features_is_told_what_to_run(plant: Any, planted: Warehouse) -> None:
    answer = plant("listener", "newcomer")
    assert answer.code == 65
    assert "newcomer has no features for 2026-09-07: they had no history before 2026-09-06" in answer.err
    planted.drop_rows(LISTENER_FEATURES, "true")
    assert "run `plant run build_listener_features --run-date 2026-09-07`" in plant("listener", "ana").err
    assert "nothing is known for 2026-01-05: run `plant week" in plant("listener", "ana", "--run-date", "2026-01-05").err
    planted.drop_rows(HISTORIES, "true")
    assert "no listener has features yet: run `plant week` first" in plant("listener", "ana").err


def test_page_stands_alone_and_runs_nothing(plant: Any, tmp_path: Path) -> None:
    text, parts = page_of(plant, tmp_path)
    assert not set(parts.tags) & {"script", "link", "iframe", "object", "embed", "base"}
    assert not [name for name, _ in parts.attributes if name.startswith("on")]
    assert not [value for name, value in parts.attributes if name in ("src", "href")]
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert parts.tags.count("svg") == 3
    assert "prefers-color-scheme:dark" in text


def test_page_is_the_same_twice(plant: Any, tmp_path: Path) -> None:
    assert page_of(plant, tmp_path)[0] == page_of(plant, tmp_path)[0]


def test_hostile_names_stay_text(plant: Any, planted: Warehouse, tmp_path: Path) -> None:
    change(planted, ARTISTS, name=HOSTILE)
    change(planted, LISTENER_FEATURES, genres=[HOSTILE])
    change(planted, USERS, country=HOSTILE, timezone=HOSTILE)
    change(planted, SESSIONS, device=HOSTILE)
    change(planted, LISTENER_CONTEXTS, context=HOSTILE)
    change(planted, SESSION_MODES, mode=HOSTILE)
    lists = planted.rows(PLAYLISTS).table().to_pylist()
    tracks = [track | {"title": HOSTILE, "artists": [HOSTILE], "reason": HOSTILE} for track in lists[0]["tracks"]]
    change(planted, PLAYLISTS, tracks=tracks)
    text, parts = page_of(plant, tmp_path)
    assert "script" not in parts.tags
    assert "<script" not in text
    assert not [value for _, value in parts.attributes if value == HOSTILE]
    seen = " ".join(parts.texts)
    assert seen.count("<script>alert") >= 8  # shown as they are written
    assert plant("listener", "ana").code == 0


def test_a_hostile_id_stays_text(plant: Any, planted: Warehouse, tmp_path: Path) -> None:
    rows = planted.rows(LISTENER_FEATURES).table().to_pylist(maps_as_pydicts="strict")
    append(planted, LISTENER_FEATURES, rows[0] | {"user_id": HOSTILE})
    text, parts = page_of(plant, tmp_path, HOSTILE)
    assert "script" not in parts.tags
    assert f"Listener {HOSTILE}" in parts.texts
    assert "<title>Listener &lt;script&gt;" in text


def test_document_asks_for_one_listener_only(planted: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table with a row per listener is asked for one, so a million others cost nothing."""
    from spark_jobs.portraits import facts, sittings

    asked: list[tuple[str, dict[str, Any]]] = []
    real = facts.rows

    def spy(warehouse: Warehouse, statement: str, values: Any = None) -> Any:
        asked.append((statement, dict(values or {})))
        return real(warehouse, statement, values)

    monkeypatch.setattr(facts, "rows", spy)
    monkeypatch.setattr(sittings, "rows", spy)
    portrait(planted, Settings(), "ana", None)
    of_listeners = [values for statement, values in asked if "max(run_date)" not in statement]
    assert len(of_listeners) >= 5
    assert all(values["user_id"] == "ana" for values in of_listeners)
