"""Tones of known pitch: where their peaks lie, how far they are out of tune, and which pitch classes sound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audio.chroma import pitch_classes, spectral_peaks, tuning_cents
from audio.constants import CHROMA_FRAME, CHROMA_HOP, SAMPLE_RATE
from audio.spectrogram import power_spectrum

T = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE


def hz(midi: float) -> float:
    return float(440 * 2 ** ((midi - 69) / 12))


def harmonic(*midi: float, partials: int = 6) -> npt.NDArray[np.float32]:
    """Notes of several partials, each half as loud as the one before."""
    waves = (0.5**p * np.sin(2 * np.pi * hz(m) * (p + 1) * T) for m in midi for p in range(partials))
    return np.asarray(0.2 * sum(waves), np.float32)


def power_of(y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return power_spectrum(y, CHROMA_FRAME, CHROMA_HOP)


def profile_of(y: npt.NDArray[np.float32], cents: float | None = None) -> npt.NDArray[np.float64]:
    peaks = spectral_peaks(power_of(y))
    return pitch_classes(peaks, tuning_cents(peaks) if cents is None else cents)


@pytest.mark.parametrize("midi", [40.0, 57.25, 69.0, 80.6, 95.0])
def test_a_tone_is_a_peak_at_its_pitch(midi: float) -> None:
    """To three hundredths of a semitone, where the bins are 2.7 Hz apart: half a semitone at 82 Hz."""
    peaks = spectral_peaks(power_of(harmonic(midi, partials=1)))
    loudest = [peaks.midi[peaks.frame == f][peaks.size[peaks.frame == f].argmax()] for f in range(2, peaks.frames - 2)]
    np.testing.assert_allclose(loudest, midi, atol=0.03)


def test_peaks_stay_in_their_range_and_order() -> None:
    y = np.random.default_rng(1).standard_normal(len(T)).astype(np.float32)
    peaks = spectral_peaks(power_of(y))
    assert hz(peaks.midi.min()) > 50
    assert hz(peaks.midi.max()) < 3510
    assert (np.diff(peaks.frame) >= 0).all()
    assert (peaks.size > 0).all()


@pytest.mark.parametrize("cents", [-45, -20, -3, 0, 12, 30, 45])
def test_tuning_is_how_far_the_notes_are_off(cents: float) -> None:
    """To three cents, since the fifth of the notes' partials lies 14 cents below a piano's key."""
    y = harmonic(*(np.array([48, 55, 60, 64]) + cents / 100))
    assert tuning_cents(spectral_peaks(power_of(y))) == pytest.approx(cents, abs=3)


@pytest.mark.parametrize("cents", [-55, -50, 50, 55])
def test_tuning_turns_round_at_a_quarter_tone(cents: float) -> None:
    found = tuning_cents(spectral_peaks(power_of(harmonic(*(np.array([48, 55, 60, 64]) + cents / 100)))))
    assert -50 <= found < 50
    assert abs((found - cents + 50) % 100 - 50) < 3


@pytest.mark.parametrize("cents", [-40, 0, 40])
def test_out_of_tune_notes_are_the_same_notes(cents: float) -> None:
    chord = np.array([48, 55, 60, 63])
    assert np.corrcoef(profile_of(harmonic(*chord)), profile_of(harmonic(*(chord + cents / 100))))[0, 1] > 0.99


@pytest.mark.parametrize("midi", [36, 45, 50, 61, 71])
def test_the_loudest_class_of_a_note_is_its_own(midi: int) -> None:
    profile = profile_of(harmonic(midi))
    assert profile.argmax() == midi % 12
    assert profile.max() == pytest.approx(1)


@pytest.mark.parametrize("chord", [(0, 4, 7), (9, 0, 4), (2, 5, 9, 0)])
def test_the_loudest_classes_of_a_chord_are_its_notes(chord: tuple[int, ...]) -> None:
    profile = profile_of(harmonic(*(48 + note for note in chord)))
    assert set(np.argsort(profile)[-len(chord) :]) == set(chord)


@pytest.mark.parametrize("steps", [1, 5, 11])
def test_transposed_notes_give_the_turned_profile(steps: int) -> None:
    chord = np.array([48, 52, 55, 59])
    np.testing.assert_allclose(profile_of(harmonic(*(chord + steps))), np.roll(profile_of(harmonic(*chord)), steps), atol=0.12)


def test_level_changes_nothing() -> None:
    y = harmonic(50, 57, 62)
    np.testing.assert_allclose(profile_of(y), profile_of(np.float32(0.01) * y), atol=1e-4)


def test_silence_has_no_peaks_and_no_tuning() -> None:
    peaks = spectral_peaks(power_of(np.zeros(SAMPLE_RATE, np.float32)))
    assert len(peaks.midi) == 0
    assert tuning_cents(peaks) == 0.0
    assert pitch_classes(peaks, 0.0).tolist() == [0.0] * 12
