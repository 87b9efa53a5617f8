"""Planted sounds: tones over noise whose pitch, colour and beat say where in taste a track lies, by artists of four tracks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audio.cnn.batches import Catalogue
from audio.cnn.graph import network_graph
from audio.cnn.patches import filled, patches_of, quantised
from audio.cnn.training import Trained, train
from conf.ears import TrainAudio

TRACKS, FACTORS, PATCHES = 200, 16, 2
TINY = TrainAudio(
    dimensions=32, stem=(4, 8, 8), channels=32, blocks=1, epochs=12, batch=32, learning_rate=5e-3, watched=0.25, watch_every=6
)


def mel_of(pitch: float, colour: float, beat: float, seed: int, frames: int = 340) -> npt.NDArray[np.float32]:
    """Mel power [frames, 128] of a tone and noise, each number from 0 to 1: band of the tone, slope of the noise, beats."""
    rng = np.random.default_rng(seed)
    band, frame = np.arange(128), np.arange(frames)
    tone = np.exp(-0.5 * ((band - 20 - 80 * pitch) / 1.5) ** 2)
    noise = 0.03 * 10 ** (-2.5 * colour * band / 128)
    period = 8 + round(40 * (1 - beat))
    strokes = np.exp(-((frame + rng.integers(period)) % period) / 3.0)
    power = (tone + noise) * (0.02 + strokes[:, None]) * rng.exponential(1.0, (frames, 128))
    return power.astype(np.float32)


@pytest.fixture(scope="session")
def clip_mel() -> npt.NDArray[np.float32]:
    """Mel power of one planted clip."""
    return mel_of(0.3, 0.6, 0.5, seed=5)


@pytest.fixture(scope="session")
def planted() -> Catalogue:
    """Tracks of which three numbers are heard, and factors that are a linear image of them; every seventh track is cold."""
    rng = np.random.default_rng(4)
    numbers = rng.random((TRACKS, 3))
    mel = [mel_of(*row, seed=n) for n, row in enumerate(numbers)]
    centred = (numbers - numbers.mean(axis=0)).astype(np.float32)
    factors = centred @ rng.standard_normal((3, FACTORS)).astype(np.float32)
    near = np.argsort(np.linalg.norm(numbers[:, None] - numbers[None], axis=2), axis=1)[:, 1]
    return Catalogue.of(
        np.stack([quantised(filled(patches_of(clip), PATCHES)) for clip in mel]),
        (np.arange(TRACKS) // 4).astype(np.int32),
        factors,
        warm=np.arange(TRACKS) % 7 > 0,
        tags=(numbers[:, :2] > 0.5).astype(np.float32),
        readings=np.stack([100 + 50 * numbers[:, 1], np.where(numbers[:, 0] > 0.2, numbers[:, 2], np.nan)], 1).astype(
            np.float32
        ),
        pairs=np.stack([np.arange(TRACKS), near], axis=1).astype(np.int32),
    )


@pytest.fixture(scope="session")
def tiny() -> TrainAudio:
    return TINY


@pytest.fixture(scope="session")
def trained(planted: Catalogue) -> Trained:
    return train(planted, TINY)


@pytest.fixture(scope="session")
def graph(trained: Trained) -> bytes:
    return network_graph(trained.weights)
