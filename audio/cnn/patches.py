"""mel power -> patches: what the network sees of a clip, at any loudness the same.

Decibels below the clip's loudest cell, cut off at RANGE_DB, less their mean, in units of SPREAD_DB. Only the level is taken
out of a clip: dividing by its own spread as well would make a pressed and a dynamic master look alike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

FRAMES = 160  # 3.7 s: two bars of most music
MOST = 8  # patches of a clip: they cover 30 s without a gap
RANGE_DB = 70.0  # below the loudest cell: what lossy formats leave is still there, what they make up is not
SPREAD_DB = 15.0  # standard deviation of music's cells under that cut, roughly: simulated songs have 12

# Bands above 9.9 kHz are given the last one's level: mp3 at 22 kHz ends there, which alone brought a clip's cosine down to .85.
HIGHEST_BAND = 123

# A byte's step is .47 dB, and 0 is exactly byte 128.
REACH = 4.0
STEPS = 32.0


def patches_of(mel: Floats, most: int = MOST, frames: int = FRAMES) -> Floats:
    """Patches spread evenly over a clip, float32 [p, frames, bands], p in 1..most; about zero mean and unit spread.

    Parameters
    ----------
    mel : float32 [n, bands], power, n >= 1; a clip shorter than a patch is repeated until it fills one.
    most : patches at most. frames : of a patch; training may ask for longer ones than FRAMES and crops them at random.
    """
    if len(mel) < frames:
        mel = np.resize(mel, (frames, mel.shape[1]))
    chosen = np.stack([mel[start : start + frames] for start in starts(len(mel), most, frames)])
    return levelled(chosen, peak=float(mel.max()))


def starts(clip: int, most: int = MOST, frames: int = FRAMES) -> list[int]:
    """First frame of each patch of a clip of `clip` frames; neighbours overlap by a third at most.

    Examples
    --------
    >>> starts(170), starts(480), starts(1292)[:3], starts(1292)[-1] + FRAMES
    ([5], [0, 160, 320], [0, 162, 323], 1292)
    """
    many = min(most, max(1, round(clip / frames)))
    if many == 1:
        return [(clip - frames) // 2]
    return [int(start) for start in np.rint(np.linspace(0, clip - frames, many))]


def levelled(power: Floats, peak: float) -> Floats:
    """Normalised decibels of mel power, float32 as `power`; `peak` of 0, a silent clip, gives zeros.

    Examples
    --------
    >>> levelled(np.array([[1.0, 1e-1, 1e-2, 1e-9]], np.float32), peak=1.0).astype(float).round(2).tolist()
    [[1.67, 1.0, 0.33, -3.0]]
    """
    if peak <= 0:
        return np.zeros_like(power)
    floor = np.float32(10 ** (-RANGE_DB / 10))
    decibels = 10 * np.log10(np.maximum(power / np.float32(peak), floor))
    decibels[..., HIGHEST_BAND + 1 :] = decibels[..., HIGHEST_BAND : HIGHEST_BAND + 1]
    return np.asarray((decibels - decibels.mean(dtype=np.float64)) / SPREAD_DB, np.float32)


def quantised(patches: Floats) -> Bytes:
    """Patches as bytes for keeping: a clip's eight take 164 kB, 100,000 clips' 16 GB to be mapped from disk.

    Examples
    --------
    >>> quantised(np.array([-9.0, 0.0, 1.0], np.float32)).tolist()
    [0, 128, 160]
    """
    return np.asarray(np.clip(np.rint((patches + REACH) * STEPS), 0, 255), np.uint8)


def dequantised(stored: npt.NDArray[np.uint8 | np.float16 | np.float32]) -> Floats:
    """float32 patches of stored ones: bytes by `quantised`, or halves as they are.

    Examples
    --------
    >>> dequantised(np.array([0, 128, 160], np.uint8)).tolist()
    [-4.0, 0.0, 1.0]
    """
    if stored.dtype == np.uint8:
        return np.asarray(stored, np.float32) / np.float32(STEPS) - np.float32(REACH)
    return np.asarray(stored, np.float32)


def filled(patches: Floats, many: int) -> Floats:
    """Exactly `many` patches [many, frames, bands], those of a short clip in turn: training keeps all clips in one array."""
    return np.asarray(patches[np.arange(many) % len(patches)])
