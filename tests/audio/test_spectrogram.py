"""The shared transform equals librosa's, and tones land where they must."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from audio.constants import FRAME, HOP, MELS, SAMPLE_RATE
from audio.spectrogram import decibels, mel_bands, mel_filters, power_spectrum


@pytest.mark.parametrize("seconds", [0.01, 0.5, 3.0])
def test_mel_equals_librosa(seconds: float) -> None:
    y = np.random.default_rng(3).normal(0, 0.2, int(seconds * SAMPLE_RATE)).astype(np.float32)
    ours = mel_bands(power_spectrum(y, FRAME, HOP))
    theirs = librosa.feature.melspectrogram(y=y, sr=SAMPLE_RATE, n_fft=FRAME, hop_length=HOP, n_mels=MELS).T
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.max()))


@pytest.mark.parametrize("frame", [1024, 2048, 8192])
def test_filters_equal_librosa(frame: int) -> None:
    theirs = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=frame, n_mels=MELS).T
    np.testing.assert_allclose(mel_filters(frame), theirs, atol=1e-6)


def test_a_tone_lies_in_its_bin() -> None:
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    power = power_spectrum(np.sin(2 * np.pi * 1000 * t).astype(np.float32), FRAME, HOP)
    assert power[len(power) // 2].argmax() == round(1000 * FRAME / SAMPLE_RATE)


def test_decibels_of_a_full_scale_square_are_zero() -> None:
    assert decibels(np.ones(3, np.float32)).tolist() == [0.0, 0.0, 0.0]
