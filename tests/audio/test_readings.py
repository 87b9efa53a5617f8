"""Judgements stay in their domains for whatever is measured, move with what they are made of, and order simulated songs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.hearing import hear
from audio.key import Key
from audio.mood import ANGLES, moods
from audio.readings import Readings, energy_of, learned_readings, readings
from audio.synth import Song, synthesise
from audio.synth.test_set import validation_set
from audio.tempo import NOTHING, Tempo
from audio.texture import BANDS, STATISTICS, texture
from audio.timbre import CEPSTRA, Timbre

MIDDLE = Timbre(-18.0, 6.0, 1800.0, 0.5, -25.0, 0.2, 0.1, 6.0, 0.4, np.zeros(CEPSTRA), np.ones(CEPSTRA))
STILL = np.zeros(STATISTICS * BANDS, np.float32)
BEAT = Tempo(120.0, 0.9, None, 0.0)

NUMBERS = st.floats(-1e6, 1e6)
TIMBRES = st.builds(
    replace,
    st.just(MIDDLE),
    loudness_db=st.floats(-70, 20),
    dynamics_db=st.floats(0, 60),
    centroid_hz=st.floats(0, 11025),
    flatness=st.floats(-200, 0),
)
TEMPI = st.one_of(st.just(NOTHING), st.builds(Tempo, st.floats(40, 240), st.floats(0, 1), st.none(), st.just(0.0)))
KEYS = st.one_of(
    st.none(), st.builds(Key, st.integers(0, 11), st.sampled_from(["major", "minor"]), st.floats(0, 1), st.just(0.0))
)


@given(timbre=TIMBRES, size=NUMBERS, seed=st.integers(0, 1000), rate=st.floats(0, 50), tempo=TEMPI, key=KEYS)
def test_whatever_is_measured_the_readings_stay_in_their_domain(
    timbre: Timbre, size: float, seed: int, rate: float, tempo: Tempo, key: Key | None
) -> None:
    bands = (size * np.random.default_rng(seed).standard_normal(len(STILL))).astype(np.float32)
    found = readings(timbre, bands, rate, tempo, key)
    assert all(0 <= getattr(found, name) <= 1 for name in ("energy", "acousticness", "instrumentalness"))
    assert all(-1 <= getattr(found, name) <= 1 for name in ("valence", "arousal"))
    assert all(type(value) is float for value in vars(found).values())


@given(valence=st.floats(-1, 1), arousal=st.floats(-1, 1))
def test_moods_are_shares(valence: float, arousal: float) -> None:
    shares = moods(valence, arousal)
    assert shares.keys() == ANGLES.keys()
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0


@pytest.mark.parametrize(
    ("place", "mood"),
    [
        ((1, 0.1), "happy"),
        ((0.6, 0.7), "excited"),
        ((0, 1), "tense"),
        ((-0.9, -0.5), "sad"),
        ((0, -1), "tired"),
        ((0.7, -0.7), "calm"),
    ],
)
def test_each_mood_has_its_place(place: tuple[float, float], mood: str) -> None:
    shares = moods(*place)
    assert max(shares, key=lambda name: shares[name]) == mood


# --- energy and arousal -------------------------------------------------------------------------------------------


@given(timbre=TIMBRES, louder=st.floats(0, 30), rate=st.floats(0, 20), more=st.floats(0, 10))
def test_energy_never_falls_with_loudness_density_or_noise(timbre: Timbre, louder: float, rate: float, more: float) -> None:
    before = energy_of(timbre, rate)
    assert energy_of(replace(timbre, loudness_db=timbre.loudness_db + louder), rate) >= before
    assert energy_of(timbre, rate + more) >= before
    assert energy_of(replace(timbre, flatness=min(0.0, timbre.flatness + more)), rate) >= before


def test_energy_rises_with_the_level_of_a_song() -> None:
    y = synthesise(Song(seed=4))
    levels = [hear(np.float32(gain) * y).readings.energy for gain in (0.25, 1.0, 4.0)]
    assert levels[0] + 0.1 < levels[1] < levels[2] - 0.1


def test_a_faster_beat_wakes_and_a_doubtful_one_does_not() -> None:
    def arousal(tempo: Tempo) -> float:
        return readings(MIDDLE, STILL, 3.0, tempo, None).arousal

    assert arousal(replace(BEAT, bpm=180.0)) > arousal(BEAT) > arousal(replace(BEAT, bpm=60.0))
    assert arousal(replace(BEAT, bpm=180.0, confidence=0.0)) == arousal(NOTHING)


def test_major_is_gladder_than_minor() -> None:
    glad, sad = (readings(MIDDLE, STILL, 3.0, BEAT, Key(0, mode, 0.9, 0.0)).valence for mode in ("major", "minor"))
    assert glad - sad == pytest.approx(0.36, abs=1e-6) or glad == 1 or sad == -1
    assert glad > sad


# --- what is learned ----------------------------------------------------------------------------------------------


def test_a_statistic_far_beyond_what_was_learned_from_says_no_more() -> None:
    """Each of the 224 on its own moves no reading by more than a third, however strange it is."""
    usual = texture(hear(synthesise(Song(seed=4))).mel)
    before = learned_readings(usual)
    for place in range(len(usual)):
        far, farther = (learned_readings(np.where(np.arange(len(usual)) == place, np.float32(x), usual)) for x in (1e4, 1e8))
        assert far == farther
        assert max(abs(far[name] - before[name]) for name in before) < 1 / 3


@pytest.fixture(scope="module")
def heard() -> list[tuple[Song, Readings]]:
    """The readings of 48 simulated songs."""
    return [(song, hear(synthesise(song)).readings) for song in validation_set(48, seed=95)]


@pytest.mark.parametrize(("name", "floor"), [("energy", 0.6), ("acousticness", 0.35), ("valence", 0.5)])
def test_readings_order_simulated_songs(heard: list[tuple[Song, Readings]], name: str, floor: float) -> None:
    asked, found = (np.array([getattr(which, name) for which in row]) for row in zip(*heard, strict=True))
    assert np.corrcoef(asked, found)[0, 1] > floor


def test_sung_songs_have_more_voice(heard: list[tuple[Song, Readings]]) -> None:
    voice = np.array([1 - found.instrumentalness for _, found in heard])
    asked = np.array([song.voice for song, _ in heard])
    assert np.corrcoef(asked, voice)[0, 1] > 0.5
