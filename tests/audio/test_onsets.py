"""Clicks are counted, level does not matter, and what is held or glides begins nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audio.constants import FRAME, FRAMES_PER_SECOND, HOP, SAMPLE_RATE
from audio.onsets import GROUPS, onset_rate, onset_strength
from audio.spectrogram import mel_bands, power_spectrum

SECONDS = 10.0
T = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE


def strength_of(y: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return onset_strength(mel_bands(power_spectrum(y.astype(np.float32), FRAME, HOP)))


def strokes(per_second: float, hz: float = 0.0) -> npt.NDArray[np.float64]:
    """Strokes of noise, or of a tone, that decay within 20 ms."""
    sound = np.sin(2 * np.pi * hz * T) if hz else np.random.default_rng(1).standard_normal(len(T))
    return np.asarray(0.3 * sound * np.exp(-((T - 0.05) % (1 / per_second)) / 0.02))


@pytest.mark.parametrize("per_second", [0.5, 1.0, 2.5, 4.0, 8.0])
def test_clicks_are_counted(per_second: float) -> None:
    assert onset_rate(strength_of(strokes(per_second))[3]) == pytest.approx(per_second, abs=0.21)


def test_onsets_lie_where_the_clicks_do() -> None:
    times = np.array([0.8, 2.0, 3.1, 5.55, 9.0])
    y = np.zeros(len(T))
    y[(times * SAMPLE_RATE).astype(int)] = 0.5
    strongest = np.sort(np.argsort(strength_of(y)[3])[-40:]) / FRAMES_PER_SECOND
    assert max(np.abs(strongest - time).min() for time in times) < 0.03


@pytest.mark.parametrize(("hz", "row"), [(80.0, 0), (700.0, 1), (5000.0, 2)])
def test_strokes_are_heard_in_the_row_of_their_pitch(hz: float, row: int) -> None:
    """Strokes over noise that swell, since a sudden one is heard everywhere: their own row moves with them, others less."""
    swelling = np.maximum(0, np.sin(2 * np.pi * 2.0 * (T - 0.05))) ** 4 * np.sin(2 * np.pi * hz * T)
    y = 0.3 * swelling + 0.003 * np.random.default_rng(2).standard_normal(len(T))
    beat = np.zeros(len(strength_of(y)[0]))
    beat[np.round(np.arange(0.05, SECONDS, 0.5) * FRAMES_PER_SECOND).astype(int)] = 1
    likeness = [float(np.corrcoef(np.convolve(beat, np.ones(5), "same"), r)[0, 1]) for r in strength_of(y)[:3]]
    assert int(np.argmax(likeness)) == row
    assert likeness[row] > 0.5


def test_level_changes_nothing() -> None:
    y = strokes(3.0, 300.0) + 0.01 * np.random.default_rng(4).standard_normal(len(T))
    np.testing.assert_allclose(strength_of(y), strength_of(0.01 * y), atol=2e-3)


def test_a_glide_is_no_onset() -> None:
    """An octave up in ten seconds, trembling like a voice: a soft click is 30 times as strong; without neighbours 4 times."""
    pitch = 300 * 2 ** (T / SECONDS) * (1 + 0.01 * np.sin(2 * np.pi * 5 * T))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    y = np.asarray(sum(0.3 / partial * np.sin(partial * phase) for partial in range(1, 9)))
    y[5 * SAMPLE_RATE] += 0.1
    strength = strength_of(y)[3, round(FRAMES_PER_SECOND) : -round(FRAMES_PER_SECOND)]
    click = round(4 * FRAMES_PER_SECOND)
    around = np.abs(np.arange(len(strength)) - click) <= 4
    assert strength[around].max() > 12 * strength[~around].max()


def test_what_is_held_begins_once() -> None:
    strength = strength_of(0.3 * np.sin(2 * np.pi * 440 * T))
    assert strength[:, round(FRAMES_PER_SECOND) : -round(FRAMES_PER_SECOND)].max() == 0


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.3])
def test_short_clips_and_silence_have_a_strength(seconds: float) -> None:
    for y in (T[: max(1, round(seconds * SAMPLE_RATE))], np.zeros(round(seconds * SAMPLE_RATE) + 1)):
        strength = strength_of(y)
        assert strength.shape == (len(GROUPS), 1 + len(y) // HOP)
        assert np.isfinite(strength).all()
        assert (strength >= 0).all()
    assert onset_rate(strength[3]) == 0
