"""Tones, noise, beats and syllables whose brightness, noisiness and evenness are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audio.constants import FRAME, HOP, SAMPLE_RATE
from audio.spectrogram import mel_bands, power_spectrum
from audio.timbre import CEPSTRA, Timbre, timbre

SECONDS = 8.0
T = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
NOISE = 0.1 * np.random.default_rng(3).standard_normal(len(T))


def timbre_of(y: npt.NDArray[np.float64]) -> Timbre:
    power = power_spectrum(y.astype(np.float32), FRAME, HOP)
    return timbre(power, mel_bands(power))


def tone(hz: float) -> npt.NDArray[np.float64]:
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * T))


@pytest.mark.parametrize("hz", [300.0, 1000.0, 4000.0])
def test_centroid_of_a_tone_is_its_pitch(hz: float) -> None:
    assert timbre_of(tone(hz)).centroid_hz == pytest.approx(hz, rel=0.04)


def test_centroid_of_white_noise_is_the_middle() -> None:
    assert timbre_of(NOISE).centroid_hz == pytest.approx(SAMPLE_RATE / 4, rel=0.02)


def test_centroid_spread_is_in_octaves() -> None:
    """A tone that is half the time an octave higher lies half an octave from its mean."""
    hz = np.where(T % 2 < 1, 1000.0, 2000.0)
    moving = 0.3 * np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE)
    assert timbre_of(moving).centroid_spread == pytest.approx(0.5, abs=0.05)
    assert timbre_of(tone(1000)).centroid_spread < 0.05


def test_flatness_is_near_nought_for_noise_and_far_below_for_tones() -> None:
    noise, chord = timbre_of(NOISE).flatness, timbre_of(tone(300) + tone(700) + 1e-4 * NOISE).flatness
    assert -4 < noise <= 0, "of one frame of noise the mean of logarithms is 2.5 dB below the logarithm of the mean"
    assert chord < -35


@pytest.mark.parametrize(("hz", "bass", "treble"), [(60.0, 1.0, 0.0), (1000.0, 0.0, 0.0), (8000.0, 0.0, 1.0)])
def test_bass_and_treble_are_shares_of_power(hz: float, bass: float, treble: float) -> None:
    found = timbre_of(tone(hz))
    assert found.bass == pytest.approx(bass, abs=0.03)
    assert found.treble == pytest.approx(treble, abs=0.03)


def test_flatness_of_a_click_is_not_above_nought() -> None:
    assert timbre_of(np.eye(1, len(T), SAMPLE_RATE)[0]).flatness <= 0


def test_bass_of_two_equal_tones_is_a_half() -> None:
    assert timbre_of(tone(60) + tone(1000)).bass == pytest.approx(0.5, abs=0.03)


def test_pulse_is_nought_for_a_held_note_and_large_for_beats() -> None:
    beats = NOISE * np.exp(-(T % 0.5) / 0.04)
    assert timbre_of(tone(440)).pulse < 0.5
    assert timbre_of(NOISE).pulse < 1
    assert timbre_of(beats).pulse > 10


@pytest.mark.parametrize(("swells", "low", "high"), [(4.0, 0.9, 1.0), (1.0, 0.0, 0.1), (12.0, 0.0, 0.1)])
def test_syllables_are_swells_of_their_speed(swells: float, low: float, high: float) -> None:
    assert low <= timbre_of(tone(800) * (1 + 0.8 * np.sin(2 * np.pi * swells * T))).syllables <= high


def test_swells_of_the_bass_are_no_syllables() -> None:
    """The band of speech is still while a bass swells at the speed of syllables."""
    still = tone(800) * (1 + 0.8 * np.sin(2 * np.pi * 1.0 * T))
    assert timbre_of(still + tone(60) * (1 + 0.8 * np.sin(2 * np.pi * 4 * T))).syllables < 0.2


def test_level_moves_the_loudness_alone() -> None:
    y = tone(500) * (1 + 0.5 * np.sin(2 * np.pi * 3 * T)) + 0.1 * NOISE
    loud, soft = timbre_of(y), timbre_of(0.01 * y)
    assert loud.loudness_db - soft.loudness_db == pytest.approx(40, abs=0.01)
    for name in ("dynamics_db", "centroid_hz", "centroid_spread", "flatness", "bass", "treble", "pulse", "syllables"):
        assert getattr(soft, name) == pytest.approx(getattr(loud, name), rel=1e-2, abs=1e-3), name
    np.testing.assert_allclose(soft.cepstra, loud.cepstra, atol=0.05)


def test_pauses_do_not_count() -> None:
    y = tone(1000) + 0.01 * NOISE
    paused = np.concatenate([y, np.zeros(len(y))])
    assert timbre_of(paused).centroid_hz == pytest.approx(timbre_of(y).centroid_hz, rel=0.02)
    assert timbre_of(paused).flatness == pytest.approx(timbre_of(y).flatness, abs=0.5)


def test_cepstra_tell_colours_apart() -> None:
    dark, bright, again = (timbre_of(y) for y in (np.cumsum(NOISE) * 0.01, NOISE, NOISE[::-1]))
    assert dark.cepstra.shape == dark.cepstra_spread.shape == (CEPSTRA,)
    assert np.linalg.norm(dark.cepstra - bright.cepstra) > 20 * np.linalg.norm(again.cepstra - bright.cepstra)


@pytest.mark.parametrize("samples", [1, 600, SAMPLE_RATE // 2])
def test_short_clips_have_a_timbre(samples: int) -> None:
    found = timbre_of(0.2 + NOISE[:samples])
    assert all(np.isfinite(np.asarray(value)).all() for value in vars(found).values())
