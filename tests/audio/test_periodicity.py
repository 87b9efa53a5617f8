"""The evidence for a planted tempo peaks there, in each view at the multiples that the view cannot tell apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audio.constants import FRAMES_PER_SECOND
from audio.periodicity import FASTEST, RATIOS, SLOWEST, STEPS_PER_OCTAVE, TEMPI, periodicity

FRAMES = round(30 * FRAMES_PER_SECOND)
LIKENESS, SPECTRUM = 0, 1


def pulses(bpm: float, row: int = 3) -> npt.NDArray[np.float32]:
    """Onset strength that is a bump of three frames a beat in one row, and nothing in the others."""
    strength = np.zeros((4, FRAMES), np.float32)
    phase = (np.arange(FRAMES) * bpm / 60 / FRAMES_PER_SECOND + 0.5) % 1 - 0.5
    strength[row] = np.maximum(0, 1 - np.abs(phase * 60 / bpm * FRAMES_PER_SECOND) / 2)
    return strength


def at(bpm: float) -> int:
    return int(np.abs(TEMPI - bpm).argmin())


def test_the_grid_is_even_to_the_ear() -> None:
    np.testing.assert_allclose(np.diff(np.log2(TEMPI)), 1 / STEPS_PER_OCTAVE)
    assert TEMPI[0] == SLOWEST
    assert TEMPI[-1] == pytest.approx(FASTEST, rel=0.004)


@pytest.mark.parametrize("bpm", [55.0, 97.3, 120.0, 171.0])
def test_the_spectrum_peaks_at_the_tempo(bpm: float) -> None:
    evidence = periodicity(pulses(bpm))[:, 3, SPECTRUM, RATIOS.index(1.0)]
    assert evidence[at(bpm)] > 0.9 * evidence.max()
    assert evidence[at(bpm)] > 5 * evidence[: at(0.8 * bpm)].max(), "slower beats are no harmonics of it"


@pytest.mark.parametrize("bpm", [55.0, 97.3, 120.0, 171.0])
def test_the_clip_is_alike_one_and_two_beats_later(bpm: float) -> None:
    evidence = periodicity(pulses(bpm))[at(bpm), 3, LIKENESS]
    one, two, half = (evidence[RATIOS.index(r)] for r in (1.0, 2.0, 0.5))
    assert min(one, two) > 0.4
    assert half < 0.1


def test_each_view_errs_to_its_own_side() -> None:
    """At half the tempo a beat later is two beats later; at double it the spectrum still has a harmonic."""
    evidence = periodicity(pulses(100.0))[:, 3, :, RATIOS.index(1.0)]
    assert evidence[at(50), LIKENESS] > 0.4 > 0.1 > evidence[at(200), LIKENESS]
    assert evidence[at(200), SPECTRUM] > 5 * evidence[at(50), SPECTRUM]


@pytest.mark.parametrize("row", range(4))
def test_rows_are_kept_apart(row: int) -> None:
    evidence = periodicity(pulses(110.0, row))
    assert np.abs(evidence[:, row]).max() > 0.5
    assert np.abs(np.delete(evidence, row, axis=1)).max() < 1e-6


def test_size_of_the_strength_changes_nothing() -> None:
    np.testing.assert_allclose(periodicity(7 * pulses(88.0)), periodicity(pulses(88.0)), atol=1e-5)


@pytest.mark.parametrize("frames", [2, 64, 300, 5000])
def test_every_length_has_evidence(frames: int) -> None:
    strength = np.random.default_rng(1).exponential(1, (4, frames)).astype(np.float32)
    evidence = periodicity(strength)
    assert evidence.shape == (len(TEMPI), 4, 2, len(RATIOS))
    assert np.isfinite(evidence).all()
