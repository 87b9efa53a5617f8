"""Sessions of planted plays."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from conf.settings import Sessionize
from spark_jobs.intake.session_blocks import session_block

MINUTE_US, MINUTE_MS = 60_000_000, 60_000


def sessions(*plays: tuple[str, str, float, int], duration_ms: int = 180_000, **columns: list[Any]) -> list[dict[str, Any]]:
    """(user, track, start in minutes, ms_played) in order -> session rows."""
    n = len(plays)
    users, tracks, starts, heard = (list(c) for c in zip(*plays, strict=True))
    rows = {
        "user_id": users,
        "track_id": tracks,
        "started_at": [int(s * MINUTE_US) for s in starts],
        "ms_played": heard,
        "duration_ms": [duration_ms] * n,
        "button": [False] * n,
        "device": ["phone"] * n,
        "playlist_context": pa.array([None] * n, pa.string()),
        "simulated": [False] * n,
    }
    return session_block(pa.RecordBatch.from_pydict(rows | columns), Sessionize()).to_pylist()


def test_a_pause_of_thirty_minutes_keeps_a_session_and_a_longer_one_ends_it() -> None:
    made = sessions(("u", "a", 0, MINUTE_MS), ("u", "b", 31, MINUTE_MS), ("u", "c", 62.1, MINUTE_MS))
    assert [s["track_ids"] for s in made] == [["a", "b"], ["c"]]
    assert (made[0]["start_us"], made[0]["end_us"]) == (0, 32 * MINUTE_US)


def test_a_pause_begins_where_the_longest_play_ends() -> None:
    made = sessions(("u", "mix", 0, 60 * MINUTE_MS), ("u", "b", 1, MINUTE_MS), ("u", "c", 80, MINUTE_MS))
    assert [s["track_ids"] for s in made] == [["mix", "b", "c"]]
    assert made[0]["end_us"] == 81 * MINUTE_US


def test_listeners_never_share_a_session() -> None:
    made = sessions(("u", "mix", 0, 600 * MINUTE_MS), ("v", "a", 0, MINUTE_MS), ("v", "b", 50, MINUTE_MS))
    assert [(s["user_id"], s["listens"]) for s in made] == [("u", 1), ("v", 1), ("v", 1)]


def test_skips_are_logged_or_seen_in_the_timing() -> None:
    # the second starts 6 s after the first, which has no ms_played; the third was ended by a button after 2 minutes
    made = sessions(
        ("u", "a", 0, -1), ("u", "b", 0.1, -1), ("u", "c", 4, 2 * MINUTE_MS), button=[False, False, True]
    )  # fmt: skip
    [session] = made
    assert (session["listens"], session["skips"], session["completed"]) == (3, 2, 1)
    assert session["ms_played"] == 6_000 + 180_000 + 120_000


def test_device_and_context_are_those_of_the_first_play() -> None:
    [session] = sessions(("u", "a", 0, 1), ("u", "b", 1, 1), device=["car", "phone"], simulated=[False, True])
    assert (session["device"], session["playlist_context"], session["simulated"]) == ("car", None, True)
