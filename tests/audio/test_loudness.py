"""BS.1770's reference tone, its two gates, and EBU's range, on tones whose loudness is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audio.constants import FRAME, HOP, SAMPLE_RATE
from audio.loudness import SILENCE_LUFS, bin_loudness, integrated, loudness_range
from audio.spectrogram import power_spectrum


def tone(dbfs: float, seconds: float = 10.0, hz: float = 997.0) -> npt.NDArray[np.float64]:
    """A sine whose peak lies so far below full scale."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * t))


def weighted(*parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return power_spectrum(np.concatenate(parts).astype(np.float32), FRAME, HOP) @ bin_loudness(FRAME)


@pytest.mark.parametrize("dbfs", [0.0, -23.0, -50.0])
def test_the_reference_tone(dbfs: float) -> None:
    """BS.1770-4: a sine of 997 Hz at full scale in one channel has -3.01 LUFS."""
    assert integrated(weighted(tone(dbfs))) == pytest.approx(-3.01 + dbfs, abs=0.03)


def test_bass_is_heard_less_and_treble_more() -> None:
    """The ear's high-pass takes 13 dB at 20 Hz, and the head's shelf adds 4 dB at 8 kHz, of which 0.7 at 1 kHz."""
    low, middle, high = (integrated(weighted(tone(0, hz=hz))) for hz in (40.0, 997.0, 8000.0))
    assert middle - low > 4
    assert high - middle == pytest.approx(3.3, abs=0.3)


def test_pauses_do_not_count() -> None:
    silence = np.zeros(20 * SAMPLE_RATE)
    assert integrated(weighted(tone(-20), silence)) == pytest.approx(-23.01, abs=0.2)
    assert integrated(weighted(tone(-20), tone(-45, 20.0))) == pytest.approx(-23.01, abs=0.2), "10 LU below the rest"


def test_what_lies_within_ten_units_counts() -> None:
    mean = -3.01 + 10 * np.log10((10**-2 + 10**-2.6) / 2)
    assert integrated(weighted(tone(-20), tone(-26))) == pytest.approx(mean, abs=0.1)


@pytest.mark.parametrize("y", [np.zeros(SAMPLE_RATE), tone(-90, 2.0), np.zeros(1)], ids=["silence", "-90 dB", "one sample"])
def test_silence_has_its_own_number(y: npt.NDArray[np.float64]) -> None:
    assert integrated(weighted(y)) == SILENCE_LUFS
    assert loudness_range(weighted(y)) == 0


def test_range_of_a_steady_tone_is_nought() -> None:
    assert loudness_range(weighted(tone(-20, 20.0))) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("apart", [5.0, 10.0, 15.0])
def test_range_is_what_lies_between_two_levels(apart: float) -> None:
    """EBU Tech 3342's first test signals: two levels of 20 s each."""
    assert loudness_range(weighted(tone(-20, 20.0), tone(-20 - apart, 20.0))) == pytest.approx(apart, abs=1.0)


def test_range_of_twenty_units_is_gated_at_the_mean() -> None:
    """Gate: 20 LU below the mean of both, which lies 3 LU below the louder level; so 20 count, and 30 do not."""
    assert loudness_range(weighted(tone(-20, 20.0), tone(-40, 20.0))) == pytest.approx(20, abs=1.0)
    assert loudness_range(weighted(tone(-20, 20.0), tone(-50, 20.0))) < 20


def test_level_moves_loudness_and_leaves_range() -> None:
    soft, loud = weighted(0.1 * tone(-10), 0.1 * tone(-18)), weighted(tone(-10), tone(-18))
    assert integrated(loud) - integrated(soft) == pytest.approx(20, abs=1e-3)
    assert loudness_range(loud) == pytest.approx(loudness_range(soft), abs=1e-3)
