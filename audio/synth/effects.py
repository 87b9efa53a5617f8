"""dry sound -> finished sound: distortion, sections' loudness, room, spectral balance, and level.

Balance is solved for, not hoped for: a tilt brings the spectral centroid and a shelf the share of bass to what the song
asks, as far as equalisers may go.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from audio.constants import FRAME, SAMPLE_RATE
from audio.synth.clip import rms
from audio.synth.plan import Plan
from audio.synth.song import Song, stream

Floats = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

CALM_DBFS, LOUD_DBFS = -32.0, -9.0
FULL_SCALE = 0.97
BASS_BELOW_HZ = 150.0
_STEEPEST, _SHALLOWEST = -2.0, 1.2  # tilt, as a power of frequency: -12 and +7 dB an octave
_SHELF = (0.1, 12.0)
_FRAMES = 120  # frames heard to set the balance
_EDGES = np.unique(np.geomspace(2, FRAME // 2, 60).astype(np.int64))  # of bands, in bins: one bin below, wider above
_CENTRE = (_EDGES[:-1] + _EDGES[1:] - 1) / 2 * SAMPLE_RATE / FRAME


def level_dbfs(song: Song) -> float:
    """Root mean square that the song is brought to, dB below full scale."""
    return CALM_DBFS + (LOUD_DBFS - CALM_DBFS) * song.energy


def distorted(y: Floats, drive: float) -> Floats:
    """Bend the waveform, float32 [n], at constant root mean square; drive in [0, 1]."""
    size = rms(y)
    if drive < 0.1 or size == 0.0:
        return y
    bent = np.tanh(y * np.float32((0.3 + 14 * drive**2.5) / size / 3))
    return np.asarray(bent * np.float32(size / rms(bent)), np.float32)


def section_gain(song: Song, plan: Plan, n: int) -> Floats:
    """Gain over time, float32 [n]: quiet sections lie `dynamics` below loud ones, less where energy squeezes them."""
    depth = song.dynamics * (1 - 0.4 * song.energy)
    middle = plan.seconds_at((np.arange(plan.bars) + 0.5) * plan.metre.bar)
    edge = 0.5 * plan.bar_s - 0.1  # a fifth of a second from one level to the next
    at = np.stack([middle - edge, middle + edge], axis=1).ravel()
    decibels = np.repeat((plan.level - 1) * depth, 2)
    coarse = np.interp(np.arange(0, n + 64, 64) / SAMPLE_RATE, at, 10 ** (decibels / 20))
    return np.repeat(coarse.astype(np.float32), 64)[:n]


def roomed(song: Song, y: Floats) -> Floats:
    """Add the room's answer, float32 [n]."""
    rng = stream(song, "room")
    tail = _tail(rng, song.reverb)
    n = fft.next_fast_len(len(y) + len(tail), real=True)
    wet = np.float32(0.12 + 0.12 * np.sqrt(song.reverb))
    return np.asarray(fft.irfft(fft.rfft(y, n) * (1 + wet * fft.rfft(tail, n)), n)[: len(y)], np.float32)


def _tail(rng: np.random.Generator, seconds: float) -> Floats:
    """The room's answer: noise that falls by 60 dB over `seconds`, after 10 to 30 ms, of energy 1."""
    n = int(seconds * SAMPLE_RATE)
    tail = rng.standard_normal(n).astype(np.float32) * np.exp(np.linspace(0, -6.9, n)).astype(np.float32)
    tail[1:] = 0.6 * tail[1:] + 0.4 * tail[:-1]  # air and walls take the treble
    tail[: int(rng.uniform(0.01, 0.03) * SAMPLE_RATE)] = 0
    return np.asarray(tail / np.sqrt(np.square(tail).sum() + 1e-9), np.float32)


def balanced(song: Song, y: Floats) -> Floats:
    """Bring the spectral centroid to `brightness` and the share of bass to `bass`, float32 [n]."""
    tilt, shelf = _equaliser(*_bands(y), song.brightness, song.bass)
    hz = np.exp(np.arange(np.log(20.0), np.log(SAMPLE_RATE), 0.02))
    curve = _lifted(hz, tilt) * _shelved(hz, shelf) / (1 + (28 / hz) ** 4)
    n = fft.next_fast_len(len(y), real=True)
    gain = np.interp(fft.rfftfreq(n, 1 / SAMPLE_RATE), hz, curve, left=0.0).astype(np.float32)
    return np.asarray(fft.irfft(fft.rfft(y, n) * gain, n)[: len(y)], np.float32)


def _bands(y: Floats) -> tuple[Float64s, Float64s]:
    """(magnitude of frames in the bands between _EDGES, float64 [frames, bands]; energy of each band), of frames that sound."""
    if len(y) < FRAME:
        y = np.pad(y, (0, FRAME - len(y)))
    starts = np.linspace(0, len(y) - FRAME, _FRAMES).astype(np.int64)
    size = np.abs(fft.rfft(y[starts[:, None] + np.arange(FRAME)] * np.hanning(FRAME).astype(np.float32), axis=1))
    total = np.square(size).sum(axis=1)
    heard = size[total >= 1e-4 * total.max()]
    in_band = np.add.reduceat(heard, _EDGES[:-1], axis=1) + 1e-9
    energy = np.add.reduceat(np.square(heard).sum(axis=0), _EDGES[:-1]) + 1e-18
    return in_band.astype(np.float64), energy.astype(np.float64)


def _equaliser(size: Float64s, energy: Float64s, centroid: float, bass: float) -> tuple[float, float]:
    """(tilt as a power of frequency, gain below BASS_BELOW_HZ): each moves the other, six rounds settle both."""
    tilt, shelf = 0.0, 1.0
    share = float(np.clip(bass, 0.02, 0.9))
    for _ in range(6):
        tilt = _tilt(size * _shelved(_CENTRE, shelf), centroid)
        tilted = energy * _lifted(_CENTRE, tilt) ** 2
        low = tilted[_CENTRE < BASS_BELOW_HZ].sum() / tilted.sum()
        shelf = float(np.clip(np.sqrt(share / (1 - share) * (1 - low) / low), *_SHELF))
    return tilt, shelf


def _lifted(hz: Float64s, tilt: float) -> Float64s:
    """Gain of a tilt; it leaves the bass, which the shelf sets, as it is."""
    return np.asarray((np.maximum(hz, 250.0) / 1000) ** tilt)


def _shelved(hz: Float64s, gain: float) -> Float64s:
    return np.asarray(1 + (gain - 1) / (1 + (hz / BASS_BELOW_HZ) ** 8))


def _tilt(size: Float64s, centroid: float) -> float:
    """Power of frequency that brings the mean centroid of frames to `centroid`: bisection, since it rises with the power."""
    low, high = _STEEPEST, _SHALLOWEST
    for _ in range(12):
        middle = (low + high) / 2
        weight = _lifted(_CENTRE, middle)
        reached = ((size @ (weight * _CENTRE)) / (size @ weight)).mean()
        low, high = (middle, high) if reached < centroid else (low, middle)
    return (low + high) / 2


def levelled(song: Song, y: Floats) -> Floats:
    """Bring the clip to its level, float32 [n]; what would pass full scale is squeezed, so loud songs lose their peaks."""
    wanted = 10 ** (level_dbfs(song) / 20)
    gain = wanted / (rms(y) + 1e-12)
    for _ in range(5):
        reached = rms(FULL_SCALE * np.tanh(y[::5] * np.float32(gain / FULL_SCALE)))
        gain *= float(np.clip(wanted / (reached + 1e-12), 0.5, 2.0))
    return np.asarray(FULL_SCALE * np.tanh(y * np.float32(gain / FULL_SCALE)), np.float32)
