"""notes -> stems: which instruments play a part, and their notes laid into the clip.

Each instrument sounds each pitch once, as long as its longest note; the others are cut from it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audio.constants import SAMPLE_RATE
from audio.synth.clip import lay, unit
from audio.synth.drum_sounds import drum_kit
from audio.synth.drums import Strokes
from audio.synth.instruments import INSTRUMENTS, Instrument, tone
from audio.synth.rhythm import Notes
from audio.synth.song import Song, stream

Floats = npt.NDArray[np.float32]

# part -> names of acoustic, of electronic instruments
CHOICES = {
    "bass": (("upright",), ("synth_bass",)),
    "pad": (("strings",), ("saw", "organ")),
    "chords": (("piano", "guitar", "guitar", "harp"), ("electric_piano", "square_pluck", "organ", "saw")),
    "melody": (("piano", "guitar", "flute", "strings", "marimba"), ("square_pluck", "saw", "electric_piano", "organ")),
}
_LEAST = 0.08  # share of power below which one of the two families stays away


def stem_of(song: Song, part: str, notes: Notes, cents: float, n: int) -> Floats:
    """A part's sound, float32 [n], root mean square 1 (or silence): acoustic and electronic instruments share its power."""
    rng = stream(song, f"instruments of {part}")
    acoustic = float(np.clip((song.acousticness - 0.15) / 0.7, 0, 1))
    rolloff = 1.9 - 1.1 * float(np.clip(song.brightness / 4500, 0, 1))
    total = np.zeros(n, np.float32)
    for names, share in zip(CHOICES[part], (acoustic, 1 - acoustic), strict=True):
        instrument = INSTRUMENTS[str(rng.choice(names))]
        if share >= _LEAST:
            total += np.float32(np.sqrt(share)) * unit(_played(song, instrument, notes, cents, rolloff, rng, n))
    return unit(total)


def drum_stem(song: Song, strokes: dict[str, Strokes], n: int) -> Floats:
    """All drums, float32 [n], root mean square 1 (or silence)."""
    kit, rng = drum_kit(song), stream(song, "drum levels")
    stem = np.zeros(n, np.float32)
    for name, made in strokes.items():
        loud = _LEVELS[name] * rng.uniform(0.75, 1.3)
        for start, velocity in zip(made.start, made.velocity, strict=True):
            lay(stem, float(start), kit[name], float(velocity * loud))
    return unit(stem)


_LEVELS = {"kick": 1.0, "snare": 0.75, "hat": 0.3, "open_hat": 0.3, "shaker": 0.25, "tom": 0.6, "crash": 0.35}


def _played(
    song: Song, instrument: Instrument, notes: Notes, cents: float, rolloff: float, rng: np.random.Generator, n: int
) -> Floats:
    stem = np.zeros(n, np.float32)
    release = int(instrument.release_s * SAMPLE_RATE)
    fade = np.linspace(1, 0, release, dtype=np.float32) ** 2
    length = (notes.seconds * SAMPLE_RATE).astype(np.int64)
    for midi in np.unique(notes.midi):
        mine = np.flatnonzero(notes.midi == midi)
        hz = 440.0 * 2 ** ((midi - 69 + cents / 100) / 12)
        wave = tone(instrument, hz, int(length[mine].max()) + release, rolloff, 0.6 * song.roughness**1.5, rng)
        for note in mine:
            cut = wave[: length[note] + release].copy()
            cut[-release:] *= fade
            lay(stem, float(notes.start[note]), cut, float(notes.velocity[note]))
    return stem
