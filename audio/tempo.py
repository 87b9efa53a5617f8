"""periodicity -> tempo, its octave, and how sure: a small network scores every tempo by what speaks for it and its multiples.

All tempi are scored by one network of a hidden layer (like a convolution along the logarithmic tempo axis), so it cannot
learn which tempi are common; that is a prior of its own, a broad bell around two beats a second (Moelants 2002). What it
learns, from simulated songs (bench/learn_tempo.py), is how people count: whether half or double the strongest period is
the beat. The winner is then measured finely on the spectrum of the onsets: its harmonics must line up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import fft

from audio.constants import FRAMES_PER_SECOND
from audio.periodicity import FASTEST, RATIOS, SLOWEST, TEMPI, periodicity

Floats = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

WEIGHTS = Path(__file__).parent / "learned" / "tempo.npz"
TRUSTED = 0.5  # confidence below which a tempo is a guess: speech, whales and noise lie under it
_ABSENT = 0.05  # and below this there is none
_SPEAKS = 0.02  # share from which an alternative is told
_LEAST_FRAMES = 64  # 1.5 s
_PRIOR_BPM, _PRIOR_OCTAVES = 120.0, 0.6
_NEAR = 4  # grid steps on each side that count as the same tempo: 2.8 %
_RATIOS_OF_ERROR = (2.0, 3.0, 1 / 2, 1 / 3, 3 / 2, 2 / 3)
_FINE = 2**16  # points of the fine spectrum: .0007 Hz apart, and read between them
_HARMONICS = np.array([1, 2, 3, 4, 6, 8])
_SEARCH = np.linspace(0.97, 1.03, 241)


@dataclass(frozen=True)
class Tempo:
    """The beat of a clip.

    Attributes
    ----------
    bpm : beats per minute in [40, 240]; None where nothing repeats.
    confidence : in [0, 1]; below TRUSTED it is a guess.
    alternative_bpm : how else people may count, mostly half or double; None where nothing else speaks.
    alternative_weight : its share against `bpm`, in [0, 0.5].
    """

    bpm: float | None
    confidence: float
    alternative_bpm: float | None
    alternative_weight: float


NOTHING = Tempo(None, 0.0, None, 0.0)


def tempo_weights(evidence: Floats, weights: dict[str, Floats] | None = None) -> Float64s:
    """Probability of each of TEMPI, float64 [tempi], by its `periodicity`; `weights` of another network than the one here."""
    scores = network_scores(evidence, weights or _network())
    scores = scores - 0.5 * (np.log2(TEMPI / _PRIOR_BPM) / _PRIOR_OCTAVES) ** 2
    shares = np.exp(scores - scores.max())
    return np.asarray(shares / shares.sum())


def network_scores(evidence: Floats, weights: dict[str, Floats]) -> Float64s:
    """Score of each tempo, float64 [..., tempi], from `periodicity` float32 [..., tempi, 4, 2, ratios]."""
    flat = evidence.reshape(*evidence.shape[:-3], -1)
    hidden = np.maximum((flat - weights["mean"]) / weights["spread"] @ weights["in"] + weights["in_bias"], 0.0)
    return np.asarray((hidden @ weights["out"])[..., 0], np.float64)


@cache
def _network() -> dict[str, Floats]:
    with np.load(WEIGHTS, allow_pickle=False) as saved:
        return dict(saved)


def refined(strength: Floats, bpm: float) -> float:
    """The tempo within 3 % of `bpm` at which the onsets' spectrum is strongest at the beat and its harmonics.

    Parameters
    ----------
    strength : float32 [frames], overall onset strength of the whole clip.
    """
    tapered = (strength - strength.mean()) * np.hanning(len(strength))
    size = np.abs(fft.rfft(tapered, _FINE))
    rates = bpm / 60 / FRAMES_PER_SECOND * _FINE * _SEARCH[:, None] * _HARMONICS
    heard = np.interp(rates, np.arange(len(size)), size, right=0.0)
    return float(bpm * _SEARCH[heard.sum(axis=1).argmax()])


def tempo_of(strength: Floats) -> Tempo:
    """Tempo of `onset_strength` float32 [4, frames].

    The winner is the tempo with most probability around it; the alternative is the best one at a ratio by which people differ.
    """
    if strength.shape[1] < _LEAST_FRAMES or not strength[3].any():
        return NOTHING
    evidence = periodicity(strength)
    near = gathered(tempo_weights(evidence))
    best = int(near.argmax())
    confidence = _confidence(confidence_features(evidence[best], float(near[best]), strength.shape[1] / FRAMES_PER_SECOND))
    if confidence < _ABSENT:
        return Tempo(None, confidence, None, 0.0)
    bpm = float(np.clip(refined(strength[3], float(TEMPI[best])), SLOWEST, FASTEST))
    weight, other = max((_weight_at(near, bpm * ratio), bpm * ratio) for ratio in _RATIOS_OF_ERROR)
    share = weight / (weight + float(near[best]))
    return Tempo(bpm, confidence, other if share >= _SPEAKS else None, share if share >= _SPEAKS else 0.0)


def _weight_at(near: Float64s, bpm: float) -> float:
    return float(near[np.abs(TEMPI - bpm).argmin()]) if SLOWEST <= bpm <= FASTEST else 0.0


def confidence_features(evidence: Floats, certainty: float, seconds: float) -> Float64s:
    """What tells a beat from chance, float64 [8]: how alike 1, 2, 4 beats later are, the spectrum there, and the time heard.

    Parameters
    ----------
    evidence : float32 [4, 2, ratios], of the tempo. certainty : its share of the probability. seconds : length of the clip.
    """
    likeness, spectrum = evidence[:, 0], evidence[:, 1]
    once, twice, four = RATIOS.index(1.0), RATIOS.index(2.0), RATIOS.index(4.0)
    same = [likeness[3, once], likeness[3, twice], likeness[3, four], likeness[:3, twice].max()]
    return np.array([*same, spectrum[3, once], spectrum[3, twice], certainty, np.log(seconds)], np.float64)


def gathered(probability: Float64s) -> Float64s:
    """Probability of each of TEMPI and of those that count as the same, float64 [tempi]: the largest is the tempo."""
    return np.convolve(probability, np.ones(2 * _NEAR + 1), "same")


def _confidence(features: Float64s) -> float:
    """Probability that something repeats at this tempo."""
    weights = _network()
    odds = (features - weights["seen_mean"]) / weights["seen_spread"] @ weights["seen_slope"] + weights["seen_level"][0]
    return float(1 / (1 + np.exp(-odds)))
