"""A song's named quantities -> its sound, with the truth written beside: simulated music for tests, tuning and worlds."""

from audio.synth.song import Song
from audio.synth.synthesise import synthesise
from audio.synth.truth import SongTruth, truth

__all__ = ["Song", "SongTruth", "synthesise", "truth"]
