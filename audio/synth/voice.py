"""tune -> singing: a glottal source with the formants of vowels, vibrato, glides, and noise where consonants are.

Vowels are the formant tables of Peterson & Barney 1952 (https://doi.org/10.1121/1.1906875), rounded. Each note is one
syllable: its wave table holds the harmonics as loud as the vowel lets them through, read at a pitch that moves.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from audio.constants import SAMPLE_RATE
from audio.synth.clip import lay
from audio.synth.plan import Plan
from audio.synth.rhythm import Notes
from audio.synth.song import Song, stream

Floats = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

SUNG_FROM = 0.25  # below this reading nobody sings
VOWELS = {"a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010), "o": (570, 840, 2410), "u": (300, 870, 2240)}
_BANDWIDTHS = np.array([80.0, 100.0, 140.0])
_TABLE = 1024
_CONSONANT_HZ = (2500.0, 4500.0, 6500.0)


def sung_bars(song: Song, plan: Plan) -> set[int]:
    """Bars in which somebody sings: pairs of bars, as large a share of the song as `voice` says; empty below SUNG_FROM."""
    if song.voice < SUNG_FROM:
        return set()
    pairs = -(-plan.bars // 2)
    rng = stream(song, "sung bars")
    # a voice prefers the loud sections
    order = np.argsort(-(plan.level[::2][:pairs] * 0.5 + rng.random(pairs)), kind="stable")
    chosen = order[: max(1, round(pairs * min(1.0, 0.2 + 0.9 * song.voice)))]
    return {2 * int(pair) + bar for pair in chosen for bar in (0, 1)}


def sing(song: Song, notes: Notes, cents: float, n: int) -> Floats:
    """Sing the notes, float32 [n]; `cents` is the song's tuning."""
    rng = stream(song, "voice")
    stem = np.zeros(n, np.float32)
    stretch = float(rng.uniform(0.95, 1.2))  # a shorter throat has higher formants
    vibrato = (float(rng.uniform(4.8, 6.3)), float(rng.uniform(0.1, 0.45)))
    before = float(notes.midi[0]) if len(notes.midi) else 0.0
    for start, seconds, midi, velocity in zip(notes.start, notes.seconds, notes.midi, notes.velocity, strict=True):
        pitch = midi + cents / 100
        lay(stem, float(start) - 0.07, _consonant(rng), float(velocity))
        lay(stem, float(start), _syllable(rng, pitch, before - midi, float(seconds), stretch, vibrato), float(velocity))
        before = float(midi)
    return stem


def _syllable(
    rng: np.random.Generator, midi: float, leap: float, seconds: float, stretch: float, vibrato: tuple[float, float]
) -> Floats:
    n = max(400, int(seconds * SAMPLE_RATE))
    t = np.arange(n, dtype=np.float32) / np.float32(SAMPLE_RATE)
    settled = np.clip((t - 0.15) / 0.2, 0, 1)
    bend = np.clip(leap, -3, 3) * np.exp(-t / 0.025) + vibrato[1] * settled * np.sin(2 * np.pi * vibrato[0] * t)
    hz = 440.0 * 2 ** ((midi - 69) / 12) * np.exp2(bend / 12)
    phase = np.cumsum(hz / SAMPLE_RATE)
    at = ((phase - np.floor(phase)) * _TABLE).astype(np.int32) % _TABLE
    first, second = rng.choice(list(VOWELS), 2)
    mix = np.clip((t / t[-1] - 0.6) / 0.4, 0, 1) if rng.random() < 0.4 else np.zeros_like(t)
    top = min(int(0.45 * SAMPLE_RATE / hz.max()), _TABLE // 2 - 1)
    cycle = [_cycle(str(vowel), round(float(midi)), round(stretch, 2), top) for vowel in (first, second)]
    wave = cycle[0][at] * (1 - mix) + cycle[1][at] * mix
    wave *= np.minimum(1, t / 0.035) * np.minimum(1, (t[-1] - t) / 0.06)
    return np.asarray(wave, np.float32)


@cache
def _cycle(vowel: str, midi: int, stretch: float, top: int) -> Floats:
    """One period of a sung vowel, float32 [_TABLE], root mean square 1."""
    k = np.arange(1, max(2, top) + 1)
    hz = 440.0 * 2 ** ((midi - 69) / 12) * k
    formants = np.array(VOWELS[vowel]) * stretch
    weight = np.array([1.0, 0.6, 0.35])
    passed = (weight / (1 + ((hz[:, None] - formants) / _BANDWIDTHS) ** 2) ** 0.5).sum(axis=1) + 0.02
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex128)
    spectrum[k] = passed * k**-0.7 * np.exp(1j * k**2 * 0.13)  # spread phases: no needle once a period
    wave = np.fft.irfft(spectrum, _TABLE)
    return np.asarray(wave / wave.std(), np.float32)


def _consonant(rng: np.random.Generator) -> Floats:
    """A hiss or a burst of 70 ms before the vowel; every third syllable has none."""
    n = int(0.07 * SAMPLE_RATE)
    kind = rng.random()
    if kind < 0.33:
        return np.zeros(1, np.float32)
    centre = float(rng.choice(_CONSONANT_HZ))
    hz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
    hiss = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * np.exp(-(((hz - centre) / 1500) ** 2)), n)
    shape = np.hanning(n) if kind < 0.7 else np.exp(-np.linspace(5, 0, n))
    return np.asarray(0.5 * hiss / hiss.std() * shape, np.float32)
