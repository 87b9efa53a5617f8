"""Clicks, drums and loops of known tempo; what has no beat has no tempo; level changes nothing, speed what it must."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.constants import FRAME, HOP, SAMPLE_RATE
from audio.decode import Limits, decode
from audio.onsets import onset_strength
from audio.periodicity import FASTEST, SLOWEST
from audio.spectrogram import mel_bands, power_spectrum
from audio.synth import Song, synthesise
from audio.synth.test_set import validation_set
from audio.tempo import NOTHING, TRUSTED, Tempo, refined, tempo_of

Floats = npt.NDArray[np.float32]
SECONDS = 20.0


def strength_of(y: npt.NDArray[np.floating]) -> Floats:
    return onset_strength(mel_bands(power_spectrum(np.asarray(y, np.float32), FRAME, HOP)))


def tempo(y: npt.NDArray[np.floating]) -> Tempo:
    return tempo_of(strength_of(y))


def struck(times: npt.NDArray[np.float64], stroke: Floats, seconds: float = SECONDS) -> Floats:
    """Lay one stroke at each of the times, seconds."""
    y = np.zeros(round(seconds * SAMPLE_RATE) + len(stroke), np.float32)
    for at in np.round(times * SAMPLE_RATE).astype(int):
        y[at : at + len(stroke)] += stroke
    return y[: -len(stroke)]


def burst(decay: float, seed: int = 0) -> Floats:
    """50 ms of noise that decays within so many seconds."""
    t = np.arange(round(0.05 * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.3 * np.exp(-t / decay) * np.random.default_rng(seed).standard_normal(len(t))).astype(np.float32)


def clicks(bpm: float, seconds: float = SECONDS) -> Floats:
    return struck(np.arange(0.1, seconds, 60 / bpm), burst(0.01), seconds)


def drums(bpm: float) -> Floats:
    """Kick on one and three, snare on two and four, hi-hat in eighths."""
    t = np.arange(round(0.15 * SAMPLE_RATE)) / SAMPLE_RATE
    kick = (0.8 * np.exp(-t / 0.05) * np.sin(2 * np.pi * 55 * t)).astype(np.float32)
    beats = np.arange(0.1, SECONDS, 60 / bpm)
    hat = 0.2 * np.diff(burst(0.008, seed=1), prepend=np.float32(0))
    return struck(beats[::2], kick) + struck(beats[1::2], burst(0.03)) + struck(np.arange(0.1, SECONDS, 30 / bpm), hat)


def noise(slope: float, seconds: float, seed: int) -> npt.NDArray[np.float64]:
    """Noise whose power falls with the frequency to the `slope`: 0 white, 1 pink."""
    n = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    y = np.fft.irfft(spectrum / np.maximum(np.fft.rfftfreq(n), 1e-4) ** (slope / 2), n)
    return np.asarray(0.1 * y / y.std())


def tones(*hz: float, seconds: float = SECONDS) -> npt.NDArray[np.float64]:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(sum(0.2 * np.sin(2 * np.pi * f * t) for f in hz))


def off(found: Tempo, bpm: float, ratios: tuple[float, ...] = (1.0, 2.0, 3.0, 1 / 2, 1 / 3)) -> float:
    """By what share the tempo misses the nearest of the counts that people allow; 1 for no tempo at all."""
    return 1.0 if found.bpm is None else min(abs(found.bpm / bpm / ratio - 1) for ratio in ratios)


# --- what has a beat ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bpm", [60, 90, 120, 174])
def test_clicks_have_exactly_their_tempo(bpm: float) -> None:
    found = tempo(clicks(bpm))
    assert off(found, bpm, ratios=(1.0,)) < 0.002
    assert found.confidence > 0.9


@pytest.mark.parametrize("bpm", [48, 52.5, 66.6, 75, 82.3, 100, 111, 128, 133.7, 145, 160, 187, 200, 222, 238])
def test_clicks_have_their_tempo_up_to_the_octave(bpm: float) -> None:
    found = tempo(clicks(bpm))
    assert off(found, bpm) < 0.002
    assert found.confidence > TRUSTED


@pytest.mark.parametrize("bpm", [70, 96, 124.3, 140, 172])
def test_drums_have_their_tempo_up_to_the_octave(bpm: float) -> None:
    found = tempo(drums(bpm))
    assert off(found, bpm) < 0.002
    assert found.confidence > 0.9


def test_four_seconds_are_enough_for_clicks() -> None:
    """Loops are short: the beat is found in 4 s, though not as exactly."""
    assert off(tempo(clicks(117, seconds=4.0)), 117) < 0.01


@pytest.mark.parametrize("bpm", [23.0, 33.0, 270.0, 390.0])
def test_beats_beyond_the_scale_are_counted_within_it(bpm: float) -> None:
    found = tempo(clicks(bpm))
    assert found.bpm is not None
    assert SLOWEST <= found.bpm <= FASTEST


def test_refining_measures_ten_times_finer_than_the_grid() -> None:
    """The grid's steps are 0.7 %."""
    strength = strength_of(clicks(121.37))[3]
    assert refined(strength, 120.0) == pytest.approx(121.37, rel=5e-4)


# --- another octave -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heard() -> list[tuple[Tempo, float]]:
    """What is heard of 24 simulated songs, and their tempi."""
    return [(tempo(synthesise(song)), song.tempo) for song in validation_set(24, seed=11)]


def test_the_alternative_is_another_count_of_the_same_beat(heard: list[tuple[Tempo, float]]) -> None:
    told = [(t.bpm, t.alternative_bpm, t.alternative_weight) for t, _ in heard if t.bpm and t.alternative_bpm]
    assert len(told) >= len(heard) // 3, "many songs can be counted in two ways"
    for bpm, other, weight in told:
        assert min(abs(other / bpm / r - 1) for r in (2, 3, 1 / 2, 1 / 3, 3 / 2, 2 / 3)) < 1e-9
        assert SLOWEST <= other <= FASTEST
        assert 0 < weight <= 0.5


def test_where_the_tempo_is_another_count_the_alternative_is_the_truth(heard: list[tuple[Tempo, float]]) -> None:
    """Of these songs three in ten are heard at half or double their tempo; with the alternative none is lost."""
    near = [{n for n, bpm in enumerate((t.bpm, t.alternative_bpm)) if bpm and abs(bpm / true - 1) < 0.04} for t, true in heard]
    assert np.mean([0 in found for found in near]) >= 0.5
    assert np.mean([bool(found) for found in near]) >= 0.9
    assert {1} in near, "an alternative that is never needed tells nothing"


# --- what has none ------------------------------------------------------------------------------------------------


def test_silence_has_no_tempo() -> None:
    assert tempo(np.zeros(10 * SAMPLE_RATE)) == NOTHING


@pytest.mark.parametrize("seconds", [4.0, 20.0])
@pytest.mark.parametrize("slope", [0, 1, 2], ids=["white", "pink", "brown"])
def test_noise_has_no_tempo_to_trust(slope: float, seconds: float) -> None:
    assert max(tempo(noise(slope, seconds, seed)).confidence for seed in range(4)) < TRUSTED


@pytest.mark.parametrize("hiss", [0.0, 1e-4])
def test_a_single_click_has_no_tempo(hiss: float) -> None:
    y = struck(np.array([6.0]), burst(0.01)) + hiss * noise(0, SECONDS, 3)
    assert tempo(y).bpm is None


def test_half_a_second_has_no_tempo() -> None:
    assert tempo(clicks(240, seconds=0.5)) == NOTHING


@pytest.mark.parametrize("hz", [(110.0,), (440.0,), (1000.0,), (220.0, 277.2, 329.6), (110.0, 164.8, 261.6, 329.6)])
@pytest.mark.parametrize("bits", [0, 16])
def test_what_is_held_has_no_tempo(hz: tuple[float, ...], bits: int) -> None:
    """Held tones gave 172 BPM at a confidence of 0.95: their side lobes tremble with the hop, and nothing else moves."""
    y = tones(*hz)
    assert tempo(np.round(y * 32767) / 32768 if bits else y).bpm is None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), frames=st.integers(1, 1500), rows=st.integers(0, 4), peaks=st.floats(0.001, 1))
def test_whatever_is_heard_lies_in_the_domain(seed: int, frames: int, rows: int, peaks: float) -> None:
    rng = np.random.default_rng(seed)
    strength = (rng.exponential(1, (4, frames)) * (rng.random((4, frames)) < peaks)).astype(np.float32)
    strength[:rows] = 0
    found = tempo_of(strength)
    assert 0 <= found.confidence <= 1
    assert 0 <= found.alternative_weight <= 0.5
    assert all(bpm is None or SLOWEST <= bpm <= FASTEST for bpm in (found.bpm, found.alternative_bpm))
    assert found.bpm is not None or found.alternative_bpm is None


# --- level and speed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [0.01, 3.0])
def test_level_changes_nothing(gain: float) -> None:
    for song in validation_set(3, seed=93):
        y = synthesise(song)
        loud, soft = tempo(y), tempo(np.float32(gain) * y)
        assert soft.bpm == pytest.approx(loud.bpm, rel=1e-6)
        assert soft.confidence == pytest.approx(loud.confidence, abs=1e-4)


@pytest.mark.parametrize("semitones", [-3, 2])
def test_a_record_that_turns_faster_beats_faster(semitones: int) -> None:
    speed = 2 ** (semitones / 12)
    for song in (Song(seed=5, tempo=104.0, percussiveness=0.8), Song(seed=6, tempo=126.0), Song(seed=7, tempo=88.0)):
        y = synthesise(song)
        found = tempo(soxr.resample(y, SAMPLE_RATE * speed, SAMPLE_RATE))
        assert off(found, song.tempo * speed) < 0.002


# --- recordings ---------------------------------------------------------------------------------------------------


def tiled(path: Path) -> Floats:
    """A loop again and again for 20 s; resampled after that, so that its ends meet."""
    y, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = y.mean(axis=1)
    long = np.tile(mono, int(SECONDS * rate / len(mono)) + 1)[: round(SECONDS * rate)]
    return np.asarray(soxr.resample(long, rate, SAMPLE_RATE), np.float32)


def test_loops_have_the_tempo_in_their_name(real_audio: Path) -> None:
    """Two are no whole number of beats long, so that tiling breaks their beat: latin_brass01 has 4.45, techno_bass01 3.80."""
    paths = sorted((real_audio / "loops").glob("*.ogg"))
    bpm = [float(re.findall(r"(\d+) BPM", path.stem)[0]) for path in paths]
    heard = [tempo(tiled(path)) for path in paths]
    exact = np.mean([off(t, b, (1.0,)) < 0.04 for t, b in zip(heard, bpm, strict=True)])
    tolerant = np.mean([off(t, b) < 0.04 for t, b in zip(heard, bpm, strict=True)])
    assert tolerant >= 0.85, tolerant
    assert exact >= 0.7, exact


@pytest.mark.parametrize("name", ["198-209-0000.ogg", "glacier-bay-humpback.ogg", "456440__*robin*.ogg"])
def test_speech_whales_and_birds_have_no_tempo_to_trust(real_audio: Path, name: str) -> None:
    (path,) = (real_audio / "music").glob(name)
    assert tempo(decode(path, Limits(window_s=60.0)).y).confidence < TRUSTED
