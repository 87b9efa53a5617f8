"""power spectrum -> loudness and loudness range, as broadcasters measure them, from the spectra that the ears have anyway.

ITU-R BS.1770-4 (https://www.itu.int/rec/R-REC-BS.1770): two filters imitate head and ear, blocks of 400 ms below -70 LUFS or
10 LU below the rest do not count. The filters are applied to the spectrum instead of the sound; what lies above 11 kHz is not
heard, which costs real music less than a tenth of a LU. Range: EBU Tech 3342, 10th to 95th percentile of 3 s windows.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from audio.constants import FRAMES_PER_SECOND, SAMPLE_RATE
from audio.spectrogram import bin_frequencies, hann

Floats = npt.NDArray[np.float32]

SILENCE_LUFS = -70.0
_RELATIVE_GATE, _RANGE_GATE = -10.0, -20.0
_BLOCK_S, _WINDOW_S = 0.4, 3.0
# Second-order sections of BS.1770-4 at 48 kHz: the head's shelf, then the ear's high-pass; numerators, then denominators.
_AT_48_KHZ = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)


def integrated(weighted: npt.NDArray[np.float64]) -> float:
    """Loudness of a clip in LUFS, SILENCE_LUFS for silence; `weighted` float64 [frames]: power times `bin_loudness`."""
    blocks = _means(weighted, _BLOCK_S)
    loud = blocks[_lufs(blocks) > SILENCE_LUFS]
    if not len(loud):
        return SILENCE_LUFS
    gated = loud[_lufs(loud) > _lufs(loud.mean()) + _RELATIVE_GATE]
    return float(_lufs(gated.mean()))


def loudness_range(weighted: npt.NDArray[np.float64]) -> float:
    """Spread of loudness over a clip in LU, >= 0."""
    windows = _means(weighted, _WINDOW_S)
    loud = windows[_lufs(windows) > SILENCE_LUFS]
    if not len(loud):
        return 0.0
    kept = _lufs(loud[_lufs(loud) > _lufs(loud.mean()) + _RANGE_GATE])
    low, high = np.percentile(kept, [10, 95])
    return float(high - low)


def _means(weighted: npt.NDArray[np.float64], seconds: float) -> npt.NDArray[np.float64]:
    """Means over windows of `seconds` that overlap by three quarters; one over everything where the clip is shorter."""
    length = min(len(weighted), max(1, round(seconds * FRAMES_PER_SECOND)))
    sums = np.concatenate([[0.0], np.cumsum(weighted)])
    starts = np.arange(0, len(weighted) - length + 1, max(1, length // 4))
    return np.asarray((sums[starts + length] - sums[starts]) / length)


def _lufs(mean_square: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(mean_square, 1e-12)))


@cache
def bin_loudness(frame: int) -> npt.NDArray[np.float64]:
    """What a bin's power adds to a frame's weighted mean square, float64 [frame // 2 + 1]."""
    z = np.exp(-2j * np.pi * bin_frequencies(frame, SAMPLE_RATE) / 48_000)
    gain = np.ones(len(z))
    for over, under in _AT_48_KHZ:
        gain *= np.abs(np.polyval(over[::-1], z) / np.polyval(under[::-1], z)) ** 2
    both_sides = np.where((np.arange(len(z)) == 0) | (np.arange(len(z)) == len(z) - 1), 1.0, 2.0)
    return np.asarray(gain * both_sides / (frame * float((hann(frame) ** 2).sum())))
