"""song -> samples: plan, chords, parts, stems, mix, effects. Same song, same samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audio.constants import SAMPLE_RATE
from audio.synth import effects
from audio.synth.bass import bass_notes
from audio.synth.chord_part import chord_part
from audio.synth.clip import unit
from audio.synth.drums import drum_strokes
from audio.synth.harmony import chords_of
from audio.synth.melody import melody_notes
from audio.synth.plan import Plan, plan_of
from audio.synth.song import Song, stream
from audio.synth.stems import drum_stem, stem_of
from audio.synth.voice import sing, sung_bars

Floats = npt.NDArray[np.float32]

HISS_DB = -70.0  # below the song: no recording is digitally silent


def synthesise(song: Song) -> Floats:
    """Play a song, float32 [round(seconds * 22,050)], mono, 22,050 Hz, within [-1, 1].

    Examples
    --------
    >>> len(synthesise(Song(seed=1, seconds=2.0)))
    44100
    """
    plan = plan_of(song)
    n = round(song.seconds * SAMPLE_RATE)
    mixed = _mixed(song, plan, n) * effects.section_gain(song, plan, n)
    mixed += np.float32(10 ** (HISS_DB / 20)) * stream(song, "hiss").standard_normal(n, np.float32)
    return effects.levelled(song, effects.balanced(song, effects.roomed(song, mixed)))


def _mixed(song: Song, plan: Plan, n: int) -> Floats:
    """All parts, float32 [n]; the drums' share of the power follows `percussiveness`."""
    tonal = _tonal(song, plan, n)
    drums = drum_stem(song, drum_strokes(song, plan), n)
    share = np.clip(0.04 + 0.8 * song.percussiveness, 0.04, 0.84)
    return np.asarray(np.sqrt(1 - share) * unit(tonal) + np.sqrt(share) * drums, np.float32)


def _tonal(song: Song, plan: Plan, n: int) -> Floats:
    chords = chords_of(song, plan)
    cents, levels = plan.tuning_cents, stream(song, "levels").uniform(0.9, 1.4, 3).astype(np.float32)
    bars = sung_bars(song, plan)
    played = chord_part(song, plan, chords)
    tune = melody_notes(song, plan, chords, bars or None)
    # a plain cadence is heard by its chords: under bass and tune, profiles of keys mistook a tenth of them
    mix = np.array([1.2, 0.5, 0.3] if song.cadential else [0.5, 0.55, 0.4], np.float32) * levels
    parts = mix[0] * stem_of(song, "pad" if played.style == "pad" else "chords", played.notes, cents, n)
    parts += mix[1] * stem_of(song, "bass", bass_notes(song, plan, chords), cents, n)
    if not bars:
        parts += mix[2] * stem_of(song, "melody", tune, cents, n)
    parts = effects.distorted(parts, song.distortion)
    if bars:
        parts += np.float32(0.45 + 0.5 * song.voice) * unit(sing(song, tune, cents, n))
    return np.asarray(parts, np.float32)
