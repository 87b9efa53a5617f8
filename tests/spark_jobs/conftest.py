"""A small planted warehouse: every table holds a few rows that fit together, so that any query has a known answer."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from conf.tables import TABLES
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse
from tests.spark_jobs.songs import fill_shelf

MONDAY = date(2026, 9, 7)
LAST_MONDAY = MONDAY - timedelta(days=7)
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
Rows = dict[str, list[dict[str, Any]]]


def _listen(number: int, user: str, track: str, day: int, simulated: bool = True) -> dict[str, Any]:
    at = NOON + timedelta(days=day, minutes=number)
    return {
        "listen_id": f"l{number}", "user_id": user, "track_id": track, "started_at": at, "started_date": at.date(),
        "ms_played": 60_000 * number, "device": "phone", "reason_end": "trackdone", "simulated": simulated, "file_id": "f1",
    }  # fmt: skip


def _track_list(*ids: str) -> list[dict[str, Any]]:
    return [
        {
            "position": i, "track_id": track, "title": f"Song {track}", "artists": ["Ada", "Bix"], "artist_ids": ["a1", "a2"],
            "score": 1.0 / i, "source": "mf", "reason": "[because] you play Ada",
        }
        for i, track in enumerate(ids, 1)
    ]  # fmt: skip


def _catalogue() -> Rows:
    tracks = [
        {"track_id": f"t{i}", "track_idx": i, "title": f"Song t{i}", "artist_ids": ["a1", "a2"][: 1 + i % 2],
         "duration_ms": 200_000, "release_date": date(2020, 1, 1), "countries": ["DE"] if i == 2 else None,
         "blocked": False, "genres": ["jazz"], "audio": f"a/t{i}.ogg", "simulated": True}
        for i in range(4)
    ]  # fmt: skip
    return {
        "tracks": tracks,
        "artists": [{"artist_id": f"a{i}", "name": name, "simulated": True} for i, name in ((1, "Ada"), (2, "Bix"))],
        "users": [
            {"user_id": "ana", "timezone": "Europe/Berlin", "country": "DE", "simulated": True},
            {"user_id": "bo", "timezone": None, "country": None, "simulated": False},
            {"user_id": "newcomer", "timezone": "Asia/Tokyo", "country": "JP", "simulated": True},
        ],
        "follows": [{"user_id": "ana", "followed_id": "bo", "simulated": True}],
        "tags": [{"entity": "artist", "entity_id": "a1", "tag": "mellow", "weight": 2.5, "simulated": False}],
        "feedback": [
            {"user_id": "ana", "kind": "save", "entity": "track", "entity_id": "t1", "at": NOON, "simulated": True},
        ],
        "listener_playlists": [
            {"playlist_id": "p1", "user_id": "bo", "name": None, "track_ids": ["t1", "t0"], "simulated": False},
        ],
        "foreign_exposures": [
            {"user_id": "bo", "track_id": "t3", "surface": "radio", "shown_at": NOON, "position": 1, "propensity": 0.25,
             "simulated": False},
        ],
    }  # fmt: skip


def _log() -> Rows:
    listens = [
        _listen(1, "ana", "t0", 0), _listen(2, "ana", "t0", 0), _listen(3, "bo", "t1", 1, simulated=False),
        _listen(4, "ana", "t2", 6), _listen(5, "ana", "t3", 9),
    ]  # fmt: skip
    return {
        "listens": listens,
        "quarantine": [
            {"job": "ingest_listens", "entity": "listens", "reason": reason, "detail": None, "file_id": "f1",
             "path": "listens/a.jsonl", "line": line, "row": "{}", "taken_on": date(2026, 9, 5), "refused_run": False}
            for line, reason in ((1, "malformed"), (2, "future"), (3, "future"))
        ],
        "landing_files": [
            {"job": "ingest_listens", "file_id": "f1", "entity": "listens", "path": "listens/a.jsonl", "bytes": 900, "rows": 8,
             "quarantined": 3, "taken_on": date(2026, 9, 5)},
        ],
        "sessions": [
            {"session_id": "s1", "session_date": NOON.date(), "user_id": "ana", "started_at": NOON, "ended_at": NOON,
             "listens": 2, "completed": 1, "skips": 1, "ms_played": 180_000, "device": "phone", "track_ids": ["t0", "t0"],
             "simulated": True},
        ],
    }  # fmt: skip


def _week() -> Rows:
    here = {"surface": "discover_weekly", "simulated": True}
    lists = [
        {**here, "run_date": monday, "user_id": user, "valid_from": datetime(monday.year, monday.month, monday.day, tzinfo=UTC)
         - timedelta(hours=hours), "timezone": zone, "country": country, "tracks": _track_list(*ids), "filled": filled}
        for monday, ids in ((LAST_MONDAY, ("t3", "t1")), (MONDAY, ("t3", "t2")))
        for user, zone, hours, country, filled in (("ana", "Europe/Berlin", 2, "DE", 0), ("bo", "UTC", 0, "", 1))
    ]  # fmt: skip
    charts = [
        {**here, "run_date": monday, "country": country, "tracks": _track_list(track)}
        for monday in (LAST_MONDAY, MONDAY)
        for country, track in (("", "t0"), ("DE", "t1"))
    ]
    history = {
        "run_date": MONDAY, "bucket": 3, "user_id": "ana", "track_idx": [0, 2], "plays": [2, 1], "completions": [1, 1],
        "skips": [1, 0], "last_day": [20_700, 20_706], "weight": [0.5, 1.0], "listens": 3, "last_listen_at": NOON,
        "simulated": True,
    }  # fmt: skip
    candidate = {
        "run_date": MONDAY,
        "user_id": "ana",
        "source": "mf",
        "track_idx": [3, 1],
        "score": [0.75, 0.5],
        "because": [0, -1],
    }
    return {"playlists": lists, "charts": charts, "histories": [history], "candidates": [candidate]}


def _sound() -> Rows:
    """t1 sounds nearly like t0, t2 like neither; t3's file is empty."""
    file = {"run_date": MONDAY, "extractor": "1", "heard_on": LAST_MONDAY, "simulated": True, "modified_ns": 1}
    numbers = {
        "duration_s": 200.0, "tempo_bpm": 120.0, "tempo_conf": 0.9, "tempo_alt_bpm": 60.0, "tempo_alt_weight": 0.25,
        "key_pc": 9, "key_mode": "minor", "key_conf": 0.75, "tuning_cents": 0.0, "energy": 0.5,
        "loudness_db": -12.0, "dynamics_db": 6.0, "acousticness": 0.5, "instrumentalness": 0.5, "valence": -0.5, "arousal": 0.5,
        "moods": [("sad", 1.0)], "centroid_hz": 2_000.0, "flatness_db": -20.0, "onset_rate": 2.0,
    }  # fmt: skip
    heard = [
        {**file, "track_id": f"t{i}", "path": f"a/t{i}.ogg", "file_id": f"sound{i}", "bytes": 1_000 + i, "network": "n1",
         "container": "ogg", **numbers, "embedding": embedding}
        for i, embedding in enumerate(([1.0, 0.0], [0.8, 0.6], [-1.0, 0.0]))
    ]  # fmt: skip
    refused = {**file, "track_id": "t3", "path": "a/t3.ogg", "file_id": "nothing", "bytes": 0}
    return {
        "track_audio": [*heard, {**heard[0], "run_date": LAST_MONDAY}],
        "audio_quarantine": [{**refused, "reason": "empty", "detail": "t3.ogg: 0 bytes"}],
    }


def _ana(week: dict[str, Any]) -> dict[str, Any]:
    """Features of a listener of whom all is known."""
    counts = {
        f"{what}_{days}d": n
        for what, n in (("plays", 4), ("skips", 1), ("completions", 3), ("saves", 1))
        for days in (7, 28, 90)
    }
    return {
        **week, "bucket": 3, "user_id": "ana", **counts, "plays_1d": 1, "skips_1d": 0, "completions_1d": 1, "saves_1d": 0,
        "hour_shares": [0.0] * 14 + [1.0] + [0.0] * 9, "device_shares": [1.0] + [0.0] * 8, "genres": ["jazz"],
        "genre_affinity": [1.0], "artist_ids": ["a1", "a2"], "artist_affinity": [0.75, 0.25],
        "skip_adjusted_affinity": [0.5, -0.25], "activation": [0.3, -1.2], "taste_diversity": 0.6931472,
        "genre_diversity": 0.0, "discovery_propensity": 0.25,
        "repeat_propensity": 0.75, "mainstreamness": 0.9, "weekend_share": 0.5, "skip_rate": 0.25, "session_length": 2.0,
        "intent_share": None, "foreign_share": 0.25, "days_since_play": 1.5, "active_weeks": 2.0,
        "context_shares": [0.75, 0.0, 0.0, 0.0, 0.25], "daypart_shares": [0.0, 0.0, 1.0, 0.0],
    }  # fmt: skip


def _features() -> Rows:
    """What is known of ana and bo, of the tracks that ana heard, and the ranker's order for ana."""
    week = {"run_date": MONDAY, "simulated": True}
    bo = {**week, "bucket": 5, "user_id": "bo", "plays_28d": 1, "mainstreamness": 0.1, "skip_rate": 0.75}
    contexts = [
        {**week, "bucket": 3, "user_id": "ana", "context": name, "share": share, "sessions": sessions}
        for name, share, sessions in (("commute", 0.75, 1.5), ("any", 0.25, 0.5))
    ]
    modes = [
        {**week, "bucket": 3, "user_id": "ana", "started_at": NOON + timedelta(days=day), "plays": plays, "context": context,
         "mode": mode, "contexts": shares, "own": own}
        for day, plays, context, mode, shares, own in (
            (0, 2, "commute", "commute", [0.8, 0.0, 0.0, 0.0, 0.2], 0.9),
            (1, 1, "any", "child", [0.1, 0.0, 0.0, 0.0, 0.9], 0.25),
        )
    ]  # fmt: skip
    tracks = [
        {**week, "track_idx": i, "track_id": f"t{i}", "plays_28d": 4 - i, "popularity": 1.0 - i / 4, "age_days": 2_000.0}
        for i in range(4)
    ]
    ranked = {
        "run_date": MONDAY, "user_id": "ana", "context": "any", "model": "ranker", "track_idx": [3, 1], "score": [1.5, -0.5],
        "blend_rank": [1, 2], "because": [0, -1], "via": ["mf", "mf"], "drivers": [[("popularity", 0.5)], []],
    }  # fmt: skip
    return {
        "listener_features": [_ana(week), bo], "listener_contexts": contexts, "session_modes": modes, "track_features": tracks,
        "artist_features": [{**week, "artist_id": "a1", "plays_28d": 3}], "ranked": [ranked],
    }  # fmt: skip


def _books() -> Rows:
    shown = {"run_date": MONDAY, "surface": "discover_weekly", "generation": "g2", "simulated": True}
    flip = {"run_date": MONDAY, "surface": "discover_weekly", "generation": "g2", "epoch": 2, "action": "flip", "records": 4}
    metric = {"run_date": MONDAY, "surface": "discover_weekly", "cut": date(2026, 8, 30), "listeners": 2, "simulated": True}
    run = {
        "job": "sessionize", "run_date": date(2026, 9, 5), "edition": 0, "message": "", "reads": [("listens", 1)],
        "writes": [("sessions", 1)], "rows": [("sessions", 1)], "settings_sha256": "", "code_version": "test",
    }  # fmt: skip
    return {
        "exposures": [
            {**shown, "user_id": "ana", "track_ids": ["t3", "t2"], "propensity": [1.0, 1.0]},
            {**shown, "user_id": "bo", "track_ids": ["t3", "t2"], "propensity": [1.0, 1.0], "generation": "never_flipped"},
        ],
        "publications": [{**flip, "store": "sqlite", "at": NOON}],
        "models": [
            {"name": "mf", "run_date": MONDAY, "uri": "artefacts/mf/x", "sha256": "", "params": "{}", "metrics": "{}",
             "code_version": "test"},
        ],
        "metrics": [
            {**metric, "model": model, "metric": "ndcg@30", "value": value, "low": None, "high": None}
            for model, value in (("popularity", 0.125), ("discover_weekly", 0.25))
        ],
        "runs": [
            {**run, "run_id": "r1", "state": "started", "at": NOON},
            {**run, "run_id": "r1", "state": "done", "at": NOON + timedelta(seconds=5), "exit_code": 0, "seconds": 5.0},
        ],
    }  # fmt: skip


@pytest.fixture(scope="session")
def planted_rows() -> dict[str, pa.Table]:
    """Table -> planted rows in the contract's schema."""
    rows = {**_catalogue(), **_log(), **_week(), **_sound(), **_features(), **_books()}
    return {name: pa.Table.from_pylist(rows[name], schema=arrow_schema(table)) for name, table in TABLES.items()}


@pytest.fixture(scope="session")
def _planted_once(tmp_path_factory: pytest.TempPathFactory, planted_rows: dict[str, pa.Table]) -> Path:
    root = tmp_path_factory.mktemp("planted")
    warehouse = Warehouse(root)
    for name, rows in planted_rows.items():
        warehouse.write_arrow(TABLES[name], rows, "true")
    return root


@pytest.fixture
def planted(_planted_once: Path, tmp_path: Path) -> Warehouse:
    """A warehouse of its own for each test, every table filled."""
    return Warehouse(Path(shutil.copytree(_planted_once, tmp_path / "warehouse")))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the six files of `songs.fill_shelf`."""
    folder = tmp_path_factory.mktemp("shelf")
    fill_shelf(folder)
    return folder
