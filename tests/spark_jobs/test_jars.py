"""Spark's two jars: present and exactly the locked ones, or a line that says what to do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from conf.errors import ContractError
from spark_jobs import jars


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(jars, "HOME", tmp_path)
    return tmp_path


def test_two_coordinates_are_locked_by_sha256() -> None:
    locked = jars.locked()
    assert [coordinate.split(":")[0] for coordinate in locked] == ["io.delta", "io.delta"]
    assert all(len(digest) == 64 and int(digest, 16) for digest in locked.values())


def test_missing_jar_says_what_to_run(empty_home: Path) -> None:
    with pytest.raises(ContractError, match=r"delta-spark_4\.2_2\.13-.*\.jar is missing: run `make setup`"):
        jars.paths()


def test_another_jar_of_the_same_name_is_refused(empty_home: Path) -> None:
    for coordinate in jars.locked():
        jars.path_of(coordinate).write_bytes(b"not the jar")
    with pytest.raises(ContractError, match=r"is not the one of conf/jars\.lock"):
        jars.paths()


def test_fetch_does_nothing_when_all_is_there(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"a jar"
    monkeypatch.setattr(jars, "locked", lambda: {"group:name:1.0": hashlib.sha256(content).hexdigest()})
    (empty_home / "name-1.0.jar").write_bytes(content)
    monkeypatch.setattr(jars, "_resolve", lambda ivy: pytest.fail("nothing is to be fetched"))
    jars.fetch()
    assert jars.paths() == [str(empty_home / "name-1.0.jar")]
