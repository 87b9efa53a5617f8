"""onset strength -> what every tempo between 40 and 240 has for it: how alike the clip is one, two, half a beat later.

Two views (Peeters 2006, https://doi.org/10.1155/2007/67215): the autocorrelation answers at multiples of the true period, the
spectrum at multiples of the true rate, so each is doubtful where the other is sure. Both are read at the tempo itself and at
the ratios by which people and machines err.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from audio.constants import FRAMES_PER_SECOND

Floats = npt.NDArray[np.float32]

SLOWEST, FASTEST = 40.0, 240.0  # beats per minute
STEPS_PER_OCTAVE = 100
TEMPI = SLOWEST * 2 ** (np.arange(round(np.log2(FASTEST / SLOWEST) * STEPS_PER_OCTAVE) + 1) / STEPS_PER_OCTAVE)
RATIOS = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 1.0, 3 / 2, 2.0, 3.0, 4.0)
_WINDOW_S, _STEP_S = 16.0, 8.0  # tempo may drift over minutes
_TRANSFORM = 4096  # points: four times a window, so that rates lie close enough for lines between them


def periodicity(strength: Floats) -> Floats:
    """Evidence for each of TEMPI, float32 [tempi, 4 rows, 2 views, ratios]: autocorrelation, then spectrum; about -0.5 to 1.

    Parameters
    ----------
    strength : float32 [4, frames], as `onset_strength` gives.
    """
    likeness, spectrum = _views(strength)
    at = TEMPI[:, None] * np.array(RATIOS)
    lags = 60.0 * FRAMES_PER_SECOND / TEMPI[:, None] * np.array(RATIOS)
    rates = at / 60.0 / FRAMES_PER_SECOND * _TRANSFORM
    views = [np.stack([_read(row, x) for row in rows], axis=1) for rows, x in ((likeness, lags), (spectrum, rates))]
    return np.asarray(np.stack(views, axis=2), np.float32)


def _views(strength: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(autocorrelation [rows, lags], size of the spectrum [rows, rates]), means over windows."""
    width = round(_WINDOW_S * FRAMES_PER_SECOND)
    length = min(width, strength.shape[1])
    starts = range(0, strength.shape[1] - length + 1, round(_STEP_S * FRAMES_PER_SECOND))
    windows = np.stack([strength[:, start : start + length] for start in starts]).astype(np.float64)
    windows -= windows.mean(axis=2, keepdims=True)
    size = np.abs(fft.rfft(windows, _TRANSFORM, axis=2))
    # The root of the power spectrum instead of itself: peaks of the autocorrelation get narrower (Percival & Tzanetakis 2014).
    likeness = fft.irfft(size, axis=2)[:, :, :length].mean(axis=0)
    likeness = likeness / np.maximum(likeness[:, :1], 1e-9) / np.linspace(1.0, 0.1, length) ** 0.5
    tapered = np.abs(fft.rfft(windows * np.hanning(length), _TRANSFORM, axis=2)).mean(axis=0)
    spectrum = tapered / np.maximum(np.sqrt((tapered**2).sum(axis=1, keepdims=True)), 1e-9) * 4
    return likeness, spectrum


def _read(row: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values between points; 0 beyond the end."""
    return np.asarray(np.interp(x, np.arange(len(row)), row, right=0.0))
