"""chords -> what a keyboard or guitar makes of them: pads, strums, blocks, off-beats or arpeggios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio.synth.harmony import Chord
from audio.synth.plan import Plan
from audio.synth.rhythm import Float64s, Notes, Player, onset_steps, player_of, scattered, steps_per_bar
from audio.synth.song import Song, stream

STYLES = ("pad", "strum", "blocks", "off_beats", "arpeggio")


@dataclass(frozen=True)
class ChordPart:
    """A part's notes and how they are meant to be played: one of STYLES."""

    style: str
    notes: Notes


def chord_part(song: Song, plan: Plan, chords: list[Chord]) -> ChordPart:
    """The chords as played; one style throughout."""
    rng = stream(song, "chords")
    style = _style(rng, song, plan)
    player = player_of(rng, song)
    per_bar = steps_per_bar(plan, (0.5 if style == "arpeggio" else 0.3) * song.density)
    motif = onset_steps(rng, plan.metre, per_bar, 0.5 * rng.random())
    centre = 54.0 + 8.0 * song.valence + rng.uniform(-2, 2)
    parts = [_played(rng, plan, chord, style, player, motif, centre) for chord in chords]
    start, seconds, midi, velocity = (np.concatenate(column) for column in zip(*parts, strict=True))
    bar = np.clip(((start - plan.first_beat_s) / plan.beat_s + plan.pickup) // plan.metre.beats, 0, plan.bars - 1).astype(int)
    loud = velocity * (0.8 + 0.25 * plan.level[bar]) + rng.normal(0, 0.06, len(start))
    held = 1.0 if style == "pad" else 1.05 - 0.5 * song.valence * song.percussiveness
    return ChordPart(style, Notes(start, np.clip(seconds * held, 0.08, 5.0), midi, np.clip(loud, 0.2, 1.2)))


def voicing(chord: Chord, centre: float) -> list[float]:
    """Each pitch class at its place nearest to `centre`, ascending: neighbours move little from chord to chord.

    Examples
    --------
    >>> voicing(Chord(0, 16, 7, (0, 4, 7)), 60.0)
    [55.0, 59.0, 62.0]
    """
    return sorted(centre + (pc - centre + 6) % 12 - 6 for pc in set(chord.classes))


def _style(rng: np.random.Generator, song: Song, plan: Plan) -> str:
    if plan.drums == "one_drop":
        return "off_beats"
    pulsed = song.percussiveness * (0.4 + song.energy)
    shares = np.array([1.1 - 0.09 * song.density, 0.5 + 0.5 * pulsed, 0.3 + pulsed, 0.3 * pulsed, 0.1 + 0.12 * song.density])
    return str(rng.choice(STYLES, p=np.maximum(shares, 0.02) / np.maximum(shares, 0.02).sum()))


def _played(
    rng: np.random.Generator, plan: Plan, chord: Chord, style: str, player: Player, motif: list[int], centre: float
) -> tuple[Float64s, Float64s, Float64s, Float64s]:
    """(start, seconds, midi, velocity) of the notes of one chord."""
    tones = np.array(voicing(chord, float(round(centre))))
    steps = _steps(plan, chord, style, motif)
    gap = np.diff(plan.seconds_at([*steps, chord.end]))
    accent = np.where(np.array(steps) % plan.metre.steps == 0, 1.0, 0.8)
    if style == "arpeggio":
        order = np.concatenate([tones, tones[:1] + 12, tones[:0:-1]])
        midi = order[np.arange(len(steps)) % len(order)]
        return scattered(rng, plan, player, steps), np.maximum(gap * 1.5, 0.3), midi, accent
    spread = np.arange(len(tones)) * (rng.uniform(0.006, 0.02) if style == "strum" else 0.001)
    start = scattered(rng, plan, player, steps)[:, None] + spread
    shape = (len(steps), len(tones))
    columns = (
        start,
        np.broadcast_to(gap[:, None], shape),
        np.broadcast_to(tones, shape),
        np.broadcast_to(accent[:, None], shape),
    )
    made = [np.asarray(column, np.float64).ravel() for column in columns]
    return made[0], made[1], made[2], made[3]


def _steps(plan: Plan, chord: Chord, style: str, motif: list[int]) -> list[int]:
    metre = plan.metre
    if style == "pad":
        return [chord.start]
    if style == "blocks":
        return list(range(chord.start, chord.end, metre.steps))
    if style == "off_beats":
        return list(range(chord.start + metre.steps // 2, chord.end, metre.steps))
    bars = range(chord.start // metre.bar, -(-chord.end // metre.bar))
    inside = [bar * metre.bar + step for bar in bars for step in motif]
    return [chord.start, *(step for step in inside if chord.start < step < chord.end)]
