"""Waves laid into a clip, and how loud it then is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audio.constants import SAMPLE_RATE

Floats = npt.NDArray[np.float32]


def lay(clip: Floats, start: float, wave: Floats, gain: float) -> None:
    """Add gain * wave to a clip from `start` seconds on; what lies before or behind the clip is cut.

    Examples
    --------
    >>> clip = np.zeros(3, np.float32)
    >>> lay(clip, -1 / 22_050, np.ones(2, np.float32), 0.5)
    >>> clip.tolist()
    [0.5, 0.0, 0.0]
    """
    at = round(start * SAMPLE_RATE)
    wave = wave[max(0, -at) :]
    at = max(0, at)
    room = min(len(wave), len(clip) - at)
    if room > 0:
        clip[at : at + room] += np.float32(gain) * wave[:room]


def rms(y: Floats) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(y), dtype=np.float64)))


def unit(y: Floats) -> Floats:
    """Scale to root mean square 1; silence stays."""
    size = rms(y)
    return y if size == 0.0 else np.asarray(y / np.float32(size), np.float32)
