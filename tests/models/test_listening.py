"""Local time, sessions and words of plays, planted; and what no row may do: look beyond its own listener."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.contexts import DEVICES, PLAYLIST_CONTEXTS
from conf.values import ListenRule
from models.listening import DAY_US, MINUTE_US, codes, from_arrow, sessions, utc_offsets

RULE = ListenRule()


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def rows(*plays: tuple[str, str, int], zone: str | None = "Europe/Berlin", heard_ms: int | None = 180_000) -> pa.Table:
    """(user, start, track) of tracks that last 200 s."""
    n = len(plays)
    return pa.table(
        {
            "user_id": pa.array([user for user, _, _ in plays], pa.string()),
            "started_at": pa.array([micros(at) for _, at, _ in plays], pa.timestamp("us", "UTC")),
            "track_idx": pa.array([track for _, _, track in plays], pa.int32()),
            "ms_played": pa.array([heard_ms] * n, pa.int64()),
            "duration_ms": pa.array([200_000] * n, pa.int64()),
            "reason_end": pa.array(["fwdbtn" if track == 9 else None for _, _, track in plays], pa.string()),
            "device": pa.array(["car"] * n, pa.string()),
            "playlist_context": pa.array([None] * n, pa.string()),
            "timezone": pa.array([zone] * n, pa.string()),
        }
    )


def new_listeners(table: pa.Table) -> np.ndarray:
    users = table["user_id"].to_pylist()
    return np.array([i == 0 or users[i] != users[i - 1] for i in range(len(users))], bool)


def test_plays_have_outcome_local_time_and_words() -> None:
    table = rows(("a", "2026-07-01T22:30", 1), ("a", "2026-07-01T22:34", 9), ("b", "2026-01-01T22:30", 2))
    plays = from_arrow(table, new_listeners(table), RULE, 30.0)
    assert (plays.listeners, plays.listener.tolist(), plays.sessions) == (2, [0, 0, 1], 2)
    assert plays.completed.tolist() == [True, False, True]
    assert plays.skipped.tolist() == [False, True, False]
    assert (plays.local_at - plays.started_at).tolist() == [120 * MINUTE_US, 120 * MINUTE_US, 60 * MINUTE_US]
    assert [DEVICES[at] for at in plays.device] == ["car"] * 3
    assert {PLAYLIST_CONTEXTS[at] for at in plays.playlist} == {"other"}


def test_a_batch_and_a_table_of_chunks_say_the_same() -> None:
    table = rows(("a", "2026-07-01T22:30", 1), ("b", "2026-01-01T22:30", 2))
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    for one, other in zip(
        vars(from_arrow(chunked, new_listeners(table), RULE, 30.0)).values(),
        vars(from_arrow(table.to_batches()[0], new_listeners(table), RULE, 30.0)).values(),
        strict=True,
    ):
        assert np.array_equal(one, other)


def test_no_rows_are_no_listeners() -> None:
    plays = from_arrow(rows(), np.empty(0, bool), RULE, 30.0)
    assert (len(plays), plays.listeners, plays.sessions) == (0, 0, 0)


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", "not a zone"])
def test_a_zone_that_nobody_knows_is_utc(zone: str | None) -> None:
    assert utc_offsets(np.array([0, DAY_US]), pa.array([zone] * 2, pa.string())).tolist() == [0, 0]


@given(
    st.integers(0, 2_000_000_000),
    st.sampled_from(["Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns", "Europe/London"]),
)
def test_wall_clocks_agree_with_the_standard_library(second: int, zone: str) -> None:
    wanted = datetime.fromtimestamp(second, ZoneInfo(zone)).utcoffset()
    assert wanted is not None
    assert utc_offsets(np.array([second * 1_000_000]), pa.array([zone])).tolist() == [int(wanted.total_seconds()) * 1_000_000]


def test_a_pause_is_counted_from_the_end_of_the_play_before() -> None:
    starts = np.array([0, 33, 64, 94]) * MINUTE_US
    heard = np.array([4, 1, 0, 0]) * 60_000
    assert sessions(np.zeros(4, np.int64), starts, heard, 30.0).tolist() == [0, 0, 0, 0]
    assert sessions(np.zeros(4, np.int64), starts, heard, 28.9).tolist() == [0, 1, 2, 3]


def test_within_takes_whole_days_before_the_cut() -> None:
    table = rows(*(("a", f"2026-09-0{day}T00:00", day) for day in range(1, 8)))
    plays = from_arrow(table, new_listeners(table), RULE, 30.0).within(micros("2026-09-06T00:00"), 3)
    assert plays.track_idx.tolist() == [3, 4, 5]
    assert plays.listeners == 1


def test_words_from_elsewhere_are_the_last_of_the_known() -> None:
    chunks = pa.chunked_array([["tv", "toaster"], [None, "phone"]])
    assert [DEVICES[at] for at in codes(chunks, DEVICES)] == ["tv", "other", "other", "phone"]
