"""Sound files that the tests make: songs of a tone or noise, and one broken file of each kind with its one reason."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from audio.constants import SAMPLE_RATE

Write = Callable[..., Path]


def tone(pitch_hz: float = 440.0, seconds: float = 1.2, seed: int = 1) -> npt.NDArray[np.float32]:
    """A plucked tone over a little noise, float32 [n]."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = 0.01 * np.random.default_rng(seed).standard_normal(len(t))
    return (0.4 * np.exp(-4 * (t % 0.5)) * np.sin(2 * np.pi * pitch_hz * t) + noise).astype(np.float32)


def encoded(kind: str, y: npt.NDArray[np.float32]) -> bytes:
    memory = io.BytesIO()
    soundfile.write(memory, y, SAMPLE_RATE, format=kind.upper(), **({"subtype": "FLOAT"} if kind == "wav" else {}))
    return memory.getvalue()


@pytest.fixture
def song() -> Write:
    """Write a file that can be heard: `song(path, pitch_hz)`, its format by the path's ending."""

    def write(path: Path, pitch_hz: float = 440.0, seconds: float = 1.2) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(path.suffix[1:], tone(pitch_hz, seconds)))
        return path

    return write


@pytest.fixture
def broken_files(tmp_path: Path) -> dict[str, str]:
    """Path below tmp_path/audio as a catalogue may give it -> the one reason why nothing is heard there."""
    root = tmp_path / "audio"
    root.mkdir(exist_ok=True)
    contents = _contents()
    for name, (content, _) in contents.items():
        (root / name).write_bytes(content)
    return {name: reason for name, (_, reason) in contents.items()} | _paths_that_lead_nowhere(root)


def _contents() -> dict[str, tuple[bytes, str]]:
    whole = {kind: encoded(kind, tone(seconds=4.0)) for kind in ("mp3", "ogg", "flac", "wav")}
    cut = {f"cut.{kind}": (whole[kind][: len(whole[kind]) * 6 // 10], "truncated") for kind in ("mp3", "ogg", "flac")}
    hole = tone(seconds=2.0)
    hole[20_000:20_010] = np.nan
    return cut | {
        "empty.mp3": (b"", "empty"),
        "text.mp3": (b"<html><body>404: not here any more</body></html>\n" * 40, "unrecognised"),
        "nan.wav": (encoded("wav", hole), "corrupt_samples"),
        "silence.flac": (encoded("flac", np.zeros(2 * SAMPLE_RATE, np.float32)), "silent"),
        "three_samples.wav": (encoded("wav", tone()[:3]), "too_short"),
        "ten_hours.wav": (_claiming_ten_hours(whole["wav"]), "truncated"),
        "garbage.flac": (whole["flac"][:42] + np.random.default_rng(3).bytes(50_000), "decode_error"),
    }


def _claiming_ten_hours(wav: bytes) -> bytes:
    at = wav.index(b"data") + 4
    return wav[:at] + struct.pack("<I", 10 * 3600 * SAMPLE_RATE * 4 % 2**32) + wav[at + 4 :]


def _paths_that_lead_nowhere(root: Path) -> dict[str, str]:
    outside = root.parent / "outside.wav"
    outside.write_bytes(encoded("wav", tone()))
    (root / "link_out.wav").symlink_to(outside)
    (root / "folder_out").symlink_to(root.parent)
    (root / "circle.wav").symlink_to(root / "circle.wav")
    (root / "folder.wav").mkdir()
    os.mkfifo(root / "fifo.wav")
    named: list[Any] = ["link_out.wav", "folder_out/outside.wav", "circle.wav", "folder.wav", "fifo.wav", "gone.wav"]
    named += [outside, "../outside.wav", "https://example.org/a.mp3", f"file://{outside}", "a\0b.wav", "x" * 5000]
    return {str(name): "missing" for name in named}
