"""timbre, texture, tempo, key -> energy, acousticness, voice, valence and arousal: what has no formula, only judgement.

Energy is a stated mixture of loudness, density and brightness. Acousticness, voice and valence are ridge regressions on the
texture of 32 bands (audio/texture.py), learned by bench/learn_readings.py from simulated songs, whose truth is planted, and
for the first two from rendered and spoken sounds of known kind. Held-out correlations: docs/audio.md. They order a catalogue;
a single number may be far off on a sound unlike those.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio.key import Key
from audio.tempo import Tempo
from audio.timbre import Timbre

Floats = npt.NDArray[np.float32]

LEARNED = ("acousticness", "voice", "valence")
WEIGHTS = Path(__file__).parent / "learned" / "readings.npz"
FARTHEST = 3.0  # deviations: beyond what was learned from, a statistic says no more
# Energy: (weight, value at 0, value at 1) of each part. -32 LUFS is a quiet chamber recording, -9 a loud master.
_LOUDNESS = (0.5, -32.0, -9.0)
_ONSETS = (0.2, 0.5, 6.0)
_FLATNESS = (0.15, -45.0, -10.0)
_OCTAVES = (0.15, np.log2(500.0), np.log2(4000.0))


@dataclass(frozen=True)
class Readings:
    """What a clip feels like.

    Attributes
    ----------
    energy : 0 calm to 1 loud, dense and bright.
    acousticness : 0 electronic to 1 acoustic.
    instrumentalness : 0 sung or spoken to 1 without a voice.
    valence : -1 sad to 1 glad.
    arousal : -1 asleep to 1 wide awake: energy, and a little of the tempo.
    """

    energy: float
    acousticness: float
    instrumentalness: float
    valence: float
    arousal: float


def readings(timbre: Timbre, texture: Floats, onset_rate: float, tempo: Tempo, key: Key | None) -> Readings:
    """Judge a clip.

    Parameters
    ----------
    texture : as `audio.texture.texture` gives. onset_rate : onsets per second.
    """
    energy = energy_of(timbre, onset_rate)
    learned = learned_readings(texture)
    pace = 0.0 if tempo.bpm is None else float(np.clip(np.log2(tempo.bpm / 110.0), -1, 1)) * tempo.confidence
    mode = 0.0 if key is None else (1.0 if key.mode == "major" else -1.0) * key.confidence
    return Readings(
        energy=energy,
        acousticness=learned["acousticness"],
        instrumentalness=1.0 - learned["voice"],
        # Listeners hear major as glad (Eerola & Vuoskoski 2011); the simulation leaves the mode out of its valence.
        valence=float(np.clip(1.6 * (learned["valence"] - 0.5) + 0.2 * mode, -1, 1)),
        arousal=float(np.clip(1.7 * (energy - 0.5) + 0.15 * pace, -1, 1)),
    )


def energy_of(timbre: Timbre, onset_rate: float) -> float:
    """Mixture of loudness, onsets per second, noisiness and brightness, each from 0 to 1; in [0, 1]."""
    values = (timbre.loudness_db, onset_rate, timbre.flatness, np.log2(max(timbre.centroid_hz, 1.0)))
    parts = zip(values, (_LOUDNESS, _ONSETS, _FLATNESS, _OCTAVES), strict=True)
    return float(sum(weight * np.clip((value - low) / (high - low), 0, 1) for value, (weight, low, high) in parts))


def learned_readings(texture: Floats) -> dict[str, float]:
    """Each of LEARNED in [0, 1]."""
    weights = _weights()
    seen = np.clip((texture - weights["mean"]) / weights["spread"], -FARTHEST, FARTHEST)
    values = seen @ weights["slope"] + weights["level"]
    return dict(zip(LEARNED, np.clip(values, 0, 1).astype(float).tolist(), strict=True))


@cache
def _weights() -> dict[str, Floats]:
    with np.load(WEIGHTS, allow_pickle=False) as saved:
        return dict(saved)
