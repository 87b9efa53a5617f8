"""chords -> the tune: motifs of a bar, tones of the chord where the metre is strong, steps of the scale between them."""

from __future__ import annotations

import numpy as np

from audio.synth.harmony import Chord, scale_of
from audio.synth.plan import Plan
from audio.synth.rhythm import Notes, metrical_weights, onset_steps, player_of, scattered, steps_per_bar
from audio.synth.song import Song, stream

PHRASE = 4  # bars: motifs A B A C, then a breath
_ORDER = (0, 1, 0, 2)
_REACH = 9  # semitones around the middle of the voice


def melody_notes(song: Song, plan: Plan, chords: list[Chord], sung_bars: set[int] | None = None) -> Notes:
    """The tune's notes.

    Parameters
    ----------
    sung_bars : bars in which a voice sings, at a pace at which words can be sung; None: an instrument plays in every bar.
    """
    rng = stream(song, "melody")
    wanted = (0.45 if sung_bars is None else 0.4) * song.density
    rate = float(np.clip(wanted, 0.5, 6.0 if sung_bars is None else 4.0))
    motifs = [onset_steps(rng, plan.metre, steps_per_bar(plan, rate), 0.35 * rng.random()) for _ in range(3)]
    steps = [s for bar in range(plan.bars) if sung_bars is None or bar in sung_bars for s in _bar(plan, motifs, bar)]
    if not steps:
        return Notes(*np.zeros((4, 0)))
    midi = _pitches(rng, song, plan, chords, steps, _middle(rng, song, sung_bars is not None))
    on_grid = plan.seconds_at(steps)
    gap = np.minimum(np.diff(on_grid, append=on_grid[-1] + 2 * plan.beat_s), 0.9 * plan.bar_s)
    held = 1.02 - (0.25 if sung_bars else 0.5) * song.valence
    weights = metrical_weights(plan.metre)[np.array(steps) % plan.metre.bar]
    velocity = 0.7 + 0.25 * weights + rng.normal(0, 0.08, len(steps))
    start = scattered(rng, plan, player_of(rng, song), steps)
    return Notes(start, np.clip(gap * held, 0.09, 3.0), midi, np.clip(velocity, 0.3, 1.2))


def _bar(plan: Plan, motifs: list[list[int]], bar: int) -> list[int]:
    """Steps of a bar; the phrase's last bar keeps its first half, then breathes."""
    motif = motifs[_ORDER[bar % PHRASE]]
    kept = [s for s in motif if s <= plan.metre.bar // 2] or motif[:1]
    return [bar * plan.metre.bar + s for s in (kept if bar % PHRASE == PHRASE - 1 else motif)]


def _middle(rng: np.random.Generator, song: Song, sung: bool) -> float:
    """Middle of the register: men and women sing an octave apart; happy tunes lie higher."""
    low = float(rng.choice([54.0, 64.0]) if sung else rng.choice([64.0, 71.0, 76.0]))
    return low + 5.0 * (song.valence - 0.5) + float(rng.uniform(-2, 2))


def _pitches(
    rng: np.random.Generator, song: Song, plan: Plan, chords: list[Chord], steps: list[int], middle: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Midi numbers: a walk that is drawn to the chord on strong steps and to the tonic at the end of a phrase."""
    ends = np.array([chord.end for chord in chords])
    under = np.minimum(np.searchsorted(ends, steps, side="right"), len(chords) - 1)
    strong = metrical_weights(plan.metre)[np.array(steps) % plan.metre.bar] >= 0.8
    last = np.diff(np.array(steps) // (plan.metre.bar * PHRASE), append=-1) != 0
    pentatonic = rng.random() < 0.3
    leap = rng.choice([-4, -2, -1, 1, 2, 3, 5], len(steps)) if not song.cadential else rng.choice([-2, -1, 1, 2], len(steps))
    at, pitches = middle, []
    for place, chord in enumerate(under):
        classes = _classes(song, chords[chord], bool(strong[place]), bool(last[place]), pentatonic)
        at = _nearest(classes, at + float(leap[place]) - 0.25 * (at - middle), middle)
        pitches.append(at)
    return np.array(pitches)


def _classes(song: Song, chord: Chord, strong: bool, last: bool, pentatonic: bool) -> tuple[int, ...]:
    """Pitch classes that may follow: over V the minor scale has its leading tone."""
    triad = chord.classes[:3]
    if last and song.key_pc in triad:
        return (song.key_pc,)
    if strong or song.cadential:
        return triad
    scale = scale_of(song)
    if pentatonic:
        left_out = (3, 6) if song.is_major else (1, 5)
        scale = tuple(pc for degree, pc in enumerate(scale) if degree not in left_out)
    if not song.is_major and (leading := (song.key_pc + 11) % 12) in triad:
        scale = (*(pc for pc in scale if pc != (leading - 1) % 12), leading)
    return scale


def _nearest(classes: tuple[int, ...], wanted: float, middle: float) -> float:
    """The pitch of a class that is nearest to `wanted`, kept within reach of the middle."""
    wanted = min(max(wanted, middle - _REACH), middle + _REACH)
    target = round(wanted)
    return float(min((target + (pc - target + 6) % 12 - 6 for pc in classes), key=lambda midi: (abs(midi - wanted), midi)))
