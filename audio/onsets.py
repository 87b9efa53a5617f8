"""mel bands -> onset strength: where something begins, in the bass, the middle, the treble and overall.

Spectral flux of compressed mel magnitudes against the loudest neighbouring band a moment ago, so that a voice that glides or
trembles is no onset (SuperFlux: Boeck & Widmer 2013, https://www.dafx.de/paper-archive/2013/papers/09.dafx2013_submission_12.pdf).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audio.constants import FRAMES_PER_SECOND

Floats = npt.NDArray[np.float32]

# Mel bands of each row: up to about 300 Hz (kick, bass), 300 Hz to 1.5 kHz, above it (hi-hat), and all of them.
GROUPS = ((0, 11), (11, 46), (46, 128), (0, 128))
LAG = 2  # frames: a beat's attack takes longer than one
_COMPRESSION = 1000.0
# Mean rise of a row's bands that is no onset yet. A held tone's side lobes tremble with the hop by .0001 to .01, which made a
# tempo of 172 at a confidence of .95; the beats of music rise by .3 to 2.
_LEAST_RISE = 0.01
_PEAK_S = 0.05  # an onset is the largest strength within this many seconds
_PEAK_ABOVE = 0.8  # and stands this many deviations above its surroundings


def onset_strength(mel: Floats) -> Floats:
    """Strength of each frame, float32 [4, frames], >= 0, in deviations of its row; rows as in GROUPS.

    Parameters
    ----------
    mel : float32 [frames, MELS], power. The result does not depend on its level.
    """
    size = np.sqrt(mel)
    size /= np.percentile(size.max(axis=1), 95) + 1e-12
    level = np.log1p(_COMPRESSION * size)
    flux = np.zeros_like(level)
    rise = level[LAG:] - loudest_around(level, 1)[:-LAG]
    flux[LAG // 2 : len(level) - LAG + LAG // 2] = np.maximum(rise, 0.0)
    rows = np.stack([flux[:, low:high].mean(axis=1) for low, high in GROUPS])
    around = mean_around(rows, round(FRAMES_PER_SECOND) // 2)
    above = np.maximum(rows - around - _LEAST_RISE, 0.0)
    return np.asarray(above / (above.std(axis=1, keepdims=True) + 1e-6), np.float32)


def onset_rate(strength: Floats) -> float:
    """Onsets per second of one row of `onset_strength`, float32 [frames]."""
    peaks = (strength == loudest_around(strength[None], round(_PEAK_S * FRAMES_PER_SECOND))[0]) & (strength > _PEAK_ABOVE)
    return float(peaks.sum() / (len(strength) / FRAMES_PER_SECOND))


def loudest_around(rows: Floats, reach: int) -> Floats:
    """Largest value within `reach` columns on both sides, float32 like `rows` [n, columns].

    Written out, as is the mean, since importing scipy.ndimage takes .3 s, a fifth of what `plant hear` needs for one file.

    >>> loudest_around(np.array([[1, 0, 0, 2, 0]], np.float32), 1).tolist()
    [[1.0, 1.0, 2.0, 2.0, 2.0]]
    """
    found = rows.copy()
    for step in range(1, reach + 1):
        np.maximum(found[:, step:], rows[:, :-step], out=found[:, step:])
        np.maximum(found[:, :-step], rows[:, step:], out=found[:, :-step])
    return found


def mean_around(rows: Floats, reach: int) -> Floats:
    """Mean within `reach` columns on both sides, float32 like `rows` [n, columns]; the ends go on as they are.

    >>> mean_around(np.array([[0, 3, 0, 0, 9]], np.float32), 1).tolist()
    [[1.0, 1.0, 1.0, 3.0, 6.0]]
    """
    padded = np.pad(rows.astype(np.float64), ((0, 0), (reach + 1, reach)), mode="edge")
    sums = np.cumsum(padded, axis=1)
    return np.asarray((sums[:, 2 * reach + 1 :] - sums[:, : -2 * reach - 1]) / (2 * reach + 1), np.float32)
