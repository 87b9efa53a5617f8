"""Simulated songs whose tempo and key are planted, and a shelf of files of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE = 22_050


def song(bpm: float, tonic: int, mode: str, seconds: float = 16.0) -> np.ndarray:
    """Simulated: a click a beat, and the chords I IV V I of a key, one a bar."""
    t = np.arange(round(seconds * RATE)) / RATE
    beat = 60.0 / bpm
    rng = np.random.default_rng(7)
    y = 0.4 * rng.standard_normal(len(t)) * np.exp(-60 * (t % beat))
    third = 4 if mode == "major" else 3
    for bar, root in enumerate(np.resize([0, 5, 7, 0], int(seconds / (4 * beat)) + 1)):
        sounding = (t >= bar * 4 * beat) & (t < (bar + 1) * 4 * beat)
        # In a minor key the fifth's chord is a minor one as well: the natural scale.
        for interval in (0, third, 7):
            hz = 261.63 * 2 ** ((tonic + root + interval) / 12)
            y[sounding] += 0.1 * np.sin(2 * np.pi * hz * t[sounding])
    return y.astype(np.float32)


def fill_shelf(folder: Path) -> None:
    """Write six files: four songs, one cut short and one that is text."""
    for name, bpm, tonic, mode in (
        ("b fis.wav", 120, 6, "minor"),
        ("a c.flac", 96, 0, "major"),
        ("d/es.ogg", 140, 3, "major"),
        ("d/g.txt", 110, 7, "minor"),
    ):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, song(bpm, tonic, mode), RATE, format={".txt": "FLAC"}.get(path.suffix))
    whole = (folder / "b fis.wav").read_bytes()
    (folder / "c cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "e.mp3").write_text("this is no music")
