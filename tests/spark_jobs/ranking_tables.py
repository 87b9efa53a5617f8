"""Tables of planted weeks, as the line would have left them: what train_ranker and rank read."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from conf import tables as t
from conf.contexts import CONTEXTS
from conf.contract import Table
from conf.features.pair import ARTIST_NUMBERS, LISTENER_NUMBERS, TRACK_NUMBERS
from conf.pipeline import cut
from tests.spark_jobs.evaluation.conftest import MemoryRows

Row = dict[str, Any]
MONDAY = date(2026, 9, 7)
PAST = (MONDAY - timedelta(days=14), MONDAY - timedelta(days=7))
LISTENERS, TRACKS, ARTISTS, LISTED = 60, 120, 12, 34
SOURCES = ("mf", "content", "popularity")


def at(day: date, hour: float) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour)


def _catalogue() -> dict[str, list[Row]]:
    tracks = [
        {"track_id": f"t{i:03d}", "track_idx": i, "title": f"T{i}", "artist_ids": [f"a{i % ARTISTS:02d}"],
         "duration_ms": 200_000, "genres": [["pop"], ["rock", "jazz"], None][i % 3],
         "release_date": date(2020, 1, 1), "blocked": False}
        for i in range(TRACKS)
    ]  # fmt: skip
    users = [
        {"user_id": f"u{i:02d}", "country": ["DE", "FR", None][i % 3], "timezone": "Europe/Berlin"} for i in range(LISTENERS)
    ]
    return {"tracks": tracks, "users": users, "feedback": []}


def _week(monday: date, rng: np.random.Generator) -> dict[str, list[Row]]:
    """Features, histories and candidates of a week; listener u05 is unknown to the feature store."""
    here, known = {"run_date": monday}, [i for i in range(LISTENERS) if i != 5]
    popular = np.arange(TRACKS)
    track_features = [
        {**here, "track_idx": i, "track_id": f"t{i:03d}", **{name: float(popular[i]) for name in TRACK_NUMBERS},
         "plays_90d": int(popular[i]), "plays_by_country": [("DE", i), ("FR", TRACKS - i)], "taste": rng.normal(size=4),
         "meaning": None if i % 7 == 0 else rng.normal(size=6), "track_context_shares": rng.dirichlet(np.ones(5))}
        for i in range(TRACKS)
    ]  # fmt: skip
    artist_features = [
        {**here, "artist_id": f"a{i:02d}", **{name: float(i) for name in ARTIST_NUMBERS}} for i in range(ARTISTS)
    ]
    listener = {**here, "bucket": 0}
    features = [
        {**listener, "user_id": f"u{i:02d}", **{name: float(rng.integers(0, 5)) for name in LISTENER_NUMBERS},
         "embedding": rng.normal(size=10)}
        for i in known
    ]  # fmt: skip
    contexts = [
        {**listener, "user_id": f"u{i:02d}", "context": context, "share": 0.3, "sessions": 2.0,
         "context_embedding": rng.normal(size=6)}
        for i in known
        for context in CONTEXTS[i % 3 :]
    ]  # fmt: skip
    histories, candidates = [], []
    for i in range(LISTENERS):
        user = {"user_id": f"u{i:02d}"}
        histories.append(here | user | _history(monday, rng))
        candidates += [here | user | told for told in _lists(i, rng)]
    return {
        "track_features": track_features, "artist_features": artist_features, "listener_features": features,
        "listener_contexts": contexts, "histories": histories, "candidates": candidates,
    }  # fmt: skip


def _history(monday: date, rng: np.random.Generator) -> Row:
    heard = np.sort(rng.choice(20, rng.integers(1, 9), replace=False))
    per_track = {name: rng.integers(1, 4, len(heard)).tolist() for name in ("plays", "completions", "skips")}
    per_track |= {"last_day": [20_600] * len(heard), "weight": rng.random(len(heard)).tolist(), "track_idx": heard.tolist()}
    return per_track | {"bucket": 0, "listens": 9, "last_listen_at": at(monday, 0)}


def _lists(i: int, rng: np.random.Generator) -> list[Row]:
    """Lists of listener i; one source had nothing for listener 7."""
    lists = []
    for source in (*SOURCES, "blend"):
        if i == 7 and source == "mf":
            continue
        ids = 20 + rng.choice(TRACKS - 20, LISTED - (i % 4), replace=False)
        scores = -np.sort(-rng.random(len(ids)).astype(np.float16).astype(float))
        via = ["content"] * len(ids) if source == "blend" else None
        entries = {"track_idx": ids.tolist(), "score": scores.tolist(), "because": [3] * len(ids), "via": via}
        lists.append({"source": source} | entries)
    return lists


def _after(monday: date, candidates: list[Row]) -> tuple[list[Row], list[Row]]:
    """(plays, sessions) of the seven days after the cut: every listener completes their six most played candidates."""
    listens, sessions = [], []
    for i in range(LISTENERS):
        user = f"u{i:02d}"
        union = sorted({track for row in candidates if row["user_id"] == user for track in row["track_idx"]})
        start = at(cut(monday), 24 + 0.1 * i)
        told = {"run_date": monday + timedelta(days=7), "bucket": 0, "user_id": user, "started_at": start, "plays": 6}
        sessions.append(told | {"context": "commute", "mode": "commute", "contexts": [1.0, 0.0, 0.0, 0.0, 0.0], "own": 1.0})
        for number, track in enumerate(union[-6:]):
            when = start + timedelta(minutes=4 * number)
            names = {"listen_id": f"{user}{monday}{number}", "user_id": user, "track_id": f"t{track:03d}", "file_id": "f"}
            listens.append(names | {"started_at": when, "started_date": when.date(), "ms_played": 200_000, "simulated": True})
    return listens, sessions


def planted(seed: int = 1) -> dict[str, list[Row]]:
    """Table -> rows: two past weeks with what came of them, and this week's candidates and features."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Row]] = {**_catalogue(), "listens": [], "session_modes": [], "track_audio": []}
    rows |= {"exposures": [], "publications": []}
    for monday in (*PAST, MONDAY):
        week = _week(monday, rng)
        for name, made in week.items():
            rows.setdefault(name, []).extend(made)
        if monday != MONDAY:
            listens, sessions = _after(monday, week["candidates"])
            rows["listens"] += listens
            rows["session_modes"] += sessions
    return rows


def table_of(name: str) -> Table:
    return t.TABLES[name]


def past(rows: dict[str, list[Row]]) -> dict[str, MemoryRows]:
    """What train_ranker is given."""
    weekly = ("candidates", "histories", "listener_features", "listener_contexts", "track_features", "artist_features")
    kept = {name: [row for row in made if name not in weekly or row["run_date"] < MONDAY] for name, made in rows.items()}
    return {name: MemoryRows(table_of(name), made) for name, made in kept.items()}


def gathered(rows: dict[str, list[Row]], monday: date) -> pa.RecordBatch:
    """The rows that `rank` gathers in Spark, of one week, in order of user_id."""
    from spark_jobs.why.listener_row import _schema

    of_week = {name: [row for row in made if row.get("run_date") == monday] for name, made in rows.items()}
    country = {row["user_id"]: row["country"] for row in rows["users"]}
    made = []
    for history in sorted(of_week["histories"], key=lambda row: row["user_id"]):
        user = history["user_id"]

        def mine(name: str, user: str = user) -> list[Row]:
            return [row for row in of_week[name] if row["user_id"] == user]

        known = mine("listener_features") or [dict.fromkeys([*LISTENER_NUMBERS, "embedding"])]
        lists = sorted(mine("candidates"), key=lambda row: row["source"])
        made.append(
            history
            | known[0]
            | {"user_id": user, "lists": lists, "contexts": mine("listener_contexts"), "country": country[user]}
        )
    names = _schema().names
    return pa.RecordBatch.from_pylist([{name: row.get(name) for name in names} for row in made], schema=_schema())
