"""JSON of exports: torn lines, lines without end, documents too large."""

from __future__ import annotations

import pytest

from conf.errors import LandingError
from spark_jobs.intake.importers import json_files
from spark_jobs.intake.importers.json_files import json_document, json_lines, record, text
from spark_jobs.intake.importers.source_files import source_files


def test_torn_lines_come_as_none_and_blank_ones_not_at_all(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'{"a":1}\n\n{"a":\n"\xff"\n[2]')
    with source_files(tmp_path / "x.jsonl") as files:
        assert list(json_lines(files[0])) == [(1, {"a": 1}), (3, None), (4, None), (5, [2])]


def test_document_too_large_to_parse_whole_is_refused_before_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(json_files, "MAX_DOCUMENT_BYTES", 4)
    (tmp_path / "x.json").write_text("[1, 2, 3]")
    with source_files(tmp_path / "x.json") as files, pytest.raises(LandingError, match=r"at most 0 MiB, saw 0 MiB in x"):
        json_document(files[0], "an array")


def test_line_without_end_is_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(json_files, "MAX_LINE_BYTES", 4)
    (tmp_path / "x.jsonl").write_bytes(b'"abcdefgh"\n[1]\n')
    with source_files(tmp_path / "x.jsonl") as files:
        assert [value for _, value in json_lines(files[0])] == [None, None, None, [1]]


def test_values_of_other_kinds_count_as_none():
    assert (record([1]), record({"a": 1}), text(7), text(" "), text("a")) == ({}, {"a": 1}, None, None, "a")
