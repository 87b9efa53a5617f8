"""pitch -> the sound of one note: sums of decaying partials, one recipe an instrument.

A struck or plucked string is the sum of its modes, each with its own decay (what Karplus & Strong 1983,
https://doi.org/10.2307/3680062, make with a delay line, yet tuned exactly); stiff strings stretch (Fletcher 1964). Sums are
matrix products: the phasor at sample b * B + m is that at b * B times that at m, so a second of 24 partials costs .3 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio.constants import SAMPLE_RATE

Floats = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Partials = tuple[Float64s, Float64s, Float64s]  # Hz, amplitude, decay to 1/e in 1/s
Recipe = Callable[[float, float, np.random.Generator], Partials]

_HIGHEST_HZ = 0.47 * SAMPLE_RATE
# OpenBLAS multiplies matrices of up to so many products in the thread that asks: beyond, its threads wait for one another, and
# a song costs .33 CPU seconds instead of .05.
_SERIAL_PRODUCT = 2**18


@dataclass(frozen=True)
class Instrument:
    """How an instrument sounds.

    Attributes
    ----------
    acoustic : whether strings, bars or pipes make it.
    recipe : (fundamental in Hz, rolloff, random numbers) -> partials; rolloff, about 0.7 to 1.8, is the spectrum's steepness.
    attack_s, release_s : seconds to fade in, and out after the note's end.
    """

    acoustic: bool
    recipe: Recipe
    attack_s: float
    release_s: float


def sum_of_partials(partials: Partials, phase: Float64s, n: int) -> Floats:
    """Return float32 [n] of sum a * exp(-d t) * cos(2 pi f t + phase).

    Parameters
    ----------
    partials : Hz, amplitudes, decays (1/s), float64 [k] each. phase : float64 [k], radians.
    """
    hz, size, decay = partials
    rate = (2j * np.pi * hz - decay) / SAMPLE_RATE
    width = int(np.ceil(n**0.5))
    together = max(1, _SERIAL_PRODUCT // (2 * len(hz) * width))
    batches = -(-n // (width * together))
    rows = size * np.exp(1j * phase) * np.exp(rate * width * np.arange(batches * together)[:, None])
    columns = np.exp(rate * np.arange(width)[:, None])
    left = np.hstack([rows.real, -rows.imag]).astype(np.float32)
    right = np.hstack([columns.real, columns.imag]).astype(np.float32)
    return np.asarray((left.reshape(batches, together, -1) @ right.T).ravel()[:n], np.float32)


def tone(
    instrument: Instrument, hz: float, n: int, rolloff: float, roughness: float, rng: np.random.Generator
) -> Floats:  # fmt: skip
    """One note held for `n` samples, float32 [n], loudest about 1; roughness in [0, 1] splits partials that beat."""
    size_of = instrument.recipe(hz, rolloff, rng)
    audible = size_of[0] < _HIGHEST_HZ
    frequency, size, decay = (column[audible] for column in size_of)
    if roughness > 0.05:  # as many above as below, so that the tuning stays
        cents = rng.uniform(25, 90, len(frequency)) * rng.choice([-1, 1], len(frequency))
        frequency = np.concatenate([frequency, frequency * 2 ** (cents / 1200)])
        size = np.concatenate([size, size * roughness * 0.8])
        decay = np.tile(decay, 2)
    wave = sum_of_partials((frequency, size, decay), rng.uniform(0, 2 * np.pi, len(frequency)), n)
    rise = min(n, max(2, int(instrument.attack_s * SAMPLE_RATE)))
    wave[:rise] *= np.linspace(0, 1, rise, dtype=np.float32) ** 2
    return np.asarray(wave / (np.abs(wave).max() + 1e-9), np.float32)


def _orders(hz: float, most: int) -> Float64s:
    return np.arange(1, max(2, min(most, int(_HIGHEST_HZ / hz))) + 1, dtype=np.float64)


def _piano(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = _orders(hz, 18)
    stretched = hz * k * np.sqrt((1 + 4e-4 * k**2) / (1 + 4e-4))
    return stretched, k ** -(rolloff + 0.3), (0.5 + 0.35 * k) * (hz / 260) ** 0.6


def _guitar(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = _orders(hz, 20)
    place = 0.13 + 0.1 * rng.random()  # where the string is plucked
    return hz * k, np.abs(np.sin(np.pi * k * place)) * k**-rolloff, 1.2 + 0.06 * k**2


def _harp(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = _orders(hz, 12)
    return hz * k, k ** -(rolloff + 0.7), 1.0 + 0.5 * k


def _strings(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = _orders(hz, 16)
    cents = rng.normal(0, 5, (3, 1))  # a section: nobody plays quite the same pitch
    body = 1 + 0.5 * np.sin(np.log2(hz * k) * 5.0)
    return (hz * k * 2 ** (cents / 1200)).ravel(), np.tile(body * k**-rolloff, 3), np.zeros(3 * len(k))


def _flute(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = _orders(hz, 6)
    return hz * k, k ** -(rolloff + 1.0), np.full(len(k), 0.15)


def _marimba(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    return hz * np.array([1.0, 3.93, 9.2]), np.array([1.0, 0.3, 0.12]) ** rolloff, np.array([4.0, 9.0, 20.0])


def _saw(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = _orders(hz, 24)
    cents = np.array([[-7.0], [7.0]])
    return (hz * k * 2 ** (cents / 1200)).ravel(), np.tile(k ** -(rolloff - 0.1), 2), np.tile(0.02 * k, 2)


def _square_pluck(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = _orders(hz, 25)[::2]
    return hz * k, k**-rolloff, 2.5 + 0.7 * k  # the filter closes: high partials fade first


def _organ(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0])
    return hz * k, np.array([1.0, 0.8, 0.6, 0.35, 0.2, 0.2]) ** rolloff, np.zeros(6)


def _electric_piano(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = np.array([1.0, 2.0, 3.0, 4.0, 14.0, 15.0])
    return hz * k, np.array([1.0, 0.35, 0.15, 0.08, 0.1, 0.05]) ** rolloff, np.array([1.2, 2.0, 3.0, 4.0, 14.0, 14.0])


def _upright(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = _orders(hz, 14)
    return hz * k, k ** -(rolloff + 0.4), 1.5 + 0.5 * k


def _synth_bass(hz: float, rolloff: float, rng: np.random.Generator) -> Partials:
    k = _orders(hz, 24)
    return hz * k, k**-rolloff, 0.3 + 0.25 * k


INSTRUMENTS = {
    "piano": Instrument(True, _piano, 0.002, 0.12),
    "guitar": Instrument(True, _guitar, 0.001, 0.10),
    "harp": Instrument(True, _harp, 0.002, 0.40),
    "strings": Instrument(True, _strings, 0.09, 0.15),
    "flute": Instrument(True, _flute, 0.05, 0.06),
    "marimba": Instrument(True, _marimba, 0.001, 0.20),
    "saw": Instrument(False, _saw, 0.03, 0.08),
    "square_pluck": Instrument(False, _square_pluck, 0.001, 0.05),
    "organ": Instrument(False, _organ, 0.008, 0.03),
    "electric_piano": Instrument(False, _electric_piano, 0.001, 0.08),
    "upright": Instrument(True, _upright, 0.004, 0.06),
    "synth_bass": Instrument(False, _synth_bass, 0.003, 0.03),
}
