"""The registry of importers: what `plant import` can rely on."""

from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from conf.errors import DiskError, LandingError, UsageError
from spark_jobs.intake.importers import IMPORTERS, importer


@pytest.mark.parametrize("entry", IMPORTERS.values(), ids=IMPORTERS.keys())
def test_read_takes_exactly_the_options_of_its_entry(entry):
    parameters = inspect.signature(entry.read).parameters
    keywords = [name for name, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    assert list(parameters)[:2] == ["source", "landing"]
    assert sorted(keywords) == sorted(option.keyword for option in entry.options)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match="no importer 'itunes'; known: lastfm-2k, listenbrainz-dump"):
        importer("itunes")


def test_option_of_another_format_is_refused_by_its_flag(tmp_path):
    given = {"user_id": "ann", "until": date(2026, 9, 6), "seed": None}
    with pytest.raises(UsageError, match="spotify-history does not take --until; it takes --user"):
        importer("spotify-history").run(tmp_path, tmp_path / "landing", given)


@pytest.mark.parametrize(("name", "flag"), [("spotify-history", "--user"), ("lastfm-csv", "--user"), ("lastfm-2k", "--tracks")])
def test_missing_option_is_named_with_its_meaning(tmp_path, name, flag):
    with pytest.raises(UsageError, match=rf"import {name} needs {flag} \("):
        importer(name).run(tmp_path, tmp_path / "landing", {})


def test_absent_source_is_named(tmp_path):
    with pytest.raises(LandingError, match=r"nowhere does not exist; give the file or folder"):
        importer("listenbrainz-dump").run(tmp_path / "nowhere", tmp_path / "landing", {})


def test_unreadable_disk_is_said(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spark_jobs.intake.importers.landing_writer.pq.ParquetWriter", full)
    (tmp_path / "a.csv").write_text("uts,artist,track\n1767265200,Mgła,I\n", encoding="utf-8")
    with pytest.raises(DiskError, match=r"import lastfm-csv: .*No space left on device; .*landing is as it was"):
        importer("lastfm-csv").run(tmp_path / "a.csv", tmp_path / "landing", {"user_id": "ann"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_registry_loads_no_heavy_library():
    code = "import sys, spark_jobs.intake.importers; print(sorted({'pandas', 'duckdb', 'pyarrow', 'numpy'} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
