"""Blocks of listeners become rows of playlists: one planted listener per rule, without a JVM."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from conf import tables as t
from conf.settings import BuildDiscoverWeekly
from spark_jobs.schema import arrow_schema
from spark_jobs.serving import build_discover_weekly, catalogue_arrays
from spark_jobs.serving.build_discover_weekly import ListBuilder

INTS, FLOATS, TEXTS = pa.list_(pa.int32()), pa.list_(pa.float32()), pa.list_(pa.string())
COLUMNS = {
    "user_id": pa.string(), "heard": INTS, "simulated": pa.bool_(), "wishes": INTS, "score": FLOATS, "because": INTS,
    "via": TEXTS,
    "timezone": pa.string(), "country": pa.string(), "blocked_tracks": TEXTS, "blocked_artists": TEXTS,
}  # fmt: skip
BLOCK = pa.schema(COLUMNS)


@pytest.fixture
def builder(week) -> ListBuilder:
    catalogue = catalogue_arrays.ship(week.run.warehouse, week.run.run_date, week.tracks, week.artists)
    return ListBuilder(catalogue, week.run.artefacts["popularity"], week.run.run_date, length=4, per_artist=2)


def made(builder, *listeners) -> list[dict]:
    blank = {"user_id": "u", "heard": [], "simulated": False, "wishes": [], "score": [], "because": []}
    given = [{"via": ["mf"] * len(listener.get("wishes") or [])} | blank | listener for listener in listeners]
    block = pa.RecordBatch.from_pylist([{**dict.fromkeys(BLOCK.names), **row} for row in given], schema=BLOCK)
    (rows,) = builder.playlists(iter([block]))
    assert rows.schema == arrow_schema(t.PLAYLISTS)
    return rows.to_pylist()


def ids(row: dict) -> list[str]:
    return [track["track_id"] for track in row["tracks"]]


def test_a_row_says_everything_an_app_shows(builder):
    wishes = {"wishes": [1, 12], "score": [0.5, 0.25], "because": [9, -1], "heard": [9]}
    (row,) = made(builder, wishes | {"timezone": "Europe/Berlin", "country": "DE", "simulated": True})
    assert row["valid_from"] == datetime(2026, 9, 6, 22, tzinfo=UTC) and row["timezone"] == "Europe/Berlin"
    assert (row["country"], row["filled"], row["simulated"]) == ("DE", 2, True)
    first, second, third, fourth = row["tracks"]
    assert first == {
        "position": 1, "track_id": "t1", "title": "Red", "artists": ["Ana", "Bo"], "artist_ids": ["ana", "bo"],
        "score": 0.5, "source": "mf", "reason": "Because you played Ana too by Ana",
    }  # fmt: skip
    assert second["reason"] == "Picked for you"  # the source could not say why
    assert third["track_id"] == "t7" and third["source"] == "popularity" and third["reason"] == "Popular in DE right now"
    assert third["score"] == pytest.approx(0.95)
    assert fourth["track_id"] == "t8" and fourth["position"] == 4


def test_a_reason_by_a_track_without_artists(builder):
    (row,) = made(builder, {"wishes": [12], "score": [1.0], "because": [8], "heard": [8]})
    assert row["tracks"][0]["reason"] == "Because you played Wind"


def test_a_listener_without_candidates_country_or_timezone_gets_the_global_chart(builder):
    (row,) = made(builder, {"wishes": None, "score": None, "because": None})
    assert ids(row) == ["t12", "t8", "t2"]  # t6 is blocked by the catalogue; the chart has no more
    assert row["filled"] == 3 and row["timezone"] == "UTC" and row["country"] == ""
    assert {track["reason"] for track in row["tracks"]} == {"Popular right now"}


def test_heard_versions_and_blocks_stay_out(builder):
    wishes = {"wishes": [0, 1, 2, 12], "score": [4.0, 3.0, 2.0, 1.0], "because": [-1] * 4}
    version, track, artist, stranger = made(
        builder,
        wishes | {"heard": [4]},  # t4 is a version of t2
        wishes | {"blocked_tracks": ["t0"]},
        wishes | {"blocked_artists": ["ana"]},  # t0, and t1 where ana is one of two
        wishes | {"blocked_tracks": ["t999"], "blocked_artists": ["nobody"]},
    )
    assert "t2" not in ids(version) and "t0" in ids(version)
    assert "t0" not in ids(track) and "t1" in ids(track)
    assert not {"t0", "t1"} & set(ids(artist)) and "t2" in ids(artist)
    assert ids(stranger)[0] == "t0"


def test_lists_do_not_depend_on_the_block(builder):
    wishes = {"score": [2.0, 1.0], "because": [-1, -1]}
    people = [wishes | {"user_id": f"u{i}", "wishes": [i % 5, 12], "heard": [i % 3]} for i in range(9)]
    assert made(builder, *people) == [made(builder, person)[0] for person in people]


def test_charts_keep_the_same_rules(builder):
    charts = builder.charts(["DE", "FR"], simulated=True)
    assert charts.schema == arrow_schema(t.CHARTS)
    everywhere, germany, france = charts.to_pylist()
    assert (everywhere["country"], ids(everywhere)) == ("", ["t12", "t8", "t2"])
    assert (germany["country"], ids(germany)) == ("DE", ["t7", "t12", "t8", "t2"])
    assert ids(france) == ids(everywhere) and france["simulated"]
    assert germany["tracks"][0]["reason"] == "Popular in DE right now"


def planted(week) -> dict[str, pa.Table]:
    history = {"run_date": week.run.run_date, "bucket": 0, "listens": 1, "last_listen_at": week.at(5)}
    per_track = {name: [1] for name in ("plays", "completions", "skips", "last_day", "weight")}
    heard = [history | per_track | {"user_id": f"u{i}", "track_idx": [i % 3]} for i in (5, 3, 4, 1, 2)]
    wish = {"run_date": week.run.run_date, "score": [2.0, 1.0], "because": [0, -1], "track_idx": [9, 12], "via": ["mf", "gfcf"]}
    wish |= {"model": "ranker", "blend_rank": [1, 0], "drivers": [[], []]}
    feedback = [
        {"user_id": "u1", "kind": "block", "entity": "track", "entity_id": "t9", "at": week.at(1)},
        {"user_id": "u2", "kind": "block", "entity": "track", "entity_id": "t9", "at": week.at(1)},
        {"user_id": "u2", "kind": "save", "entity": "track", "entity_id": "t9", "at": week.at(2)},  # the last word
        {"user_id": "u3", "kind": "block", "entity": "artist", "entity_id": "ana", "at": week.at(1)},
    ]
    return {
        "histories": week.rows(t.HISTORIES, heard),
        "ranked": week.rows(
            t.RANKED,
            [wish | {"user_id": f"u{i}", "context": context} for i in range(1, 5) for context in ("any", "party")],
        ),
        "tracks": week.tracks,
        "artists": week.artists,
        "users": week.rows(t.USERS, [{"user_id": "u1", "country": "DE"}, {"user_id": "silent", "country": "FR"}]),
        "feedback": week.rows(t.FEEDBACK, feedback),
    }


@pytest.mark.spark
def test_a_week_of_tables_twice_gives_the_same_bytes(spark, week):
    def run() -> tuple[pa.Table, pa.Table]:
        frames = {name: spark.createDataFrame(table) for name, table in planted(week).items()}
        run = replace(week.run, spark=spark)
        made = build_discover_weekly.transform(**frames, params=BuildDiscoverWeekly(), run=run)
        lists = made["playlists"].data
        ddl = ", ".join(f"{c.name} {c.type}" for c in t.PLAYLISTS.columns)
        return lists.frame.mapInArrow(lists.make, ddl).toArrow(), made["charts"].data

    playlists, charts = run()
    by_user = {row["user_id"]: ids(row) for row in playlists.to_pylist()}
    assert sorted(by_user) == ["u1", "u2", "u3", "u4", "u5"]  # one row a history; the silent listener has none
    assert "t9" not in by_user["u1"] and by_user["u2"][0] == "t9" and "t9" not in by_user["u3"]
    assert by_user["u5"][0] == "t12"  # no candidates: the chart
    assert charts["country"].to_pylist() == ["", "DE", "FR"]
    assert [digest(part) for part in run()] == [digest(playlists), digest(charts)]


def digest(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


@pytest.mark.spark
def test_each_partition_is_sorted_by_listener(spark, week):
    frames = {name: spark.createDataFrame(table) for name, table in planted(week).items()}
    gathered = build_discover_weekly.gather(*(frames[n] for n in ("ranked", "histories", "users", "feedback")))
    parts = gathered.select("user_id").rdd.glom().map(lambda part: [row.user_id for row in part]).collect()
    assert parts == [sorted(part) for part in parts] and sum(map(len, parts)) == 5
