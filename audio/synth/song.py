"""What a simulated song is asked to be: one number per audible quantity, and a seed for everything else.

The names are those of the simulated world's readings (`models.world.sound.READINGS`), which `audio` cannot import; the test of
`spark_jobs.intake.world_files.audio_files` holds the two lists together.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np


@dataclass(frozen=True)
class Song:
    """A song to be played.

    Attributes
    ----------
    seed : >= 0, decides notes, players, metre and instruments; two seeds of the same numbers are two songs alike.
    seconds : length, > 0.
    tempo : beats per minute, 55 to 200.
    energy : 0 calm .. 1 loud and dense.
    acousticness : 0 electronic .. 1 acoustic.
    valence : 0 sad .. 1 happy; leaves the mode alone.
    brightness : spectral centroid, Hz, 500 to 6000.
    percussiveness : share of energy in onsets, 0 to 1.
    voice : 0 instrumental .. 1 sung throughout.
    bass : share of energy below 150 Hz, 0 to 1.
    key : pitch class, floor: 0 = C .. 11 = B; in [0, 12).
    mode : major where >= 0.5, else minor; 0 to 1.
    swing : share of a beat before its off-beat, 0.5 to 0.7.
    distortion : waveshaper drive, 0 to 1.
    reverb : decay to -60 dB, seconds, 0.1 to 4.
    density : notes per second besides the drums, 0.5 to 10.
    dynamics : loudness range, LU, 2 to 20.
    roughness : share of dissonant partials, 0 to 1.
    metre : "4/4", "3/4" or "6/8"; "" lets the seed choose.
    cadential : play nothing but plain cadences (I IV V I and the like), so that the key is beyond doubt.
    """

    seed: int
    seconds: float = 20.0
    tempo: float = 118.0
    energy: float = 0.5
    acousticness: float = 0.5
    valence: float = 0.5
    brightness: float = 2200.0
    percussiveness: float = 0.5
    voice: float = 0.5
    bass: float = 0.5
    key: float = 0.0
    mode: float = 1.0
    swing: float = 0.55
    distortion: float = 0.3
    reverb: float = 1.2
    density: float = 4.0
    dynamics: float = 9.0
    roughness: float = 0.3
    metre: str = ""
    cadential: bool = False

    @property
    def key_pc(self) -> int:
        """Pitch class of the tonic, 0 = C .. 11 = B."""
        return int(self.key) % 12

    @property
    def is_major(self) -> bool:
        """Whether the mode is major."""
        return self.mode >= 0.5


def stream(song: Song, purpose: str) -> np.random.Generator:
    """Return the song's random numbers for one purpose: a change in one part leaves the others' numbers alone.

    Examples
    --------
    >>> bool(stream(Song(1), "bass").random() == stream(Song(1), "drums").random())
    False
    """
    return np.random.default_rng([song.seed, crc32(purpose.encode())])
