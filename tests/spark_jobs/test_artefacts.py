"""Artefacts: whole or refused, never pickled, the same for the same content."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conf.errors import ArtefactError
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef

MODEL = Artefact(
    {"factors": np.arange(6, dtype=np.float32).reshape(2, 3)}, {"dimensions": 3}, {"ndcg": 0.5}, {"trees.txt": "tree\n"}
)


def test_same_content_same_folder(tmp_path: Path) -> None:
    first, second = (artefacts.save(tmp_path, "mf", "2026-09-07", MODEL) for _ in range(2))
    assert first == second
    assert len(list((tmp_path / "artefacts/mf/2026-09-07").iterdir())) == 1


def test_other_content_another_folder(tmp_path: Path) -> None:
    refs = {artefacts.save(tmp_path, "mf", "2026-09-07", Artefact({"x": np.array([n])}, {})).uri for n in range(3)}
    assert len(refs) == 3


def test_arrays_come_back_memory_mapped(tmp_path: Path) -> None:
    ref = artefacts.save(tmp_path, "mf", "2026-09-07", MODEL)
    arrays = artefacts.load_arrays(ref)
    assert isinstance(arrays["factors"], np.memmap)
    np.testing.assert_array_equal(arrays["factors"], MODEL.arrays["factors"])
    assert (Path(ref.uri) / "trees.txt").read_text() == "tree\n"


def test_manifest_tells_what_made_it(tmp_path: Path) -> None:
    manifest = artefacts.manifest(artefacts.save(tmp_path, "mf", "2026-09-07", MODEL))
    assert (manifest["name"], manifest["as_of"]) == ("mf", "2026-09-07")
    assert (manifest["params"], manifest["metrics"]) == ({"dimensions": 3}, {"ndcg": 0.5})
    assert manifest["files"].keys() == {"factors.npy", "trees.txt"}


def test_objects_are_never_pickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        artefacts.save(tmp_path, "mf", "2026-09-07", Artefact({"x": np.array([{}], dtype=object)}, {}))
    assert list((tmp_path / "artefacts/mf/2026-09-07").iterdir()) == [], "what was begun is gone"


def _change_a_file(folder: Path) -> None:
    (folder / "trees.txt").write_text("another\n")


def _lose_a_file(folder: Path) -> None:
    (folder / "factors.npy").unlink()


def _lose_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _swap_the_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"metrics": {"ndcg": 1.0}}))


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        (_change_a_file, r"trees\.txt has hash \w+, its manifest says"),
        (_lose_a_file, r"factors\.npy has hash no file"),
        (_lose_the_manifest, "no manifest in"),
        (_swap_the_manifest, "is not the registered one"),
    ],
)
def test_damage_is_refused_and_says_what_to_do(tmp_path: Path, damage: object, seen: str) -> None:
    ref = artefacts.save(tmp_path, "mf", "2026-09-07", MODEL)
    damage(Path(ref.uri))  # type: ignore[operator]
    with pytest.raises(ArtefactError, match=f"{seen}.*train it again"):
        artefacts.open_folder(ref)


@pytest.mark.parametrize("damage", [_change_a_file, _lose_a_file, _lose_the_manifest, _swap_the_manifest])
def test_training_again_mends_it(tmp_path: Path, damage: object) -> None:
    """The same training gives the same folder, which must not be left as it was."""
    ref = artefacts.save(tmp_path, "mf", "2026-09-07", MODEL)
    damage(Path(ref.uri))  # type: ignore[operator]
    assert artefacts.save(tmp_path, "mf", "2026-09-07", MODEL) == ref
    assert artefacts.load_arrays(ref)["factors"].tolist() == MODEL.arrays["factors"].tolist()
    assert len(list((tmp_path / "artefacts/mf/2026-09-07").iterdir())) == 1


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="train it again"):
        artefacts.open_folder(ArtefactRef("mf", str(tmp_path / "none"), "0" * 64))
