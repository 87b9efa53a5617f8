"""Bytes of every kind -> typed rows, or the reason why not."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.errors import LandingError
from spark_jobs.intake import landing_files, landing_lines, landing_reader
from spark_jobs.intake.landing_files import new_files
from spark_jobs.intake.landing_reader import read_piece

GOOD = {"user_id": "u1", "track_id": "t1", "started_at": "2026-09-01T10:00:00Z"}


def line(**changed: Any) -> bytes:
    return orjson.dumps({k: v for k, v in {**GOOD, **changed}.items() if v is not ...})


def rows_of(landing: Path, entity: str = "listens") -> list[dict[str, Any]]:
    rows = []
    for file in new_files(landing, entity, set()):
        for piece in file.pieces:
            for batch in read_piece(landing, file, piece):
                rows += batch.to_pylist()
    return rows


def landed(landing: Path, content: bytes, name: str = "listens/a.jsonl") -> Path:
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def only_row(landing: Path, content: bytes) -> dict[str, Any]:
    landed(landing, content)
    [row] = rows_of(landing)
    return row


def test_a_full_row_is_typed(tmp_path: Path) -> None:
    row = only_row(tmp_path, line(ms_played=1234, simulated=True, device="phone", unknown_field={"a": 1}))
    assert row["started_at"] == datetime(2026, 9, 1, 10, tzinfo=UTC)
    assert (row["ms_played"], row["simulated"], row["device"], row["listen_id"]) == (1234, True, "phone", None)
    assert (row["line"], row["reason"], row["row"]) == (1, None, None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"user_id": "u1", "tra', "malformed"),
        (b"[1, 2]", "malformed"),
        (b'"text"', "malformed"),
        (line() + line(), "malformed"),  # two objects on one line
        (b'{"user_id": "\xff"}', "malformed"),  # no UTF-8
        (b"{" * 5000, "malformed"),
        (line(user_id=...), "missing_field"),
        (line(user_id=None), "missing_field"),
        (line(user_id=""), "missing_field"),
        (line(user_id=..., ms_played="long"), "missing_field"),  # comes before bad_value
        (line(user_id=17), "bad_value"),
        (line(user_id={"id": "u1"}), "bad_value"),
        (line(ms_played="1234"), "bad_value"),
        (line(ms_played=1.5), "bad_value"),
        (line(ms_played=True), "bad_value"),
        (line().replace(b"}", b',"ms_played":9223372036854775808}'), "bad_value"),  # 2^63
        (line(simulated="yes"), "bad_value"),
        (line(started_at="2026-09-01T10:00:00"), "bad_value"),  # whose ten o'clock?
        (line(started_at="2026-09-01"), "bad_value"),
        (line(started_at="2026-13-01T10:00:00Z"), "bad_value"),
        (line(started_at="2026-09-01T10:00:00+99:00"), "bad_value"),
        (line(started_at=1756720800), "bad_value"),
    ],
)
def test_a_bad_line_has_one_reason_and_keeps_its_text(tmp_path: Path, content: bytes, reason: str) -> None:
    row = only_row(tmp_path, content)
    assert row["reason"] == reason
    assert row["row"] == content.decode(errors="replace")[:4000]
    assert row["detail"]


@pytest.mark.parametrize(
    ("text", "hour", "micros"),
    [
        ("2026-09-01T10:00:00+02:00", 8, 0),
        ("2026-09-01t10:00:00z", 10, 0),
        ("2026-09-01 10:00:00Z", 10, 0),
        ("2026-09-01T10:00:00.123456789Z", 10, 123456),
    ],
)
def test_times_of_any_offset_become_utc(tmp_path: Path, text: str, hour: int, micros: int) -> None:
    row = only_row(tmp_path, line(started_at=text))
    assert row["started_at"] == datetime(2026, 9, 1, hour, 0, 0, micros, tzinfo=UTC)


def test_a_bad_neighbour_changes_nothing(tmp_path: Path) -> None:
    landed(tmp_path, b"\n".join([line(ms_played=180000.0), line(started_at="soon"), line(ms_played=True), line()]))
    assert [(r["reason"], r["ms_played"]) for r in rows_of(tmp_path)] == [
        (None, 180000),
        ("bad_value", None),
        ("bad_value", None),
        (None, None),
    ]


def test_mark_carriage_returns_and_blank_lines_are_no_content(tmp_path: Path) -> None:
    landed(tmp_path, b"\xef\xbb\xbf" + line() + b"\r\n\r\n  \n" + line() + b"\r\n\n")
    assert [(r["line"], r["reason"]) for r in rows_of(tmp_path)] == [(1, None), (4, None)]


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf"])
def test_nothing_gives_no_rows(tmp_path: Path, content: bytes) -> None:
    landed(tmp_path, content)
    assert rows_of(tmp_path) == []


def test_a_huge_line_is_refused_and_the_next_one_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (landing_lines, landing_reader):
        monkeypatch.setattr(module, "LINE_BYTES", 500)
    monkeypatch.setattr(landing_lines, "_BLOCK", 128)
    landed(tmp_path, line(platform="x" * 5000) + b"\n" + line())
    first, second = rows_of(tmp_path)
    assert (first["reason"], first["detail"]) == ("malformed", "longer than 500 bytes")
    assert (second["line"], second["reason"]) == (2, None)


def test_pieces_give_the_lines_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landed(tmp_path, b"".join(line(listen_id=f"l{n}") + b"\n" * (1 + n % 3) for n in range(300)))
    whole = rows_of(tmp_path)
    monkeypatch.setattr(landing_files, "PIECE_BYTES", 2000)
    monkeypatch.setattr(landing_files, "_BLOCK", 700)
    assert len(new_files(tmp_path, "listens", set())[0].pieces) > 5
    assert rows_of(tmp_path) == whole
    assert len(whole) == 300


def test_compressed_lines_are_the_same_lines(tmp_path: Path) -> None:
    content = b"\n".join(line(listen_id=f"l{n}") for n in range(100))
    landed(tmp_path, gzip.compress(content), "listens/a.jsonl.gz")
    assert [r["listen_id"] for r in rows_of(tmp_path)] == [f"l{n}" for n in range(100)]


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-8] + bytes(8), lambda b: b"no gzip at all"])
def test_a_torn_gz_refuses_the_run_and_is_named(tmp_path: Path, damage: Any) -> None:
    content = b"\n".join(line(listen_id=f"l{n * n}") for n in range(2000))
    landed(tmp_path, damage(gzip.compress(content)), "listens/torn.jsonl.gz")
    with pytest.raises(LandingError, match=r"torn\.jsonl\.gz"):
        rows_of(tmp_path)


def test_a_file_that_shrinks_after_it_was_hashed_is_refused(tmp_path: Path) -> None:
    path = landed(tmp_path, line() + b"\n" + line())
    [file] = new_files(tmp_path, "listens", set())
    path.write_bytes(line())
    with pytest.raises(LandingError, match="shorter"):
        list(read_piece(tmp_path, file, file.pieces[0]))


def parquet(landing: Path, **columns: pa.Array) -> None:
    good = {name: pa.array([value, value]) for name, value in GOOD.items()}
    good["started_at"] = pa.array([datetime(2026, 9, 1, 10, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC"))
    (landing / "listens").mkdir()
    pq.write_table(pa.table({**good, **columns}), landing / "listens" / "a.parquet")


def test_parquet_rows_are_typed(tmp_path: Path) -> None:
    times = pa.array([datetime(2026, 9, 1, 10, tzinfo=UTC)] * 2, pa.timestamp("ns", "Europe/Berlin"))
    parquet(
        tmp_path, ms_played=pa.array([7, None], pa.int32()), started_at=times, user_id=pa.array(["u", ""]).dictionary_encode()
    )
    first, second = rows_of(tmp_path)
    assert (first["user_id"], first["ms_played"], first["line"]) == ("u", 7, 1)
    assert first["started_at"] == datetime(2026, 9, 1, 10, tzinfo=UTC)
    assert (second["reason"], second["detail"], second["line"]) == ("missing_field", "user_id", 2)
    assert "t1" in second["row"]


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("started_at", pa.array([datetime(2026, 9, 1)] * 2, pa.timestamp("us"))),  # no zone
        ("user_id", pa.array([1, 2])),
        ("ms_played", pa.array([0.5, 1.5])),
        ("simulated", pa.array(["true", "false"])),
    ],
)
def test_parquet_of_a_wrong_type_is_bad_row_by_row(tmp_path: Path, field: str, column: pa.Array) -> None:
    parquet(tmp_path, **{field: column})
    assert [r["reason"] for r in rows_of(tmp_path)] == ["bad_value", "bad_value"]


def test_parquet_may_hold_times_as_text(tmp_path: Path) -> None:
    parquet(tmp_path, started_at=pa.array(["2026-09-01T10:00:00Z", "2026-09-01T10:00:00"]))
    assert [r["reason"] for r in rows_of(tmp_path)] == [None, "bad_value"]


def test_lists_and_dates_of_a_track(tmp_path: Path) -> None:
    track = {"track_id": "t", "title": "T", "artist_ids": ["a", "b"], "release_date": "2026-02-28"}
    bad = [{"artist_ids": "a"}, {"artist_ids": ["a", 1]}, {"artist_ids": ["a", None]}, {"release_date": "2026-02-30"}]
    landed(tmp_path, b"\n".join(orjson.dumps(track | change) for change in [{}, *bad]), "tracks/a.jsonl")
    rows = rows_of(tmp_path, "tracks")
    assert rows[0]["artist_ids"] == ["a", "b"]
    assert str(rows[0]["release_date"]) == "2026-02-28"
    assert [r["reason"] for r in rows] == [None] + ["bad_value"] * 4
