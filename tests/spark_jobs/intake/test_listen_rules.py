"""Rules about a listener's other plays, on arrays that can be checked by hand."""

from __future__ import annotations

import numpy as np
import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.intake.listen_rules import ACCEPTED, duplicate_plays
from spark_jobs.intake.listen_verdicts import judge_block
from spark_jobs.intake.listener_blocks import whole_listeners

SECOND = 1_000_000
HOUR_MS = 3_600_000


def duplicates(starts: list[float], files: list[int] | None = None) -> list[bool]:
    """Plays of one listener and track, starts in seconds; window of ten seconds."""
    n = len(starts)
    first = np.arange(n) == 0
    micros = (np.array(starts) * SECOND).astype(np.int64)
    file = np.array(files or [0] * n, np.int64)
    return duplicate_plays(first, micros, file, np.arange(n), 10 * SECOND).tolist()


def test_ten_seconds_are_inside_and_a_microsecond_more_is_not() -> None:
    assert duplicates([0, 10, 20.000001]) == [False, True, False]


def test_what_was_accepted_before_stands_although_it_started_later() -> None:
    assert duplicates([0, 5], files=[0, ACCEPTED]) == [True, False]
    assert duplicates([0, 5], files=[ACCEPTED, ACCEPTED]) == [False, False]


def test_the_earlier_file_stands() -> None:
    assert duplicates([0, 5, 12], files=[1, 0, 1]) == [True, False, True]


def test_other_tracks_and_listeners_are_no_repeats() -> None:
    starts = np.zeros(3, np.int64)
    assert not duplicate_plays(np.ones(3, bool), starts, starts, starts, 10 * SECOND).any()


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=12))
def test_files_one_by_one_or_all_at_once_keep_the_same_plays(plays: list[tuple[int, int]]) -> None:
    plays = sorted(set(plays))
    at_once = {p for p, dup in zip(plays, duplicates(*_columns(plays)), strict=True) if not dup}
    kept: set[tuple[int, int]] = set()
    for file in range(4):
        rows = sorted([(s, ACCEPTED, f) for s, f in kept] + [(s, f, f) for s, f in plays if f == file])
        dups = duplicates([r[0] for r in rows], [r[1] for r in rows])
        kept = {(s, f) for (s, _, f), dup in zip(rows, dups, strict=True) if not dup}
    assert kept == at_once


def _columns(plays: list[tuple[int, int]]) -> tuple[list[float], list[int]]:
    return [s for s, _ in plays], [f for _, f in plays]


def test_a_track_on_a_loop_stays_linear() -> None:
    starts = list(range(0, 200_000, 5))  # a day of starts every five seconds: every third stands
    kept = [s for s, dup in zip(starts, duplicates(starts), strict=True) if not dup]
    assert kept == starts[::3]


def block(rows: list[tuple[str, str, int, int, int]], **flags: list[bool]) -> pa.RecordBatch:
    """(user, track, start in seconds, ms_played, file) in order."""
    n = len(rows)
    users, tracks, starts, heard, files = (list(c) for c in zip(*rows, strict=True))
    return pa.RecordBatch.from_pydict(
        {
            "file": pa.array(files, pa.int32()),
            "line": pa.array(range(n), pa.int64()),
            "listen_id": [f"l{i}" for i in range(n)],
            "user_id": users,
            "track_id": tracks,
            "started_at": pa.array([s * SECOND for s in starts], pa.int64()),
            "ms_played": pa.array(heard, pa.int64()),
            "repeated_id": flags.get("repeated_id", [False] * n),
            "banned": flags.get("banned", [False] * n),
        }
    )


def fallen(rows: pa.RecordBatch, most_hours: float = 24.0) -> list[tuple[str, str]]:
    judged = judge_block(rows, 10 * SECOND, most_hours)
    return sorted(zip(judged["listen_id"].to_pylist(), judged["reason"].to_pylist(), strict=True))


def test_a_day_with_more_music_than_hours_falls_whole_and_alone() -> None:
    plays = [
        ("bot", "a", 0, 20 * HOUR_MS, 0),
        ("bot", "b", 100, 4 * HOUR_MS + 1, 0),
        ("bot", "c", 86_400, 24 * HOUR_MS, 0),  # next day, exactly 24 h
        ("man", "a", 0, HOUR_MS, 0),
    ]
    assert fallen(block(plays)) == [("l0", "impossible_day"), ("l1", "impossible_day")]


def test_new_plays_make_accepted_ones_fall() -> None:
    plays = [("bot", "a", 0, 20 * HOUR_MS, ACCEPTED), ("bot", "b", 100, 5 * HOUR_MS, 0)]
    assert fallen(block(plays)) == [("l0", "impossible_day"), ("l1", "impossible_day")]


def test_repeats_do_not_count_for_the_day() -> None:
    plays = [("u", "a", 0, 20 * HOUR_MS, 0), ("u", "a", 5, 20 * HOUR_MS, 0), ("u", "b", 9, 20 * HOUR_MS, 0)]
    verdict = fallen(block(plays, repeated_id=[False, False, True]))
    assert verdict == [("l1", "duplicate_play"), ("l2", "duplicate_id")]


def test_late_rows_of_a_banned_day_fall_and_say_whose_day_it_is() -> None:
    rows = block([("bot", "a", 86_400, 1, 0)], banned=[True])
    assert fallen(rows) == [("l0", "impossible_day")]
    detail = orjson.loads(judge_block(rows, 10, 24.0)["detail"][0].as_py())
    assert (detail["user_id"], detail["day"]) == ("bot", 1)


@given(st.lists(st.integers(1, 9), max_size=12), st.integers(1, 7), st.integers(1, 12))
def test_blocks_hold_whole_listeners_in_order(sizes: list[int], per_batch: int, block_rows: int) -> None:
    users = [f"u{n:02d}" for n, size in enumerate(sizes) for _ in range(size)]
    rows = pa.table({"user_id": pa.array(users, pa.string()), "n": pa.array(range(len(users)), pa.int64())})
    blocks = list(whole_listeners(rows.to_batches(max_chunksize=per_batch), block_rows))
    assert [n for b in blocks for n in b["n"].to_pylist()] == list(range(len(users)))
    homes = [u for b in blocks for u in set(b["user_id"].to_pylist())]
    assert len(homes) == len(set(homes)) == len(sizes)
