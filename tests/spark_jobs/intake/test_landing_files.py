"""Which files are taken, and where they are cut."""

from __future__ import annotations

import gzip
import hashlib
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.errors import LandingError
from spark_jobs.intake import landing_files
from spark_jobs.intake.landing_files import Piece, Tally, discover, ledger_rows, new_files, of_files


def landed(root: Path, name: str, content: bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_files_come_in_order_of_path_without_hidden_and_foreign_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a/z.jsonl.gz", "_draft.jsonl", ".x.jsonl", "_old/c.jsonl", "notes.txt", "a.parquet"):
        landed(tmp_path, f"listens/{name}", name.encode())
    found = [p.relative_to(tmp_path / "listens").as_posix() for p in discover(tmp_path, "listens")]
    assert found == ["a.parquet", "a/z.jsonl.gz", "b.jsonl"]


def test_no_folder_means_no_files(tmp_path: Path) -> None:
    assert new_files(tmp_path, "listens", set()) == []


def test_each_content_is_taken_once(tmp_path: Path) -> None:
    old = hashlib.sha256(b"{}\n").hexdigest()
    landed(tmp_path, "listens/a.jsonl", b'{"user_id":"u"}\n')
    landed(tmp_path, "listens/copy_of_a.jsonl", b'{"user_id":"u"}\n')
    landed(tmp_path, "listens/taken_last_week.jsonl", b"{}\n")
    assert [f.path for f in new_files(tmp_path, "listens", {old})] == ["listens/a.jsonl"]


@pytest.mark.parametrize("target", ["../outside.jsonl", "/etc/hostname"])
def test_a_link_that_leaves_the_landing_folder_is_refused(tmp_path: Path, target: str) -> None:
    landed(tmp_path, "outside.jsonl", b"{}")
    home = tmp_path / "landing" / "listens"
    home.mkdir(parents=True)
    (home / "in.jsonl").symlink_to(tmp_path / "outside.jsonl" if target.startswith("..") else target)
    with pytest.raises(LandingError, match="outside of"):
        discover(tmp_path / "landing", "listens")


def test_an_entity_folder_that_leaves_the_landing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "listens").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LandingError, match="outside of"):
        discover(tmp_path / "landing", "listens")


def test_a_linked_folder_is_refused_lest_it_runs_in_circles(tmp_path: Path) -> None:
    landed(tmp_path, "listens/a.jsonl", b"{}")
    (tmp_path / "listens" / "again").symlink_to(tmp_path / "listens")
    with pytest.raises(LandingError, match="neither a plain file nor a folder"):
        discover(tmp_path, "listens")


def test_a_big_file_is_cut_behind_line_feeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing_files, "PIECE_BYTES", 1000)
    monkeypatch.setattr(landing_files, "_BLOCK", 300)
    lines = [b"x" * (n % 50) + b"\n" for n in range(200)]
    path = landed(tmp_path, "listens/a.jsonl", b"".join(lines))
    [file] = new_files(tmp_path, "listens", set())
    content = path.read_bytes()
    assert len(file.pieces) > 3
    assert b"".join(content[p.start : p.stop] for p in file.pieces) == content
    for piece in file.pieces:
        assert piece.start == 0 or content[piece.start - 1 : piece.start] == b"\n"
        assert piece.first_line == content[: piece.start].count(b"\n") + 1


def test_compressed_and_empty_files_have_one_and_no_piece(tmp_path: Path) -> None:
    landed(tmp_path, "listens/a.jsonl.gz", gzip.compress(b"{}\n" * 1000))
    landed(tmp_path, "listens/empty.jsonl", b"")
    packed, empty = new_files(tmp_path, "listens", set())
    assert packed.pieces == (Piece(0, packed.bytes, 1),)
    assert empty.pieces == ()


def test_parquet_is_cut_between_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing_files, "PIECE_BYTES", 1)
    (tmp_path / "listens").mkdir()
    pq.write_table(pa.table({"user_id": ["a", "b", "c"]}), tmp_path / "listens" / "a.parquet", row_group_size=2)
    [file] = new_files(tmp_path, "listens", set())
    assert file.pieces == (Piece(0, 1, 1), Piece(1, 2, 3))


def test_a_file_that_only_calls_itself_parquet_is_refused_by_name(tmp_path: Path) -> None:
    landed(tmp_path, "listens/fake.parquet", b"user_id\nu1\n")
    with pytest.raises(LandingError, match=r"fake\.parquet"):
        new_files(tmp_path, "listens", set())


def test_the_ledger_has_a_row_for_a_file_without_rows(tmp_path: Path) -> None:
    landed(tmp_path, "listens/a.jsonl", b"{}\n")
    landed(tmp_path, "listens/empty.jsonl", b"")
    files = new_files(tmp_path, "listens", set())
    rows = ledger_rows("ingest_listens", files, {files[0].file_id: Tally(1, 1)}, date(2026, 9, 5)).to_pylist()
    assert [(r["path"], r["bytes"], r["rows"], r["quarantined"]) for r in rows] == [
        ("listens/a.jsonl", 3, 1, 1),
        ("listens/empty.jsonl", 0, 0, 0),
    ]


def test_the_condition_names_job_and_files() -> None:
    assert of_files("ingest_listens", ["b", "a"]) == "job = 'ingest_listens' AND file_id IN ('a', 'b')"
