"""The landing writer: all or nothing, in the contract's types, never over somebody else's data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.errors import LandingError
from conf.landing import ENTITIES
from spark_jobs import landing_note
from spark_jobs.intake.importers import landing_writer
from spark_jobs.intake.importers.landing_writer import MARKER, LandingWriter, schema_of

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


def listen(track="t", user="ann"):
    return {"user_id": user, "track_id": track, "started_at": NOON}


def write(landing, *tracks, importer="lastfm-csv", owner="ann"):
    with LandingWriter(landing, importer, owner) as writer:
        for track in tracks:
            writer.add("listens", listen(track))
        writer.leave_out("undated", 2)
        writer.leave_out("never", 0)
    return writer.report()


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("entity", ENTITIES)
def test_schema_follows_the_landing_contract(entity):
    schema = schema_of(entity)
    assert schema.names == [field.name for field in ENTITIES[entity].fields]
    assert [field.name for field in schema if not field.nullable] == list(ENTITIES[entity].required)


def test_rows_and_report(tmp_path, rows):
    report = write(tmp_path / "landing", "t1", "t2")
    assert rows(tmp_path / "landing", "listens") == [listen("t1"), listen("t2")]
    assert (report.written, report.left_out) == ({"listens": 2}, {"undated": 2})
    assert report.lines()[1:3] == ["  written: listens 2", "  left out: undated 2"]
    assert orjson.loads((tmp_path / "landing" / MARKER).read_bytes())["left_out"] == {"undated": 2}


def test_same_rows_make_the_same_bytes(tmp_path):
    write(tmp_path / "one", "t1", "t2")
    write(tmp_path / "two", "t1", "t2")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_long_entities_go_on_in_further_files(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(landing_writer, "ROWS_PER_FILE", 3)
    monkeypatch.setattr(landing_writer, "ROWS_PER_BATCH", 4)
    names = [f"t{number}" for number in range(8)]
    report = write(tmp_path / "landing", *names)
    assert [row["track_id"] for row in rows(tmp_path / "landing", "listens")] == names
    assert report.written == {"listens": 8}
    files = sorted((tmp_path / "landing/listens").iterdir())
    assert [pq.read_metadata(file).num_rows for file in files] == [3, 3, 2]


def test_own_earlier_output_is_replaced_whole(tmp_path, rows):
    write(tmp_path / "landing", "old1", "old2")
    with LandingWriter(tmp_path / "landing", "lastfm-csv", "ann") as writer:
        writer.add("users", {"user_id": "ann"})
    assert rows(tmp_path / "landing", "users") == [{"user_id": "ann"}]
    assert not (tmp_path / "landing/listens").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["landing"]


def test_note_that_the_command_adds_is_part_of_the_import(tmp_path):
    write(tmp_path / "landing", "old")
    landing_note.LandingNote("import lastfm-csv", "2026-09-02").write(tmp_path / "landing")
    write(tmp_path / "landing", "new")
    assert landing_note.read(tmp_path / "landing") is None  # the command writes the next one


def test_until_is_the_day_after_the_newest_listen(tmp_path):
    with LandingWriter(tmp_path / "landing", "lastfm-csv", "ann") as writer:
        for day in (3, 7, 5):
            writer.add("listens", listen() | {"started_at": NOON.replace(day=day)})
    assert writer.report().facts == {"until": "2026-09-08"}


def test_failing_import_leaves_the_landing_as_it_was(tmp_path):
    write(tmp_path / "landing", "old")
    before = tree(tmp_path)
    with pytest.raises(RuntimeError), LandingWriter(tmp_path / "landing", "lastfm-csv", "ann") as writer:
        writer.add("listens", listen())
        raise RuntimeError("torn source")
    assert tree(tmp_path) == before


def test_failing_swap_puts_the_old_landing_back(tmp_path, monkeypatch):
    write(tmp_path / "landing", "old")
    before = tree(tmp_path)
    rename = Path.rename

    def fails_on_the_new(path, target):
        if path.name == ".landing.importing":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails_on_the_new)
    with pytest.raises(OSError, match="Input/output error"):
        write(tmp_path / "landing", "new")
    assert tree(tmp_path) == before


def test_leftovers_of_a_killed_import_are_cleared(tmp_path):
    leftover = tmp_path / ".landing.importing/listens/half.parquet"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"PAR1")
    write(tmp_path / "landing", "t")
    assert set(tree(tmp_path)) == {"landing/_import.json", "landing/listens/lastfm-csv-00000.parquet"}


def test_empty_import_makes_a_landing(tmp_path):
    assert write(tmp_path / "landing").written == {}
    assert (tmp_path / "landing" / MARKER).is_file()


def other_data(landing):
    (landing / "listens").mkdir(parents=True)
    (landing / "listens/mine.jsonl").write_text("{}")


def extra_file(landing):
    write(landing, "t")
    (landing / "listens/extra.jsonl").write_text("{}")


def linked(landing):
    (landing.parent / "real").mkdir()
    landing.symlink_to(landing.parent / "real")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (other_data, r"holds data that no importer wrote \(listens/mine.jsonl\); give another folder with --landing"),
        (extra_file, r"holds files besides the earlier import \(listens/extra.jsonl\)"),
        (lambda landing: write(landing, "t", owner="bob"), "was written by the import of lastfm-csv bob"),
        (lambda landing: write(landing, "t", importer="spotify-history"), "was written by the import of spotify-history ann"),
        (lambda landing: landing.write_text("a file"), "is not a plain folder"),
        (linked, "is not a plain folder"),
    ],
)
def test_data_of_others_is_refused_and_untouched(tmp_path, prepare, message):
    prepare(tmp_path / "landing")
    before = tree(tmp_path)
    with pytest.raises(LandingError, match=message):
        write(tmp_path / "landing", "t")
    assert tree(tmp_path) == before


def test_damaged_marker_is_refused(tmp_path):
    write(tmp_path / "landing", "t")
    (tmp_path / "landing" / MARKER).write_text("{")
    with pytest.raises(LandingError, match=r"_import\.json is damaged; remove"):
        write(tmp_path / "landing", "t")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"user_id": ["a"], "track_id": ["t"]}), r"listens.started_at is null in 1 rows"),
        (pa.table({"user_id": ["a"], "ip_addr": ["::1"]}), r"listens has no fields \['ip_addr'\]"),
    ],
)
def test_rows_outside_the_contract_are_refused(tmp_path, table, message):
    with pytest.raises(LandingError, match=message), LandingWriter(tmp_path / "landing", "x") as writer:
        writer.add_batch("listens", table)
    assert list(tmp_path.iterdir()) == []
