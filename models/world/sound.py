"""The latent sound of a track: sixteen numbers from which audio is synthesised and against which readings are judged.

Every named quantity is an affine reading of one coordinate, clipped to its domain, so that an audio extractor has an exact
answer to be compared with: tempo_bpm = 118 + 24 z_0, and so on as in `READINGS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SOUND_DIMS = 16


@dataclass(frozen=True)
class Reading:
    """A named quantity of a track: clip(offset + scale * sound[:, dim], low, high)."""

    name: str
    dim: int
    offset: float
    scale: float
    low: float
    high: float
    unit: str


READINGS = {
    r.name: r
    for r in (
        Reading("tempo", 0, 118.0, 24.0, 55.0, 200.0, "beats per minute"),
        Reading("energy", 1, 0.5, 0.2, 0.0, 1.0, "0 calm .. 1 loud and dense"),
        Reading("acousticness", 2, 0.5, 0.2, 0.0, 1.0, "0 electronic .. 1 acoustic"),
        Reading("valence", 3, 0.5, 0.2, 0.0, 1.0, "0 sad .. 1 happy"),
        Reading("brightness", 4, 2200.0, 700.0, 500.0, 6000.0, "spectral centroid, Hz"),
        Reading("percussiveness", 5, 0.5, 0.2, 0.0, 1.0, "share of energy in onsets"),
        Reading("voice", 6, 0.5, 0.2, 0.0, 1.0, "0 instrumental .. 1 sung throughout"),
        Reading("bass", 7, 0.5, 0.2, 0.0, 1.0, "share of energy below 150 Hz"),
        Reading("key", 8, 6.0, 6.0, 0.0, 11.999, "pitch class, floor: 0 = C .. 11 = B"),
        Reading("mode", 9, 0.5, 0.5, 0.0, 1.0, "major where >= 0.5, else minor"),
        Reading("swing", 10, 0.55, 0.05, 0.5, 0.7, "share of a beat before its off-beat"),
        Reading("distortion", 11, 0.3, 0.2, 0.0, 1.0, "waveshaper drive"),
        Reading("reverb", 12, 1.2, 0.6, 0.1, 4.0, "decay to -60 dB, seconds"),
        Reading("density", 13, 4.0, 1.5, 0.5, 10.0, "notes per second"),
        Reading("dynamics", 14, 9.0, 3.0, 2.0, 20.0, "loudness range, LU"),
        Reading("roughness", 15, 0.3, 0.15, 0.0, 1.0, "share of dissonant partials"),
    )
}


def read(sound: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Return the named reading of each track.

    Parameters
    ----------
    sound : float32 [tracks, 16]
    name : a key of `READINGS`

    Returns
    -------
    float32 [tracks], in the unit that `READINGS` states

    Examples
    --------
    >>> read(np.zeros((1, 16), np.float32), "tempo").tolist()
    [118.0]
    """
    r = READINGS[name]
    return np.asarray(np.clip(r.offset + r.scale * sound[:, r.dim], r.low, r.high), np.float32)
