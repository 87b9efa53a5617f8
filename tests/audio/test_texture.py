"""Held, plucked and struck sounds differ in what texture says of their bands; their level does not count."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audio.constants import FRAME, HOP, SAMPLE_RATE
from audio.spectrogram import mel_bands, power_spectrum
from audio.texture import BANDS, STATISTICS, texture

T = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
NOISE = np.random.default_rng(2).standard_normal(len(T))
LEVEL, DEVIATION, RISE, FALL, HELD, FASTEST_RISE, FASTEST_FALL = range(STATISTICS)


def statistics(y: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Texture of a sound, float32 [7, 32]."""
    return texture(mel_bands(power_spectrum(y.astype(np.float32), FRAME, HOP))).reshape(STATISTICS, BANDS)


def test_level_changes_nothing() -> None:
    """Nor does it where bands lie near the floor, 80 dB below the loudest."""
    y = 0.3 * np.sin(2 * np.pi * 400 * T) * np.exp(-(T % 0.5) / 0.1) + 1e-4 * NOISE
    np.testing.assert_allclose(statistics(1e-3 * y), statistics(y), atol=0.02)


def test_a_held_note_is_held() -> None:
    """In its own band: its side lobes in the others tremble from frame to frame."""
    found = statistics(0.3 * np.sin(2 * np.pi * 1000 * T))
    band = int(found[LEVEL].argmax())
    assert found[HELD, band] > 0.95
    assert found[DEVIATION, band] < 1


def test_noise_is_not_held_where_bands_are_narrow() -> None:
    """The highest band has 127 bins, which average the noise; the lowest has 11."""
    held = statistics(NOISE)[HELD]
    assert held[:16].max() < 0.3
    assert held[-1] > held[:16].max()


@pytest.mark.parametrize("decay", [0.1, 0.2])
def test_what_is_plucked_rises_faster_than_it_falls(decay: float) -> None:
    plucked = statistics(NOISE * np.exp(-(T % 1.0) / decay))
    swelling = statistics((NOISE * np.exp(-(T % 1.0) / decay))[::-1])
    assert (plucked[FASTEST_RISE] > 0).all()
    assert (plucked[FASTEST_FALL] < 0).all()
    assert (plucked[FASTEST_RISE, 4:] > -1.2 * plucked[FASTEST_FALL, 4:]).all()
    assert (plucked[FASTEST_RISE] > swelling[FASTEST_RISE]).all()


def test_what_rises_must_fall() -> None:
    found = statistics(NOISE * (1.1 + np.sin(2 * np.pi * 2 * T)))
    np.testing.assert_allclose(found[RISE], found[FALL], atol=0.15)


def test_bands_lie_where_the_sound_is() -> None:
    low, high = (statistics(np.sin(2 * np.pi * hz * T) + 1e-3 * NOISE)[LEVEL].argmax() for hz in (200.0, 6000.0))
    assert low < 6
    assert high > 22


def test_levels_are_relative_to_their_mean() -> None:
    assert statistics(np.cumsum(NOISE))[LEVEL].mean() == pytest.approx(0, abs=1e-4)


def test_two_frames_are_enough() -> None:
    found = texture(np.random.default_rng(1).exponential(1, (2, 128)).astype(np.float32))
    assert found.shape == (STATISTICS * BANDS,)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
