"""Blocks of whole listeners from Arrow rows: heads beside plays, nobody lost, nothing read from after the cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from conf.values import ListenRule
from spark_jobs.features.listener_plays import Block, block_of

DAY_US = 86_400_000_000
CUT = 1000 * DAY_US
_HISTORY = {
    "track_idx": pa.int32(),
    "plays": pa.int32(),
    "completions": pa.int32(),
    "skips": pa.int32(),
    "last_day": pa.int32(),
}
HEAD = pa.struct(
    [
        ("timezone", pa.string()),
        ("country", pa.string()),
        ("saves", pa.list_(pa.struct([("track_idx", pa.int32()), ("at", pa.int64())]))),
        *((name, pa.list_(kind)) for name, kind in _HISTORY.items()),
        ("weight", pa.list_(pa.float32())),
    ]
)
SCHEMA = pa.schema(
    [("user_id", pa.string()), ("simulated", pa.bool_()), ("started_at", pa.int64()), ("track_idx", pa.int32()),
     ("ms_played", pa.int64()), ("duration_ms", pa.int64()), ("button", pa.bool_()), ("device", pa.int8()),
     ("playlist", pa.int8()), ("head", HEAD)]
)  # fmt: skip


def head(user: str, *tracks: int, zone: str | None = None, saves: list[dict[str, int]] | None = None) -> dict[str, Any]:
    ones = [1] * len(tracks)
    history = {"track_idx": list(tracks), "plays": ones, "completions": ones, "skips": ones, "last_day": ones}
    told = {"timezone": zone, "country": "NG", "saves": saves, **history, "weight": [1.0] * len(tracks)}
    return {"user_id": user, "simulated": False, "head": told}


def play(user: str, at: float, track: int = 1, ms: int = -1, simulated: bool = False) -> dict[str, Any]:
    return {
        "user_id": user, "simulated": simulated, "started_at": CUT + round(at * DAY_US), "track_idx": track, "ms_played": ms,
        "duration_ms": 200_000, "button": False, "device": 3, "playlist": 6,
    }  # fmt: skip


def block(*rows: dict[str, Any]) -> Block:
    return block_of(pa.RecordBatch.from_pylist(list(rows), schema=SCHEMA), CUT, ListenRule(), 30.0)


def flat(made: Block) -> list[bytes]:
    plays = {name: values for name, values in vars(made.listening).items() if name != "listeners"}
    return [array.tobytes() for array in (*plays.values(), *vars(made.saves).values(), made.log.track_idx, made.log.indptr)]


def test_listeners_with_and_without_plays_or_head_all_count() -> None:
    made = block(
        head("a", 4, 7, zone="Asia/Tokyo", saves=[{"track_idx": 7, "at": 5}]),
        play("a", -2),
        play("b", -1, simulated=True),
        head("c", 5),
    )
    assert made.user_id.to_pylist() == ["a", "b", "c"]
    assert made.country.to_pylist() == ["NG", None, "NG"]
    assert (made.listening.listeners, made.listening.listener.tolist()) == (3, [0, 1])
    assert [made.log.rows(i, i + 1).track_idx.tolist() for i in range(3)] == [[4, 7], [], [5]]
    assert (made.saves.listener.tolist(), made.saves.track_idx.tolist(), made.saves.at.tolist()) == ([0], [7], [5])
    assert (made.listening.local_at - made.listening.started_at).tolist() == [9 * 3_600_000_000, 0]
    assert made.simulated.tolist() == [False, True, False]


def test_what_follows_the_cut_does_not_say_how_long_the_play_before_was_heard() -> None:
    """The log has no milliseconds: the next start would cut the last play short, and make it a skip."""
    before = [head("a", 1), play("a", -1), play("a", -1e-9), head("b", 1), play("b", -3)]
    after = [*before[:3], play("a", 0.0), play("a", 1e-5), before[3], before[4], play("b", 8)]
    assert flat(block(*after)) == flat(block(*before))
    assert block(*after).listening.skipped.tolist() == [False] * 3


def test_a_listener_alone_has_the_same_bytes() -> None:
    rows = [[head("a", 1), play("a", -1)], [play("b", -5), play("b", -4)], [head("c", 2)]]
    whole = block(*(row for listener in rows for row in listener))
    for number, own in enumerate(rows):
        alone, there = block(*own), whole.listening.listener == number
        assert alone.listening.heard_ms.tobytes() == whole.listening.heard_ms[there].tobytes()
        assert alone.log.track_idx.tobytes() == whole.log.rows(number, number + 1).track_idx.tobytes()


def test_nothing_is_an_empty_block() -> None:
    made = block()
    assert (len(made.user_id), made.listening.listeners, len(made.log), len(made.saves.at)) == (0, 0, 0, 0)
    assert np.array_equal(made.log.indptr, [0])
