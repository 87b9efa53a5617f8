"""stored patches -> patches that no clip had quite so, in JAX: the same music earlier, higher, louder, or partly hidden.

Hiding stretches of time and of bands is SpecAugment (Park et al. 2019, https://doi.org/10.21437/Interspeech.2019-2680).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from audio.cnn.patches import FRAMES, REACH, SPREAD_DB, STEPS
from conf.ears import TrainAudio


def augmented(stored: jax.Array, params: TrainAudio, key: jax.Array) -> jax.Array:
    """Float32 [n, FRAMES, bands] from stored patches [n, frames >= FRAMES, bands], each changed at random by itself.

    A longer patch is cropped; one of FRAMES is turned round, as the pooling hardly minds the seam.
    """
    n, frames, bands = stored.shape
    keys = jax.random.split(key, 6)
    late = jax.random.randint(keys[0], (n, 1), 0, frames if frames == FRAMES else frames - FRAMES + 1)
    higher = jax.random.randint(keys[1], (n, 1), -params.pitch_bands, params.pitch_bands + 1)
    time = (late + jnp.arange(FRAMES)) % frames
    band = jnp.clip(jnp.arange(bands) - higher, 0, bands - 1)
    x = as_floats(stored[jnp.arange(n)[:, None, None], time[:, :, None], band[:, None, :]])
    # What a low bit rate leaves out: everything above some band lies on the clip's floor.
    kept = bands - jax.random.randint(keys[5], (n, 1), -params.treble_cut, params.treble_cut + 1)
    x = jnp.where((jnp.arange(bands) >= kept)[:, None, :], x.min(axis=(1, 2), keepdims=True), x)
    x = x + jax.random.uniform(keys[2], (n, 1, 1), minval=-1, maxval=1) * np.float32(params.gain_db / SPREAD_DB)
    x = jnp.where(_hidden(keys[3], n, FRAMES, params.time_mask)[:, :, None], 0.0, x)
    return jnp.where(_hidden(keys[4], n, bands, params.band_mask)[:, None, :], 0.0, x)


def plain(stored: jax.Array) -> jax.Array:
    """Float32 [n, FRAMES, bands]: the middle of stored patches, unchanged."""
    start = (stored.shape[1] - FRAMES) // 2
    return as_floats(stored[:, start : start + FRAMES])


def as_floats(stored: jax.Array) -> jax.Array:
    """`patches.dequantised` in JAX."""
    x = stored.astype(jnp.float32)
    return x / STEPS - REACH if stored.dtype == jnp.uint8 else x


def _hidden(key: jax.Array, n: int, size: int, longest: int) -> jax.Array:
    """Bool [n, size]: one stretch a row, of length 0 to `longest`, anywhere."""
    lengths, places = jax.random.split(key)
    length = jax.random.randint(lengths, (n, 1), 0, longest + 1)
    start = jnp.floor(jax.random.uniform(places, (n, 1)) * (size - length + 1)).astype(jnp.int32)
    return (jnp.arange(size) >= start) & (jnp.arange(size) < start + length)
