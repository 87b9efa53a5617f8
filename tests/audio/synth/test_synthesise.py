"""A simulated song holds what it was asked for: level, balance, time, tuning, key, and no more than that."""

from __future__ import annotations

from dataclasses import replace

import librosa
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import spearmanr

from audio.constants import SAMPLE_RATE
from audio.synth import Song, synthesise, truth
from audio.synth.clip import rms
from audio.synth.drums import drum_strokes
from audio.synth.plan import plan_of
from audio.synth.test_set import cadences, validation_set

Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def songs() -> list[tuple[Song, Floats]]:
    return [(song, synthesise(song)) for song in validation_set(48, seed=11, seconds=12.0)]


def spectrum(y: Floats) -> Floats:
    return np.abs(librosa.stft(y))


def centroid(y: Floats) -> float:
    size = spectrum(y)
    loud = np.square(size).sum(axis=0)
    heard = size[:, loud > 1e-4 * loud.max()]
    return float(librosa.feature.spectral_centroid(S=heard, sr=SAMPLE_RATE).mean())


def bass_share(y: Floats) -> float:
    power = np.square(spectrum(y)).sum(axis=1)
    return float(power[librosa.fft_frequencies(sr=SAMPLE_RATE) < 150].sum() / power.sum())


def percussive_share(y: Floats) -> float:
    size = np.abs(librosa.stft(y[: 3 * SAMPLE_RATE], n_fft=1024))
    harmonic, percussive = (np.square(part).sum() for part in librosa.decompose.hpss(size, kernel_size=11))
    return float(percussive / (harmonic + percussive))


def range_of_levels(y: Floats) -> float:
    levels = [20 * np.log10(rms(y[at : at + SAMPLE_RATE])) for at in range(0, len(y) - SAMPLE_RATE + 1, SAMPLE_RATE // 2)]
    return float(np.ptp(np.percentile(levels, [10, 95])))


def test_samples_are_sound(songs: list[tuple[Song, Floats]]) -> None:
    for song, y in songs:
        assert y.dtype == np.float32
        assert len(y) == round(song.seconds * SAMPLE_RATE)
        assert np.isfinite(y).all()
        assert np.abs(y).max() <= 1.0


def test_level_is_the_truths(songs: list[tuple[Song, Floats]]) -> None:
    off = [20 * np.log10(rms(y)) - truth(song).level_dbfs for song, y in songs]
    assert np.abs(off).max() < 0.5


@pytest.mark.parametrize(
    ("measure", "asked", "least"),
    [
        (centroid, "brightness", 0.9),
        (bass_share, "bass", 0.9),
        (percussive_share, "percussiveness", 0.5),
        (range_of_levels, "dynamics", 0.6),
    ],
)
def test_sound_follows_the_song(songs: list[tuple[Song, Floats]], measure, asked: str, least: float) -> None:  # type: ignore[no-untyped-def]
    heard = [measure(y) for _, y in songs]
    assert spearmanr([getattr(song, asked) for song, _ in songs], heard)[0] > least


def test_same_song_same_samples_other_seed_a_song_alike() -> None:
    song = Song(seed=4, seconds=8.0)
    first, again, other = synthesise(song), synthesise(song), synthesise(replace(song, seed=5))
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.3
    far = synthesise(Song(seed=6, seconds=8.0, brightness=5000.0, bass=0.1))
    assert abs(centroid(first) - centroid(other)) < 0.2 * abs(centroid(first) - centroid(far))


def test_the_plan_does_not_depend_on_the_sound() -> None:
    """Seeds address parts: the plan of a song is the same whatever its sound is asked to be."""
    song = Song(seed=9, percussiveness=0.8)
    bright = replace(song, brightness=5000.0, bass=0.1, reverb=3.0)
    assert truth(bright).first_beat_s == truth(song).first_beat_s
    assert truth(bright).tuning_cents == truth(song).tuning_cents


@pytest.mark.parametrize("tempo", [60.0, 97.3, 128.0, 181.7])
def test_strokes_keep_the_tempo_exactly(tempo: float) -> None:
    """A line through an electronic drummer's strokes on the beat has the slope 60 / tempo, to the jitter of the strokes."""
    song = Song(seed=2, seconds=60.0, tempo=tempo, percussiveness=0.9, acousticness=0.0, metre="4/4")
    told = truth(song)
    start = np.concatenate([strokes.start for strokes in drum_strokes(song, plan_of(song)).values()])
    beat = (start - told.first_beat_s) * told.tempo_bpm / 60
    near = np.abs(beat - np.rint(beat)) < 0.05
    slope, offset = np.polyfit(np.rint(beat[near]), start[near], 1)
    assert near.sum() > 0.2 * len(start)
    assert slope == pytest.approx(60 / tempo, rel=2e-4)
    assert offset == pytest.approx(told.first_beat_s, abs=0.004)


def test_beats_are_heard_where_the_truth_has_them() -> None:
    song = Song(seed=21, tempo=120.0, percussiveness=0.9, acousticness=0.1, metre="4/4", swing=0.5)
    told = truth(song)
    strength = librosa.onset.onset_strength(y=synthesise(song), sr=SAMPLE_RATE, hop_length=128)
    beats = np.arange(told.first_beat_s, 19.5, 60 / told.tempo_bpm)

    def at(seconds: npt.NDArray[np.float64]) -> float:
        frames = np.rint(seconds * SAMPLE_RATE / 128).astype(int)
        return float(np.mean([strength[max(0, frame - 4) : frame + 8].max() for frame in frames]))

    assert at(beats) > 2 * at(beats[:-1] + 0.375 * 60 / told.tempo_bpm)


def test_tuning_is_the_truths() -> None:
    off = []
    for song in cadences(8, seed=3, seconds=6.0):
        quiet = replace(song, percussiveness=0.0, voice=0.0, acousticness=0.5)
        heard = librosa.estimate_tuning(y=synthesise(quiet), sr=SAMPLE_RATE) * 100
        off.append(abs(heard - truth(quiet).tuning_cents))
    assert np.median(off) < 4


def test_keys_of_cadences_are_heard_by_a_plain_profile() -> None:
    """Krumhansl & Kessler's profiles, correlated with librosa's chroma: a naive ear names 17 of 20."""
    major = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
    minor = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
    right = []
    for song in cadences(24, seed=2, seconds=10.0):
        y = synthesise(replace(song, percussiveness=0.0))
        chroma = librosa.feature.chroma_stft(y=y, sr=SAMPLE_RATE, n_fft=8192, tuning=truth(song).tuning_cents / 100)
        fits = {
            (key, mode): np.corrcoef(np.roll(profile, key), chroma.mean(axis=1))[0, 1]
            for mode, profile in (("major", major), ("minor", minor))
            for key in range(12)
        }
        right.append(max(fits, key=fits.__getitem__) == (truth(song).key_pc, truth(song).key_mode))
    assert np.mean(right) >= 0.8
