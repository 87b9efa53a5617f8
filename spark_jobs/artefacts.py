"""Artefacts: a folder of .npy, .onnx or text files and a manifest with the sha256 of each. No pickle.

Files are written beside their place and renamed, so a folder that exists is whole; its name is the manifest's hash, so
the same training gives the same folder. Readers memory-map, and check each file's hash once per process and machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.errors import ArtefactError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Artefact:
    """What a trainer returns.

    arrays : name -> array, saved as NAME.npy.
    texts : file name -> content (LightGBM models, JSON).
    params : settings that made it; metrics : what the training measured.
    """

    arrays: dict[str, npt.NDArray[Any]]
    params: dict[str, Any]
    metrics: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ArtefactRef:
    """Where an artefact lies and what its manifest must hash to; small enough to travel to every worker."""

    name: str
    uri: str
    sha256: str


def save(root: Path, name: str, run_date: str, artefact: Artefact) -> ArtefactRef:
    """Write `artefact` below root/artefacts/name/run_date/ and return its reference. Twice the same gives the same folder."""
    home = root / "artefacts" / name / run_date
    home.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=home))
    try:
        for array_name, values in sorted(artefact.arrays.items()):
            np.save(building / f"{array_name}.npy", values, allow_pickle=False)
        for file_name, text in sorted(artefact.texts.items()):
            (building / file_name).write_text(text)
        digest = _write_manifest(building, name, run_date, artefact)
        place = home / digest[:16]
        ref = ArtefactRef(name, str(place), digest)
        if _is_whole(ref):  # the same bytes: a re-run
            shutil.rmtree(building)
        else:
            shutil.rmtree(place, ignore_errors=True)  # damaged: training again mends it
            os.replace(building, place)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return ref


def _is_whole(ref: ArtefactRef) -> bool:
    try:
        _check(ref)
    except ArtefactError:
        return False
    return True


def _write_manifest(building: Path, name: str, run_date: str, artefact: Artefact) -> str:
    files = {p.name: file_sha256(p) for p in sorted(building.iterdir())}
    manifest = {
        "name": name,
        "as_of": run_date,
        "files": files,
        "params": artefact.params,
        "metrics": artefact.metrics,
    }
    content = json.dumps(manifest, sort_keys=True, indent=1).encode()
    (building / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_checked: set[tuple[str, str]] = set()


def open_folder(ref: ArtefactRef) -> Path:
    """Folder of a whole artefact; every file's hash is checked on the first opening in a process.

    Raises
    ------
    ArtefactError
        Where the folder, the manifest or a file is missing or does not match.
    """
    if (ref.uri, ref.sha256) not in _checked:
        _check(ref)
        _checked.add((ref.uri, ref.sha256))
    return Path(ref.uri)


def _check(ref: ArtefactRef) -> None:
    """Hash every file of an artefact; ArtefactError where one is missing or does not match."""
    folder = Path(ref.uri)
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError as missing:
        raise ArtefactError(f"artefact {ref.name}: no manifest in {folder} ({missing.strerror}); train it again") from None
    if hashlib.sha256(content).hexdigest() != ref.sha256:
        raise ArtefactError(f"artefact {ref.name}: the manifest in {folder} is not the registered one; train it again")
    for file_name, expected in json.loads(content)["files"].items():
        path = folder / file_name
        got = file_sha256(path) if path.is_file() else "no file"
        if got != expected:
            raise ArtefactError(f"artefact {ref.name}: {path} has hash {got}, its manifest says {expected}; train it again")


def manifest(ref: ArtefactRef) -> dict[str, Any]:
    """The manifest of a checked artefact."""
    content: dict[str, Any] = json.loads((open_folder(ref) / MANIFEST).read_text())
    return content


def load_arrays(ref: ArtefactRef) -> dict[str, npt.NDArray[Any]]:
    """Memory-mapped arrays by name: an artefact costs its size once per machine."""
    folder = open_folder(ref)
    return {p.stem: np.load(p, mmap_mode="r", allow_pickle=False) for p in sorted(folder.glob("*.npy"))}
