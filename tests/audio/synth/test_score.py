"""What is played: the grid of time, chords in their key, melodies in their scale, drums and voices where they belong."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from audio.constants import SAMPLE_RATE
from audio.synth import Song, truth
from audio.synth.bass import bass_notes
from audio.synth.chord_part import chord_part
from audio.synth.drums import PATTERNS, drum_strokes
from audio.synth.harmony import MAJOR_PROGRESSIONS, MINOR_PROGRESSIONS, NUMERALS, chords_of, scale_of
from audio.synth.instruments import INSTRUMENTS, sum_of_partials, tone
from audio.synth.melody import melody_notes
from audio.synth.plan import METRES, plan_of
from audio.synth.rhythm import onset_steps
from audio.synth.voice import sing, sung_bars


def test_the_grid_puts_the_off_beat_where_swing_says() -> None:
    plan = plan_of(Song(seed=1, tempo=60.0, swing=0.6, metre="4/4"))
    beat, half, quarter = plan.seconds_at([0, 2, 1]) - plan.seconds_at(0)
    assert (beat, half, quarter) == (0.0, pytest.approx(0.6), pytest.approx(0.3))


@pytest.mark.parametrize("seed", range(12))
def test_the_first_downbeat_is_one_of_the_beats(seed: int) -> None:
    told = truth(Song(seed=seed, tempo=90.0))
    beats = (told.first_downbeat_s - told.first_beat_s) * 90 / 60
    assert 0 <= told.first_beat_s < 60 / 90
    assert beats == pytest.approx(round(beats))
    assert 0 <= round(beats) < told.beats_per_bar


def test_a_beat_of_three_eighths_is_even_whatever_the_swing() -> None:
    plan = plan_of(Song(seed=1, tempo=60.0, swing=0.7, metre="6/8"))
    assert np.diff(plan.seconds_at([0, 2, 4, 6])).tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("seed", range(20))
def test_a_clip_has_a_quiet_and_a_loud_section(seed: int) -> None:
    plan = plan_of(Song(seed=seed, tempo=55.0 + 7 * seed))
    assert plan.seconds_at(plan.bars * plan.metre.bar) >= 20.0
    assert plan.level.max() == 1.0
    assert plan.level.min() <= 0.25


@pytest.mark.parametrize(("progressions", "mode"), [(MAJOR_PROGRESSIONS, 1.0), (MINOR_PROGRESSIONS, 0.0)])
def test_progressions_rest_on_the_tonic(progressions: tuple[str, ...], mode: float) -> None:
    """Over many songs the tonic sounds longest, and V or its kin comes next to nothing but it and the subdominant."""
    heard = np.zeros(12)
    for seed in range(60):
        song = Song(seed=seed, mode=mode, key=3.0, roughness=0.0)
        for chord in chords_of(song, plan_of(song)):
            heard[(chord.root - 3) % 12] += chord.end - chord.start
    assert heard.argmax() == 0
    assert heard[0] > 1.3 * np.sort(heard)[-2]
    assert {word for progression in progressions for word in progression.split()} <= NUMERALS.keys()


def test_chords_leave_no_gap_and_cadences_stay_in_key() -> None:
    song = Song(seed=8, key=2.0, mode=1.0, cadential=True)
    chords = chords_of(song, plan_of(song))
    assert [chord.end for chord in chords[:-1]] == [chord.start for chord in chords[1:]]
    assert {pc for chord in chords for pc in chord.classes} <= set(scale_of(song))
    assert {2, 9} <= {chord.root for chord in chords}  # D major: tonic and dominant


def test_the_tune_keeps_to_the_scale() -> None:
    song = Song(seed=5, key=9.0, mode=1.0, roughness=0.0, distortion=0.0)
    plan = plan_of(song)
    tune = melody_notes(song, plan, chords_of(song, plan))
    inside = np.isin(tune.midi % 12, scale_of(song))
    assert inside.mean() > 0.9  # a chord that is borrowed brings a tone of its own
    assert np.ptp(tune.midi) <= 24


def test_density_is_notes_per_second() -> None:
    def rate(density: float) -> float:
        counts = []
        for seed in range(12):
            song = Song(seed=seed, density=density, voice=0.0)
            plan = plan_of(song)
            chords = chords_of(song, plan)
            parts = (bass_notes(song, plan, chords), chord_part(song, plan, chords).notes, melody_notes(song, plan, chords))
            onsets = np.concatenate([np.unique(np.round(part.start, 1)) for part in parts])
            counts.append(((onsets >= 0) & (onsets < 20)).sum() / 20)
        return float(np.mean(counts))

    sparse, dense = rate(1.5), rate(7.0)
    assert 0.5 * 1.5 < sparse < 2.2 * 1.5
    assert dense > 2 * sparse


def test_quiet_acoustic_songs_have_no_drummer() -> None:
    song = Song(seed=3, percussiveness=0.05, acousticness=0.9, energy=0.2)
    assert truth(song).drums == "none"
    assert drum_strokes(song, plan_of(song)) == {}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_fill_a_bar_of_their_metre(name: str) -> None:
    metre = METRES[{"waltz": "3/4", "compound": "6/8"}.get(name, "4/4")]
    assert {len(row) for pair in PATTERNS[name] for row in pair} == {metre.bar}


def test_every_pattern_is_drummed_by_somebody() -> None:
    songs = [Song(seed=seed, tempo=tempo, percussiveness=0.8) for seed in range(60) for tempo in (80.0, 125.0)]
    assert {plan_of(song).drums for song in songs} == PATTERNS.keys()


def test_players_prefer_strong_steps() -> None:
    rng = np.random.default_rng(0)
    counts = np.bincount([s for _ in range(300) for s in onset_steps(rng, METRES["4/4"], 4, 0.0)], minlength=16)
    assert counts[0] > counts[4] > counts[2] > counts[1]


def test_voices_sing_in_their_bars_alone() -> None:
    song = Song(seed=12, voice=0.5)
    plan = plan_of(song)
    bars = sung_bars(song, plan)
    stem = sing(song, melody_notes(song, plan, chords_of(song, plan), bars), plan.tuning_cents, 20 * SAMPLE_RATE)
    edges = np.clip(np.rint(plan.seconds_at(np.arange(plan.bars + 1) * plan.metre.bar) * SAMPLE_RATE), 0, len(stem)).astype(int)
    half = [float(np.abs(stem[(a + b) // 2 : b - 3000]).sum()) for a, b in pairwise(edges)]
    after = {bar + 1 for bar in bars}  # a last note may hang over
    assert any(half[bar] > 0 for bar in bars)
    assert all(half[bar] == 0 for bar in range(plan.bars) if bar not in bars | after)


def test_nobody_sings_below_the_threshold_and_everywhere_at_one() -> None:
    silent, full = Song(seed=1, voice=0.2), Song(seed=1, voice=1.0)
    assert sung_bars(silent, plan_of(silent)) == set()
    assert sung_bars(full, plan_of(full)) >= set(range(plan_of(full).bars))


def test_sum_of_partials_is_the_sum() -> None:
    t = np.arange(5000) / SAMPLE_RATE
    hz, size, decay, phase = (np.array(v) for v in ([220.0, 700.0], [1.0, 0.3], [2.0, 30.0], [0.4, 2.0]))
    plain = (size * np.exp(-decay * t[:, None]) * np.cos(2 * np.pi * hz * t[:, None] + phase)).sum(axis=1)
    np.testing.assert_allclose(sum_of_partials((hz, size, decay), phase, 5000), plain, atol=1e-5)


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_instruments_are_in_tune(name: str) -> None:
    """The strongest line within half a semitone of the fundamental lies on it, to 6 cents (a string section: 12)."""
    hz = 110.0
    wave = tone(INSTRUMENTS[name], hz, 2 * SAMPLE_RATE, 1.2, 0.0, np.random.default_rng(1))
    size = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 2**19))
    bins = np.fft.rfftfreq(2**19, 1 / SAMPLE_RATE)
    near = (bins > hz / 1.03) & (bins < hz * 1.03)
    peak = bins[near][size[near].argmax()]
    assert size[near].max() > 0.05 * size.max()
    assert abs(1200 * np.log2(peak / hz)) < (12 if name in {"strings", "saw"} else 6)
