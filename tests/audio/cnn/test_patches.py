"""Patches: the same at any loudness, spread evenly, short clips repeated, little lost when kept as bytes."""

from __future__ import annotations

import numpy as np
import pytest

from audio.cnn.patches import FRAMES, MOST, dequantised, filled, patches_of, quantised, starts


def music(frames: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1.0, (frames, 128)).astype(np.float32) ** 3


@pytest.mark.parametrize("gain", [1e-6, 0.3, 1000.0])
def test_a_gain_changes_nothing(gain: float) -> None:
    mel = music(700)
    np.testing.assert_allclose(patches_of(mel * np.float32(gain)), patches_of(mel), atol=2e-5)


def test_about_zero_mean_and_within_reach() -> None:
    patches = patches_of(music(1300))
    assert patches.dtype == np.float32 and patches.shape == (MOST, FRAMES, 128)
    assert abs(patches.mean()) < 1e-5
    assert 0.5 < patches.std() < 1.5


@pytest.mark.parametrize(("frames", "many"), [(1, 1), (159, 1), (160, 1), (230, 1), (250, 2), (1292, 8), (4000, 8)])
def test_patches_are_as_many_as_fit(frames: int, many: int) -> None:
    assert len(patches_of(music(frames))) == many


def test_patches_are_spread_evenly_over_the_clip() -> None:
    places = starts(3875)
    assert places[0] == 0 and places[-1] == 3875 - FRAMES
    assert set(np.diff(places)) <= {530, 531}


def test_a_short_clip_is_repeated() -> None:
    patch = patches_of(music(70))[0]
    np.testing.assert_array_equal(patch[70:140], patch[:70])


def test_a_silent_clip_and_digital_silence_stay_finite() -> None:
    assert not patches_of(np.zeros((200, 128), np.float32)).any()
    mel = music(400)
    mel[:200] = 0
    assert np.isfinite(patches_of(mel)).all()


def test_bytes_keep_a_patch_to_half_a_step() -> None:
    patches = patches_of(music(500))
    kept = np.abs(patches) < 3.9
    assert kept.mean() > 0.99
    assert np.abs(dequantised(quantised(patches)) - patches)[kept].max() <= 1 / 64 + 1e-6
    np.testing.assert_array_equal(dequantised(patches.astype(np.float16)), patches.astype(np.float16).astype(np.float32))


def test_filling_takes_a_short_clips_patches_in_turn() -> None:
    patches = patches_of(music(330))
    assert len(patches) == 2
    np.testing.assert_array_equal(filled(patches, 5), patches[[0, 1, 0, 1, 0]])
