"""Augmentation changes what it says and no more; the losses are those of their formulas."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audio.cnn import augmentation
from audio.cnn.augmentation import plain
from audio.cnn.losses import likeness_loss, mean_of_known
from conf.ears import TrainAudio

STILL = TrainAudio(time_mask=0, band_mask=0, gain_db=0, pitch_bands=0)
KEY = jax.random.key(3)
augmented = jax.jit(augmentation.augmented, static_argnames="params")


def stored(frames: int) -> np.ndarray:
    """Patches of which each frame is told by its byte: frame number, alike in all bands."""
    return np.broadcast_to(np.arange(frames, dtype=np.uint8)[:, None], (16, frames, 128)).copy()


def frames_of(patches: jax.Array) -> np.ndarray:
    return np.asarray(np.rint((patches + 4) * 32), int)[:, :, 0]


def test_a_patch_is_turned_and_a_longer_one_is_cropped() -> None:
    turned = frames_of(augmented(stored(160), params=STILL, key=KEY))
    assert (np.diff(turned, axis=1) % 160 == 1).all() and len(set(turned[:, 0])) > 8
    cropped = frames_of(augmented(stored(176), params=STILL, key=KEY))
    assert (np.diff(cropped, axis=1) == 1).all() and len(set(cropped[:, 0])) > 4 and cropped.max() < 176
    assert (frames_of(plain(stored(176)))[:, 0] == 8).all()


def test_pitch_moves_by_whole_bands_both_ways() -> None:
    tone = np.full((32, 160, 128), 128, np.uint8)
    tone[:, :, 60] = 200
    moved = np.asarray(augmented(tone, params=STILL.model_copy(update={"pitch_bands": 2}), key=KEY))
    assert set(moved[:, 0].argmax(axis=1)) == {58, 59, 60, 61, 62}


def test_gain_moves_a_patch_as_a_whole() -> None:
    moved = np.asarray(augmented(stored(160)[:, :, :2] * 0 + 128, params=STILL.model_copy(update={"gain_db": 3.0}), key=KEY))
    assert (moved == moved[:, :1, :1]).all()
    assert 0.1 < np.abs(moved).max() <= 3 / 15 + 1e-6


def test_one_stretch_of_frames_and_one_of_bands_is_hidden() -> None:
    full = np.full((64, 160, 128), 255, np.uint8)
    seen = np.asarray(augmented(full, params=STILL.model_copy(update={"time_mask": 20, "band_mask": 10}), key=KEY)) > 0
    frames, bands = ~seen.any(axis=2), ~seen.any(axis=1)
    assert frames.sum(axis=1).max() <= 20 and bands.sum(axis=1).max() <= 10
    assert frames.any(axis=1).mean() > 0.8 and (np.abs(np.diff(frames.astype(int), axis=1)).sum(axis=1) <= 2).all()


def test_likeness_is_cross_entropy_over_the_batch_and_a_track_is_no_negative_of_itself() -> None:
    rows = jnp.eye(2)[jnp.array([0, 1, 0, 1])]
    assert float(likeness_loss(rows, jnp.array([0, 1, 0, 1]), 0.5)) == pytest.approx(np.log(1 + np.exp(-2)), rel=1e-5)
    assert float(likeness_loss(rows, jnp.array([0, 0, 0, 0]), 0.5)) == pytest.approx(0.0, abs=1e-6)


def test_unknown_targets_count_for_nothing() -> None:
    assert float(mean_of_known(jnp.array([1.0, jnp.nan]), jnp.array([True, False]))) == 1.0
    assert float(mean_of_known(jnp.array([jnp.nan]), jnp.array([False]))) == 0.0
