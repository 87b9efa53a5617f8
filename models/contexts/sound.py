"""What is known of how tracks sound and what they stand for, as numbers that may be missing.

Meaning (content vectors, models/sources/content.py) has a hundred dimensions and more, and a session mostly stays in one or two
corners of them: so tracks are sorted into styles, and a session is how often it played each. Readings of audio files stand
beside them in standard units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.audio import READINGS
from conf.errors import ContractError

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
# Where recorded music lies and how far it spreads, in the units of READINGS; tempo counts in octaves of 120 beats a minute.
CENTRE = np.array([0.55, 0.35, 0.35, 0.1, 0.1, 0.0, -11.0])
SPREAD = np.array([0.22, 0.3, 0.3, 0.4, 0.4, 0.4, 4.5])
_TEMPO = READINGS.index("tempo_bpm")


@dataclass(frozen=True)
class Sound:
    """What tracks sound like, by track_idx.

    Attributes
    ----------
    meaning : float32 [tracks, d], unit vectors of what words, sound and artist stand for; zeros or NaN where unknown.
    readings : float32 [tracks, 7], columns in order of READINGS and their units; NaN where unknown.
    words : float32 [tracks, 7], share of a track's genres that speak for each mode (models/contexts/words.py); training alone
        looks at it. Each may be None.
    """

    meaning: Float32s | None = None
    readings: Float32s | None = None
    words: Float32s | None = None


@dataclass(frozen=True)
class Tracks:
    """What the model looks at in each track.

    Attributes
    ----------
    style : int64 [tracks], -1 where nothing is known of what it stands for.
    readings : float64 [tracks, 7], in standard units; NaN where unknown.
    """

    style: Int64s
    readings: Float64s

    def __len__(self) -> int:
        return len(self.style)


@dataclass(frozen=True)
class Styles:
    """Kinds of music: centres of meaning, so that a track is of the style that it lies nearest to.

    Attributes
    ----------
    centres : float64 [c, d], unit vectors; c = 0 where no meaning was known.
    """

    centres: Float64s

    def __len__(self) -> int:
        return len(self.centres)

    @classmethod
    def learn(cls, meaning: Float32s | None, plays: Float64s, styles: int, rounds: int = 20) -> Styles:
        """Spherical k-means over the played tracks, each counting as the root of its plays (float64 [tracks]).

        It begins with the track played most and then, again and again, the one that the centres so far describe worst.
        """
        if meaning is None or not styles:
            return cls(np.empty((0, 0)))
        rows = unit(meaning[: len(plays)])
        weight = np.sqrt(plays[: len(rows)]) * rows.any(axis=1)
        rows, weight = rows[weight > 0], weight[weight > 0]
        if not len(rows):
            return cls(np.empty((0, 0)))
        centres = _spread_out(rows, weight, min(styles, len(rows)))
        for _ in range(rounds):
            nearest = (rows @ centres.T).argmax(axis=1)
            pulled = np.zeros_like(centres)
            np.add.at(pulled, nearest, rows * weight[:, None])
            moved = pulled.any(axis=1)
            centres[moved] = unit(pulled[moved])
        return cls(centres)

    def of(self, sound: Sound) -> Tracks:
        """What is known of the tracks.

        Raises
        ------
        ContractError
            Where the meaning is of another width than the one that the model learned from.
        """
        tracks = max(0 if each is None else len(each) for each in (sound.meaning, sound.readings))
        style, values = np.full(tracks, -1, np.int64), np.full((tracks, len(READINGS)), np.nan)
        if sound.meaning is not None and len(self) and len(sound.meaning):
            if sound.meaning.shape[1] != self.centres.shape[1]:
                raise ContractError(
                    f"contexts: meaning has {sound.meaning.shape[1]} dimensions, the model learned from "
                    f"{self.centres.shape[1]}; give the content vectors of the same week"
                )
            rows = unit(sound.meaning)
            style[: len(rows)] = np.where(rows.any(axis=1), (rows @ self.centres.T).argmax(axis=1), -1)
        if sound.readings is not None:
            values[: len(sound.readings)] = standard(sound.readings)
        return Tracks(style, values)


def _spread_out(rows: Float64s, weight: Float64s, n: int) -> Float64s:
    """`n` of the rows that lie apart, float64 [n, d]."""
    chosen = [int(weight.argmax())]
    best = rows @ rows[chosen[0]]
    while len(chosen) < n:
        chosen.append(int((weight * (1.0 - best)).argmax()))
        best = np.maximum(best, rows @ rows[chosen[-1]])
    return rows[chosen].copy()


def unit(meaning: npt.NDArray[Any]) -> Float64s:
    """Rows of length 1, float64; zeros where nothing is known.

    >>> unit(np.array([[3.0, 4.0], [np.nan, 1.0], [0.0, 0.0]], np.float32)).round(2).tolist()
    [[0.6, 0.8], [0.0, 0.0], [0.0, 0.0]]
    """
    rows = np.asarray(meaning, np.float64)
    rows = np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, 0.0)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0))


def standard(readings: Float32s) -> Float64s:
    """Readings in standard units of recorded music, float64, at most 3 either way; NaN stays.

    >>> standard(np.array([[0.77, np.nan, 0.65, 0.5, 0.1, 240.0, -6.5]], np.float32)).round(2).tolist()
    [[1.0, nan, 1.0, 1.0, 0.0, 2.5, 1.0]]
    """
    values = readings.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        values[:, _TEMPO] = np.log2(values[:, _TEMPO] / 120.0)
    return np.asarray(np.clip((values - CENTRE) / SPREAD, -3.0, 3.0))
