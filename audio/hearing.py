"""clip -> all that is heard in it: one transform for rhythm and timbre, a second one for pitch, then the judgements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio.constants import CHROMA_FRAME, CHROMA_HOP, FRAME, HOP
from audio.key import Key, key_of
from audio.mood import moods
from audio.onsets import onset_rate, onset_strength
from audio.readings import Readings, readings
from audio.spectrogram import mel_bands, power_spectrum
from audio.tempo import Tempo, tempo_of
from audio.texture import texture
from audio.timbre import Timbre, timbre

Floats = npt.NDArray[np.float32]

# The ears' version: raise it with any change that can change a number, and the line hears everything again.
EXTRACTOR = "1"


@dataclass(frozen=True)
class Heard:
    """What a clip is like.

    Attributes
    ----------
    key : None where no pitch stands out. onset_rate : beginnings of notes and beats per second.
    mel : float32 [frames, MELS], power: what the network and the plots go on from.
    """

    tempo: Tempo
    key: Key | None
    timbre: Timbre
    readings: Readings
    onset_rate: float
    mel: Floats

    def findings(self) -> dict[str, object]:
        """The columns of `track_audio` that come from listening, by name; units and domains stand in its contract."""
        key, timbre, felt = self.key, self.timbre, self.readings
        return {
            "tempo_bpm": self.tempo.bpm,
            "tempo_conf": self.tempo.confidence,
            "tempo_alt_bpm": self.tempo.alternative_bpm,
            "tempo_alt_weight": self.tempo.alternative_weight,
            "key_pc": key.pitch_class if key else None,
            "key_mode": key.mode if key else None,
            "key_conf": key.confidence if key else 0.0,
            "tuning_cents": key.tuning_cents if key else 0.0,
            "energy": felt.energy,
            "loudness_db": timbre.loudness_db,
            "dynamics_db": timbre.dynamics_db,
            "acousticness": felt.acousticness,
            "instrumentalness": felt.instrumentalness,
            "valence": felt.valence,
            "arousal": felt.arousal,
            "moods": moods(felt.valence, felt.arousal),
            "centroid_hz": timbre.centroid_hz,
            "flatness_db": timbre.flatness,
            "onset_rate": self.onset_rate,
        }


def hear(y: Floats) -> Heard:
    """Listen to a clip.

    Parameters
    ----------
    y : float32 [n], mono, 22,050 Hz, not silent, at least a second.
    """
    power = power_spectrum(y, FRAME, HOP)
    mel = mel_bands(power)
    strength = onset_strength(mel)
    tempo, key = tempo_of(strength), key_of(power_spectrum(y, CHROMA_FRAME, CHROMA_HOP))
    sound, rate = timbre(power, mel), onset_rate(strength[3])
    return Heard(tempo, key, sound, readings(sound, texture(mel), rate, tempo, key), rate, mel)
