"""One stroke of each drum and cymbal, acoustic or machine, tuned and damped as the song's seed says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audio.constants import SAMPLE_RATE
from audio.synth.song import Song, stream

Floats = npt.NDArray[np.float32]

KIT = ("kick", "snare", "hat", "open_hat", "shaker", "tom", "crash")


def drum_kit(song: Song) -> dict[str, Floats]:
    """A stroke of each of KIT, float32 [samples], loudest about 1; the bright share of noise follows `brightness`."""
    rng = stream(song, "kit")
    machine = 1.0 - song.acousticness
    sharp = float(np.clip(song.brightness / 4000, 0.2, 1.0))
    return {
        "kick": _kick(rng, machine),
        "snare": _snare(rng, machine, sharp),
        "hat": _noise(rng, 0.05, 4500 + 3500 * sharp),
        "open_hat": _noise(rng, 0.28, 4500 + 3000 * sharp),
        "shaker": _noise(rng, 0.07, 3500, attack_s=0.02),
        "tom": _swept(rng, rng.uniform(90, 150), 0.6, 0.3, 0.15),
        "crash": _noise(rng, 1.1, 3000 + 2000 * sharp),
    }


def _decay(seconds: float) -> Floats:
    """Fall by 60 dB over `seconds`, float32."""
    n = int(seconds * SAMPLE_RATE)
    return np.exp(np.linspace(0.0, -6.9, n)).astype(np.float32)


def _swept(rng: np.random.Generator, hz: float, drop: float, seconds: float, noise: float) -> Floats:
    """A skin: its pitch falls by the factor 1 + `drop` in the first 30 ms or so, with a click of noise."""
    fall = _decay(seconds)
    t = np.arange(len(fall)) / SAMPLE_RATE
    phase = 2 * np.pi * hz * (t + drop * 0.03 * (1 - np.exp(-t / 0.03)))
    click = noise * rng.standard_normal(len(fall)) * np.exp(-t / 0.004)
    return np.asarray((np.sin(phase) + click) * fall, np.float32)


def _kick(rng: np.random.Generator, machine: float) -> Floats:
    return _swept(rng, rng.uniform(48, 65), 1.5 + 2.5 * rng.random(), 0.18 + 0.35 * machine * rng.random(), 0.5)


def _snare(rng: np.random.Generator, machine: float, sharp: float) -> Floats:
    """A skin under a rattle of wires; machines clap as often, in a few bursts within 30 ms."""
    rattle = _noise(rng, rng.uniform(0.13, 0.3), 900 + 1500 * sharp)
    if machine > 0.5 and rng.random() < 0.4:
        clap = np.zeros(len(rattle) + 700, np.float32)
        for at in (0, 230, 480, 700):
            clap[at : at + len(rattle)] += rattle * (1.0 if at == 700 else 0.6)
        return np.asarray(clap / np.abs(clap).max(), np.float32)
    skin = _swept(rng, rng.uniform(160, 230), 0.4, 0.12, 0.2)
    both = rattle.copy()
    both[: len(skin)] += 0.7 * skin[: len(both)]
    return np.asarray(both / np.abs(both).max(), np.float32)


def _noise(rng: np.random.Generator, seconds: float, above_hz: float, attack_s: float = 0.001) -> Floats:
    """Noise above a frequency that dies away."""
    fall = _decay(seconds)
    spectrum = np.fft.rfft(rng.standard_normal(len(fall)))
    hz = np.fft.rfftfreq(len(fall), 1 / SAMPLE_RATE)
    wave = np.fft.irfft(spectrum / (1 + (above_hz / np.maximum(hz, 1.0)) ** 6), len(fall)).astype(np.float32) * fall
    rise = min(len(wave), max(1, int(attack_s * SAMPLE_RATE)))
    wave[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    return np.asarray(wave / np.abs(wave).max(), np.float32)
