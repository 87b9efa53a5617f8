"""chords -> the bass line: roots, fifths, pulses, walks or syncopation, as much as the density asks for."""

from __future__ import annotations

import numpy as np

from audio.synth.harmony import Chord, scale_of
from audio.synth.plan import Plan
from audio.synth.rhythm import Notes, onset_steps, player_of, scattered, steps_per_bar
from audio.synth.song import Song, stream

LOWEST = 28  # E1, a bass guitar's lowest string
_STYLES = ("roots", "fifths", "pulse", "walk", "syncopated")


def bass_notes(song: Song, plan: Plan, chords: list[Chord]) -> Notes:
    """Notes of the bass; its lowest octave holds the root at every change of chord."""
    rng = stream(song, "bass")
    per_bar = steps_per_bar(plan, max(0.35 * song.density, 0.5))
    style = _style(rng, song, plan, per_bar)
    motifs = [onset_steps(rng, plan.metre, per_bar, 0.5) for _ in range(2)]
    events = [event for chord in chords for event in _events(rng, song, plan, chord, style, motifs, per_bar)]
    steps, midi = (np.array(column) for column in zip(*events, strict=True))
    start = scattered(rng, plan, player_of(rng, song), steps)
    gap = np.diff(plan.seconds_at(steps), append=plan.seconds_at(chords[-1].end))
    held = 0.95 - 0.45 * song.valence * rng.uniform(0.3, 1)
    bar = np.minimum(steps // plan.metre.bar, plan.bars - 1)
    velocity = 0.75 + 0.2 * plan.level[bar] + rng.normal(0, 0.07, len(steps))
    return Notes(start, np.minimum(gap * held, 2.5), midi.astype(np.float64), np.clip(velocity, 0.3, 1.2))


def _style(rng: np.random.Generator, song: Song, plan: Plan, per_bar: int) -> str:
    """Few notes are roots and fifths, many a pulse or a walk; plain cadences have the chord's root in the bass throughout."""
    if song.cadential:
        return str(rng.choice(["roots", "pulse"]))
    busy = per_bar / plan.metre.beats
    shares = np.array([1.5 - busy, 1.2 - busy, 0.1 + busy, 0.7 * busy * song.acousticness, 0.3 + busy])
    return str(rng.choice(_STYLES, p=np.maximum(shares, 0.05) / np.maximum(shares, 0.05).sum()))


def _events(
    rng: np.random.Generator, song: Song, plan: Plan, chord: Chord, style: str, motifs: list[list[int]], per_bar: int
) -> list[tuple[int, int]]:
    """(step, midi) of the notes under a chord, the root at its start."""
    root = LOWEST + (chord.root - LOWEST) % 12
    steps = _steps(plan, chord, style, motifs, per_bar)
    if style == "fifths":
        return [(step, root + 7 * (place % 2)) for place, step in enumerate(steps)]
    if style == "walk":
        line = [root, *(_walked(rng, song, chord, root) for _ in steps[1:])]
        return list(zip(steps, line, strict=True))
    octaves = 12 * (rng.random(len(steps)) < (0.25 if style == "syncopated" else 0.0))
    octaves[0] = 0
    return [(step, root + int(octave)) for step, octave in zip(steps, octaves, strict=True)]


def _steps(plan: Plan, chord: Chord, style: str, motifs: list[list[int]], per_bar: int) -> list[int]:
    metre = plan.metre
    if style in {"roots", "fifths"}:
        every = metre.bar // 2 if metre.beats % 2 == 0 else metre.steps * (1 if style == "fifths" else 3)
        return list(range(chord.start, chord.end, every))
    if style == "walk":
        return list(range(chord.start, chord.end, metre.steps))
    if style == "pulse":
        every = 2 if per_bar >= metre.bar // 3 else metre.steps
        return list(range(chord.start, chord.end, every))
    bars = range(chord.start // metre.bar, -(-chord.end // metre.bar))
    inside = [bar * metre.bar + step for bar in bars for step in motifs[bar % 2]]
    return [chord.start, *(step for step in inside if chord.start < step < chord.end)]


def _walked(rng: np.random.Generator, song: Song, chord: Chord, root: int) -> int:
    """A tone of the chord or, one in three, another one of the scale, within an octave above the lowest root."""
    classes = scale_of(song) if rng.random() < 0.33 else chord.classes
    return root + (int(rng.choice(classes)) - root) % 12
