"""key and mode -> chords over time: progressions of functional harmony that start from the tonic and close with a cadence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio.synth.plan import Plan
from audio.synth.song import Song, stream

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)
_MAJ, _MIN, _DIM = (0, 4, 7), (0, 3, 7), (0, 3, 6)

# numeral -> (root in semitones above the tonic, triad, diatonic seventh above the root)
NUMERALS = {
    "I": (0, _MAJ, 11), "ii": (2, _MIN, 10), "iii": (4, _MIN, 10), "IV": (5, _MAJ, 11), "V": (7, _MAJ, 10),
    "vi": (9, _MIN, 10), "bVII": (10, _MAJ, 10),
    "i": (0, _MIN, 10), "iio": (2, _DIM, 10), "III": (3, _MAJ, 11), "iv": (5, _MIN, 10), "v": (7, _MIN, 10),
    "VI": (8, _MAJ, 11), "VII": (10, _MAJ, 10),
}  # fmt: skip
MAJOR_PROGRESSIONS = (
    "I IV V I", "I V vi IV", "I vi IV V", "I IV I V", "I ii IV V", "I iii IV V", "ii V I I", "I vi ii V", "I IV vi V",
    "I bVII IV I", "I V IV I", "I I IV I V IV I V", "I V vi iii IV I IV V", "vi IV I V",
)  # fmt: skip
MINOR_PROGRESSIONS = (
    "i iv V i", "i iv v i", "i VI III VII", "i VII VI V", "i VI iv V", "i iv VII III", "iio V i i", "i VII VI VII",
    "i v iv i", "i VI VII i", "i iv i V", "i III VII iv", "i i iv i V iv i V",
)  # fmt: skip
MAJOR_CADENCES = ("I IV V I", "I ii V I", "I vi IV V I I", "I IV I V I I")
MINOR_CADENCES = ("i iv V i", "i VI iv V i i", "i iv i V i i")

PHRASE = 8  # chords
_DOMINANTS = {"V", "v", "VII"}

_CHOICES: dict[tuple[bool, bool], tuple[str, ...]] = {
    (False, True): MAJOR_PROGRESSIONS,
    (False, False): MINOR_PROGRESSIONS,
    (True, True): MAJOR_CADENCES,
    (True, False): MINOR_CADENCES,
}


@dataclass(frozen=True)
class Chord:
    """A chord between two steps of the plan.

    Attributes
    ----------
    start, end : steps counted from the first bar's downbeat.
    root : pitch class, 0 = C .. 11 = B.
    tones : semitones above the root.
    """

    start: int
    end: int
    root: int
    tones: tuple[int, ...]

    @property
    def classes(self) -> tuple[int, ...]:
        """Pitch classes that sound, the root first."""
        return tuple((self.root + tone) % 12 for tone in self.tones)


def chords_of(song: Song, plan: Plan) -> list[Chord]:
    """Chords from the first bar to the last without a gap."""
    rng = stream(song, "harmony")
    length = _steps_a_chord(rng, plan)
    numerals = _numerals(rng, song, -(-plan.bars * plan.metre.bar // length))
    colour = "plain" if song.cadential else str(rng.choice(["plain", "seventh", "ninth"], p=[0.6, 0.25, 0.15]))
    chords = []
    for place, numeral in enumerate(numerals):
        root, tones = _tones(rng, song, numeral, colour)
        chords.append(Chord(place * length, (place + 1) * length, (song.key_pc + root) % 12, tones))
    return chords


def scale_of(song: Song) -> tuple[int, ...]:
    """Pitch classes of the song's scale, the tonic first; natural minor."""
    return tuple((song.key_pc + step) % 12 for step in (MAJOR_SCALE if song.is_major else MINOR_SCALE))


def _steps_a_chord(rng: np.random.Generator, plan: Plan) -> int:
    """Half a bar, one or two, whichever keeps a chord between about 1 and 4 seconds."""
    shares = [s for s in ((0.5,) if plan.metre.beats == 4 else ()) + (1.0, 2.0) if 0.9 < s * plan.bar_s < 4.2]
    return int(plan.metre.bar * rng.choice(shares or [1.0]))


def _numerals(rng: np.random.Generator, song: Song, chords: int) -> list[str]:
    """One numeral per chord: phrases of eight chords from two loops in turn; each phrase starts on the tonic.

    The excerpt begins anywhere in a phrase. Cadences at shorter distances (every section of two bars, at first) made the
    fifth as frequent as the tonic: profiles of keys then heard the dominant's key in 30 % of songs.
    """
    choices = _CHOICES[song.cadential, song.is_major]
    loops = [str(rng.choice(choices)).split() for _ in range(2)]
    if song.cadential:
        return [loops[0][place % len(loops[0])] for place in range(chords)]
    tonic = "I" if song.is_major else "i"
    before = int(rng.integers(0, PHRASE))
    made = []
    for place in range(before, before + chords):
        loop, at = loops[place // PHRASE % 2], place % PHRASE
        numeral = tonic if at == 0 else loop[at % len(loop)]
        leads_back = at == PHRASE - 1 and numeral not in _DOMINANTS
        made.append("V" if leads_back and rng.random() < 0.7 else numeral)
    return made


def _tones(rng: np.random.Generator, song: Song, numeral: str, colour: str) -> tuple[int, tuple[int, ...]]:
    """Root above the tonic and tones: distortion leaves root and fifth, roughness adds what does not belong."""
    root, triad, seventh = NUMERALS[numeral]
    if song.cadential:
        return root, (*triad, seventh) if numeral == "V" else triad
    if song.distortion > 0.65 and rng.random() < 0.7:
        return root, (0, 7)
    tones: tuple[int, ...] = triad
    if colour == "seventh" or (numeral == "V" and rng.random() < 0.3):
        tones = (*tones, seventh)
    if colour == "ninth" and numeral not in {"iii", "iio", "v"}:
        tones = (*tones, 14)
    if rng.random() < 0.6 * max(0.0, song.roughness - 0.25):
        tones = (*tones, int(rng.choice([1, 6, 13])))
    return root, tones
