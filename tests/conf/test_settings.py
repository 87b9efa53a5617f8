"""Settings refuse what they do not know, and say where and what they saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conf import settings
from conf.errors import SettingsError
from conf.settings import Settings


@pytest.fixture
def yaml_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CONF", tmp_path)
    (tmp_path / "base.yaml").write_text("landing: a\ntrain_mf: {dimensions: 32, epochs: 3}\n")
    return tmp_path


def test_environment_lies_over_base_and_options_over_both(yaml_folder: Path) -> None:
    (yaml_folder / "small.yaml").write_text("train_mf: {dimensions: 16}\nwarehouse: w\n")
    loaded = settings.load("small", landing=Path("given"), warehouse=None)
    assert (loaded.train_mf.dimensions, loaded.train_mf.epochs) == (16, 3)
    assert (loaded.landing, loaded.warehouse) == (Path("given"), Path("w"))


def test_another_landing_folder_has_another_truth(yaml_folder: Path, tmp_path: Path) -> None:
    (yaml_folder / "world.yaml").write_text("landing: w/landing\ntruth: w/truth\n")
    assert settings.load("world").truth == Path("w/truth")
    assert settings.load("world", landing=tmp_path / "other" / "landing").truth == tmp_path / "other" / "truth"
    assert settings.load("world", landing=tmp_path, truth=Path("told")).truth == Path("told")
    assert settings.load(landing=tmp_path).truth is None, "without the environment's word no truth is read"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("train_mf: {dimension: 8}", "train_mf.dimension: Extra inputs are not permitted"),  # mistyped word
        ("train_mf: {dimensions: 0}", "train_mf.dimensions: Input should be greater than or equal to 1 (got 0)"),
        ("ingest_listens: {max_quarantined: 5}", "ingest_listens.max_quarantined: Input should be less than or equal to 1"),
        ("publish_discover_weekly: {stores: [mailbox]}", "publish_discover_weekly.stores.0"),
        ("[1, 2]", "must hold names and values, saw a list"),
        ("a: [", "is not yaml"),
    ],
)
def test_refuses(yaml_folder: Path, text: str, seen: str) -> None:
    (yaml_folder / "wrong.yaml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        settings.load("wrong")
    assert seen in str(refused.value)


def test_unknown_environment_names_the_known_ones(yaml_folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"no settings file production\.yaml in conf/: --env takes one of base"):
        settings.load("production")


def test_settings_do_not_change_under_a_run() -> None:
    with pytest.raises(Exception, match="frozen"):
        Settings().train_mf.dimensions = 8  # type: ignore[misc]


def test_fingerprint_follows_values_alone() -> None:
    one, same, other = (Settings.model_validate({"train_mf": {"dimensions": d}}).train_mf for d in (8, 8, 9))
    prints: list[Any] = [settings.fingerprint(part) for part in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]
