"""seed -> songs to judge and to tune by: wide independent distributions, nothing of the simulated world's genres in them.

`frozen_test_set` is for judging alone; tune on `validation_set`, which comes from the same distribution with other seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from zlib import crc32

import numpy as np

from audio.synth.plan import METRES
from audio.synth.song import Song

TEST_SONGS = 300
_TEST_WORD = "frozen test set"


def frozen_test_set(seconds: float = 20.0) -> Iterator[Song]:
    """Yield the 300 songs on which the ears are judged: always the same, never tuned on."""
    return _drawn(_TEST_WORD, 0, TEST_SONGS, seconds)


def validation_set(n: int, seed: int, seconds: float = 20.0) -> Iterator[Song]:
    """Yield n songs of the test set's distribution that are none of the test set's."""
    return _drawn("validation", seed, n, seconds)


def cadences(n: int, seed: int, seconds: float = 20.0) -> Iterator[Song]:
    """Yield n songs of plain cadences: every key and mode in turn, consonant, no distortion, drums or none."""
    for place, song in enumerate(_drawn("cadences", seed, n, seconds)):
        yield replace(
            song,
            key=float(place % 12),
            mode=float(place // 12 % 2),
            cadential=True,
            roughness=0.0,
            distortion=0.0,
            percussiveness=0.6 * song.percussiveness,
            bass=0.1 + 0.4 * song.bass,
        )


def _drawn(word: str, seed: int, n: int, seconds: float) -> Iterator[Song]:
    rng = np.random.default_rng([crc32(word.encode()), seed])
    for _ in range(n):
        yield _song(rng, seconds)


def _song(rng: np.random.Generator, seconds: float) -> Song:
    """Draw one song; notes per second go with the tempo as in music: half a note to two and a half a beat."""
    metre = str(rng.choice(list(METRES), p=[0.74, 0.14, 0.12]))
    # three eighths a beat: faster beats than 125 would be eighths at 6 a second and more
    tempo = float(np.exp(rng.uniform(np.log(55), np.log(125 if metre == "6/8" else 190))))
    return Song(
        seed=int(rng.integers(2**31)),
        seconds=seconds,
        tempo=tempo,
        energy=rng.uniform(),
        acousticness=rng.uniform(),
        valence=rng.uniform(),
        brightness=float(np.exp(rng.uniform(np.log(900), np.log(4500)))),
        percussiveness=rng.uniform(),
        voice=rng.uniform(),
        bass=rng.uniform(0.05, 0.8),
        key=float(rng.uniform(0, 12)),
        mode=float(rng.integers(2)),
        swing=float(rng.choice([0.5, rng.uniform(0.5, 0.68)])),
        distortion=float(rng.beta(1.2, 2.5)),
        reverb=float(np.exp(rng.uniform(np.log(0.15), np.log(3.5)))),
        density=float(np.clip(tempo / 60 * rng.uniform(0.5, 2.5) + 1, 0.5, 10)),
        dynamics=rng.uniform(2, 18),
        roughness=float(rng.beta(1.5, 3.5)),
        metre=metre,
    )
