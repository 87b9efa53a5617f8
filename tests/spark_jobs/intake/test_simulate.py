from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from conf.errors import LandingError, UsageError
from conf.landing import ENTITIES
from models.world.dirt import REASONS, TEXT_DAYS
from spark_jobs.intake.simulate import Summary, simulate

UNTIL = date(2026, 9, 6)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Summary]:
    folder = tmp_path_factory.mktemp("world")
    return folder / "landing", folder / "truth", simulate("tiny", 5, folder / "landing", folder / "truth", until=UNTIL)


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def objects(path: Path) -> list[Any]:
    """Every line of a JSON lines file; None where it is no JSON."""
    rows = []
    for line in path.read_bytes().splitlines():
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            rows.append(None)
    return rows


def all_rows(landing: Path) -> list[tuple[date, Any]]:
    """(day of the file, row) of all listens, files in order of day."""
    rows: list[tuple[date, Any]] = []
    for path in sorted((landing / "listens").iterdir()):
        day = date.fromisoformat(path.stem)
        found = pq.read_table(path).to_pylist() if path.suffix == ".parquet" else objects(path)
        rows += [(day, row) for row in found]
    return rows


def moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def verdicts(landing: Path) -> list[str]:
    """A slow and plain intake: the first rule that each row breaks, in the order of REASONS; the empty word for good rows."""
    tracks = {row["track_id"] for row in objects(landing / "tracks" / "tracks.jsonl")}
    heard: dict[tuple[str, str], list[datetime]] = {}
    seen: set[str] = set()
    per_day: dict[tuple[str, date], int] = {}
    found: list[tuple[str, tuple[str, date] | None]] = []
    for _, row in all_rows(landing):
        reason = single_row_verdict(row, tracks)
        if reason:
            found.append((reason, None))
            continue
        start = moment(row["started_at"])
        assert start is not None
        plays = heard.setdefault((row["user_id"], row["track_id"]), [])
        day = (row["user_id"], start.date())
        if row.get("listen_id") and row["listen_id"] in seen:
            found.append(("duplicate_id", None))
        elif any(abs(start - other) < timedelta(seconds=10) for other in plays):
            found.append(("duplicate_play", None))
        else:
            found.append(("", day))
            per_day[day] = per_day.get(day, 0) + row["ms_played"]
            plays.append(start)
            seen.add(row.get("listen_id") or "")
    return ["impossible_day" if day and per_day[day] > 86_400_000 else reason for reason, day in found]


def single_row_verdict(row: Any, tracks: set[str]) -> str:
    if not isinstance(row, dict):
        return "malformed"
    if any(row.get(name) is None for name in ("user_id", "track_id", "started_at")):
        return "missing_field"
    start = moment(row["started_at"])
    if start is None or row["ms_played"] < 0:
        return "bad_value"
    if row["track_id"] not in tracks:
        return "unknown_track"
    if start < datetime(2000, 1, 1, tzinfo=UTC):
        return "ancient"
    return "future" if start >= datetime(2026, 9, 8, tzinfo=UTC) else ""


def test_a_plain_intake_finds_exactly_the_planted_dirt(written: tuple[Path, Path, Summary]) -> None:
    landing, truth, summary = written
    found = verdicts(landing)
    planted = orjson.loads((truth / "dirt.json").read_bytes())
    assert {reason: found.count(reason) for reason in REASONS} == {reason: planted[reason] for reason in REASONS}
    assert summary.dirt == {reason: planted[reason] for reason in REASONS}
    assert found.count("") == summary.listens
    assert len(found) == summary.rows


def test_late_rows_are_counted_and_come_out_of_order(written: tuple[Path, Path, Summary]) -> None:
    landing, truth, summary = written
    good = [pair for pair, why in zip(all_rows(landing), verdicts(landing), strict=True) if not why]
    days = [(day, moment(row["started_at"])) for day, row in good]
    assert sum(start.date() < day for day, start in days if start) == summary.late
    assert orjson.loads((truth / "dirt.json").read_bytes())["late"] == summary.late
    newest = [start for day, start in days if day == UNTIL - timedelta(days=1)]
    assert newest != sorted(newest)  # type: ignore[type-var]


def test_a_plain_world_has_no_dirt(tmp_path: Path) -> None:
    summary = simulate("tiny", 5, tmp_path / "landing", tmp_path / "truth", plain=True)
    assert set(summary.dirt.values()) == {0}
    assert verdicts(tmp_path / "landing") == [""] * summary.listens
    assert len(objects(tmp_path / "landing" / "users" / "users.jsonl")) == summary.listeners


def test_same_seed_same_bytes_whatever_the_threads(written: tuple[Path, Path, Summary], tmp_path: Path) -> None:
    landing, truth, _ = written
    simulate("tiny", 5, tmp_path / "landing", tmp_path / "truth", until=UNTIL, threads=1)
    assert hashes(tmp_path / "landing") == hashes(landing)
    assert hashes(tmp_path / "truth") == hashes(truth)


def test_another_seed_is_another_world(written: tuple[Path, Path, Summary], tmp_path: Path) -> None:
    simulate("tiny", 6, tmp_path / "landing", tmp_path / "truth", listeners=20)
    assert not set(hashes(tmp_path / "landing" / "listens").values()) & set(hashes(written[0] / "listens").values())


def test_one_file_per_day_and_text_for_the_newest_week(written: tuple[Path, Path, Summary]) -> None:
    files = sorted((written[0] / "listens").iterdir())
    days = [UNTIL - timedelta(days=28 - i) for i in range(28)]
    assert [path.stem for path in files] == [day.isoformat() for day in days]
    assert [path.suffix for path in files] == [".parquet"] * (28 - TEXT_DAYS) + [".jsonl"] * TEXT_DAYS


@pytest.mark.parametrize("name", [name for name in ENTITIES if name != "listens"])
def test_entities_keep_the_landing_format(written: tuple[Path, Path, Summary], name: str) -> None:
    entity, rows = ENTITIES[name], objects(written[0] / name / f"{name}.jsonl")
    assert rows
    fields = {field.name for field in entity.fields}
    for row in rows:
        assert set(row) <= fields
        assert all(row.get(required) not in (None, "") for required in entity.required)
        assert row["simulated"] is True
    keys = [tuple(row[part] for part in entity.key) for row in rows]
    assert len(set(keys)) == len(keys)


def test_parquet_days_hold_plain_strings_and_utc_times(written: tuple[Path, Path, Summary]) -> None:
    schema = pq.read_schema(sorted((written[0] / "listens").glob("*.parquet"))[0])
    assert [str(schema.field(name).type) for name in ("user_id", "device", "ms_played", "simulated")] == [
        "string", "string", "int64", "bool"
    ]  # fmt: skip
    assert str(schema.field("started_at").type) == "timestamp[ms, tz=UTC]"
    assert schema.names == [field.name for field in ENTITIES["listens"].fields]


def test_references_between_entities_hold(written: tuple[Path, Path, Summary]) -> None:
    landing = written[0]
    ids = {name: {row[key] for row in objects(landing / f"{name}s" / f"{name}s.jsonl")}
           for name, key in (("user", "user_id"), ("track", "track_id"), ("artist", "artist_id"))}  # fmt: skip
    assert {a for row in objects(landing / "tracks" / "tracks.jsonl") for a in row["artist_ids"]} <= ids["artist"]
    assert {row["followed_id"] for row in objects(landing / "follows" / "follows.jsonl")} <= ids["user"]
    for row in objects(landing / "feedback" / "feedback.jsonl"):
        assert row["kind"] in ("save", "block")
        assert row["entity_id"] in ids[row["entity"]]
    good = [row for (_, row), why in zip(all_rows(landing), verdicts(landing), strict=True) if not why]
    assert {row["user_id"] for row in good} <= ids["user"]


def test_truth_needs_no_pickle_and_lies_apart(written: tuple[Path, Path, Summary]) -> None:
    landing, truth, _ = written
    assert not any("truth" in path.name for path in landing.rglob("*"))
    for path in truth.glob("*.npy"):
        assert np.load(path, allow_pickle=False).size > 0


def test_worlds_do_not_mix(written: tuple[Path, Path, Summary], tmp_path: Path) -> None:
    before = hashes(written[0])
    with pytest.raises(LandingError, match="is not empty"):
        simulate("tiny", 6, written[0], tmp_path / "truth")
    assert hashes(written[0]) == before


def test_an_unknown_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no world is called 'huge'; choose one of: tiny, demo, city"):
        simulate("huge", 1, tmp_path / "landing", tmp_path / "truth")


def test_a_world_of_one_listener_is_written(tmp_path: Path) -> None:
    summary = simulate("tiny", 2, tmp_path / "landing", tmp_path / "truth", listeners=1)
    found = verdicts(tmp_path / "landing")
    assert {reason: found.count(reason) for reason in REASONS} == summary.dirt


def test_some_tracks_have_sound_and_the_catalogue_says_where(tmp_path: Path) -> None:
    """Good files are there, and of the broken ones all but the missing; whatever the threads, the bytes are the same."""
    made = [simulate("tiny", 5, tmp_path / n / "landing", tmp_path / n / "truth", audio=30, threads=int(n)) for n in ("1", "2")]
    assert made[0] == made[1]
    assert made[0].audio + sum(made[0].audio_dirt.values()) == 30
    landing, truth = tmp_path / "1" / "landing", objects(tmp_path / "1" / "truth" / "audio.jsonl")
    assert hashes(landing) == hashes(tmp_path / "2" / "landing")
    told = {row["track_id"]: row["audio"] for row in objects(landing / "tracks" / "tracks.jsonl") if "audio" in row}
    assert told == {row["track_id"]: row["path"] for row in truth}
    missing = {row["path"] for row in truth if row.get("reason") == "missing"}
    assert {str(path.relative_to(landing / "audio")) for path in (landing / "audio").rglob("*.*")} == set(
        told.values()
    ) - missing
    assert len(missing) == made[0].audio_dirt["missing"]


def test_without_sound_the_rest_of_the_world_is_the_same(written: tuple[Path, Path, Summary], tmp_path: Path) -> None:
    simulate("tiny", 5, tmp_path / "landing", tmp_path / "truth", until=UNTIL, audio=5)
    before, after = hashes(written[0]), hashes(tmp_path / "landing")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"tracks/tracks.jsonl"}
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"audio"}
    assert (written[2].audio, set(written[2].audio_dirt.values()) | {0}) == (0, {0})


def test_sessions_name_their_planted_mode(written: tuple[Path, Path, Summary]) -> None:
    sessions = pq.read_table(written[1] / "sessions.parquet")
    assert sessions.num_rows == written[2].sessions
    assert set(sessions["mode"].unique().to_pylist()) <= {
        "everyday", "work", "commute", "evening", "party", "child", "sleep"
    }  # fmt: skip
