"""mel bands -> texture: how every band lies, moves, begins and ends; what the learned readings (audio/readings.py) look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audio.spectrogram import decibels

Floats = npt.NDArray[np.float32]

BANDS = 32
STATISTICS = 7
_FLOOR = 1e-8  # of the loudest: 80 dB
_STILL_DB = 0.5  # a band that moves less than this from frame to frame is held


def texture(mel: Floats) -> Floats:
    """Statistics of each of 32 bands over a clip, float32 [7 * 32], whatever its level.

    Mean level, deviation, mean rise and mean fall per frame in dB, share of frames held, and the 98th and 2nd percentile of the
    change: plucked notes rise at once and fall slowly, held ones do neither, drums do both.

    Parameters
    ----------
    mel : float32 [frames, MELS], power, frames >= 2.
    """
    step = mel.shape[1] // BANDS
    bands = np.sum([mel[:, place::step] for place in range(step)], axis=0)
    level = decibels(bands, float(bands.max()) * _FLOOR)
    change = np.diff(level, axis=0)
    fastest_fall, fastest_rise = np.percentile(change, [2, 98], axis=0)
    rows = [
        level.mean(axis=0) - level.mean(),
        level.std(axis=0),
        np.maximum(change, 0).mean(axis=0),
        np.maximum(-change, 0).mean(axis=0),
        (np.abs(change) < _STILL_DB).mean(axis=0),
        fastest_rise,
        fastest_fall,
    ]
    return np.concatenate(rows).astype(np.float32)
