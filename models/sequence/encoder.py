"""tracks in order -> listener vectors: a causal transformer, in JAX, for training alone (models/sequence/graph.py serves it).

SASRec (Kang & McAuley 2018, https://doi.org/10.1109/ICDM.2018.00035) with the normalisation before each block: a slot sees
itself and the slots before it in its own piece of the row. The same table holds a track as input and as output, and an
artist's vector is added to those of its tracks, so a track that nobody heard yet stands with its artist.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from conf.trainers import TrainSequence
from models.sequence.batches import GAPS
from models.sequence.constants import NORM_EPSILON, input_scale

Parameters = dict[str, Any]
_NEVER = -1e9
# The item vectors' spread at the start: larger ones begin at a worse loss, and Adam takes an epoch to shrink them.
_SPREAD = 0.02
_FEED_FORWARD = 4
_FINE = 256  # values of a random byte


def parameters(tracks: int, artists: int, params: TrainSequence) -> Parameters:
    """Random weights to start from, in numpy: JAX would compile each of their shapes. `artists` of 0 leaves artists out."""
    d, rng = params.dimensions, np.random.default_rng(params.seed)

    def normal(rows: int, columns: int, spread: float) -> npt.NDArray[np.float32]:
        return rng.standard_normal((rows, columns), np.float32) * np.float32(spread)

    made: Parameters = {"items": normal(tracks, d, _SPREAD), "places": normal(params.length, d, _SPREAD)}
    made["artists"] = np.zeros((artists, d), np.float32)
    made["gaps"] = np.zeros((GAPS if params.gaps else 0, d), np.float32)
    made["norm"] = _norm_start(d)
    made["blocks"] = [
        {
            "attention_norm": _norm_start(d),
            "attention_in": normal(d, 3 * d, d**-0.5),
            "attention_out": normal(d, d, 0.5 * d**-0.5),
            "forward_norm": _norm_start(d),
            "forward_in": normal(d, _FEED_FORWARD * d, d**-0.5),
            "forward_bias": np.zeros(_FEED_FORWARD * d, np.float32),
            "forward_out": normal(_FEED_FORWARD * d, d, 0.5 * (_FEED_FORWARD * d) ** -0.5),
        }
        for _ in range(params.blocks)
    ]
    return made


def _norm_start(d: int) -> dict[str, npt.NDArray[np.float32]]:
    return {"scale": np.ones(d, np.float32), "shift": np.zeros(d, np.float32)}


def vectors(weights: Parameters, tracks: jax.Array, artist: jax.Array) -> jax.Array:
    """Vectors of `tracks` (int32, any shape) with their artists' added; `artist` int32 [all tracks], -1 for none."""
    found: jax.Array = weights["items"][tracks]
    if len(weights["artists"]):
        theirs = artist[tracks]
        found = found + jnp.where(theirs[..., None] >= 0, weights["artists"][theirs], 0.0)
    return found


def encode(
    weights: Parameters, batch: dict[str, jax.Array], artist: jax.Array, params: TrainSequence, key: jax.Array | None = None
) -> jax.Array:
    """Listener vector after each slot, float32 [rows, length, d]; `key` drops units at random, as training does."""
    x = vectors(weights, batch["tracks"], artist) * input_scale(params.dimensions) + weights["places"][batch["places"]]
    if params.gaps:
        x = x + weights["gaps"][batch["gaps"]]
    keys = [None] * (1 + 4 * params.blocks) if key is None else list(jax.random.split(key, 1 + 4 * params.blocks))
    x = dropped(x, params.dropout, keys[0])
    sees = _sees(batch["pieces"])
    for n, block in enumerate(weights["blocks"]):
        own = keys[1 + 4 * n : 5 + 4 * n]
        x = x + dropped(_attend(block, x, sees, params, own[0]), params.dropout, own[1])
        h = jax.nn.relu(_normed(x, block["forward_norm"]) @ block["forward_in"] + block["forward_bias"])
        x = x + dropped(dropped(h, params.dropout, own[2]) @ block["forward_out"], params.dropout, own[3])
    return _normed(x, weights["norm"])


def _sees(pieces: jax.Array) -> jax.Array:
    """Bool [rows, 1, length, length]: whether a slot (third axis) sees another."""
    slots = jnp.arange(pieces.shape[1])
    return ((pieces[:, :, None] == pieces[:, None, :]) & (slots[:, None] >= slots))[:, None]


def _attend(block: Parameters, x: jax.Array, sees: jax.Array, params: TrainSequence, key: jax.Array | None) -> jax.Array:
    rows, length, d = x.shape
    split = (_normed(x, block["attention_norm"]) @ block["attention_in"]).reshape(rows, length, 3, params.heads, -1)
    query, other, value = split.transpose(2, 0, 3, 1, 4)
    likeness = jnp.einsum("rhqd,rhkd->rhqk", query, other) * (d // params.heads) ** -0.5
    shares = jax.nn.softmax(jnp.where(sees, likeness, _NEVER), axis=-1)
    seen = jnp.einsum("rhqk,rhkd->rhqd", dropped(shares, params.attention_dropout, key), value)
    joined: jax.Array = seen.transpose(0, 2, 1, 3).reshape(rows, length, d) @ block["attention_out"]
    return joined


def _normed(x: jax.Array, norm: Parameters) -> jax.Array:
    mean = x.mean(axis=-1, keepdims=True)
    spread = jnp.mean((x - mean) ** 2, axis=-1, keepdims=True)
    normed: jax.Array = (x - mean) * jax.lax.rsqrt(spread + NORM_EPSILON) * norm["scale"] + norm["shift"]
    return normed


def dropped(x: jax.Array, share: float, key: jax.Array | None) -> jax.Array:
    """Zeros for a share of x, in 256ths, the rest as much larger; x itself without a key.

    A random word decides on four units: with one for each, a third of a step went on drawing them.
    """
    few = min(round(share * _FINE), _FINE - 1)
    if key is None or few == 0:
        return x
    words = jax.random.bits(key, (-(-x.size // 4),), jnp.uint32)
    kept = jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(-1)[: x.size].reshape(x.shape) >= few
    return jnp.where(kept, x * (_FINE / (_FINE - few)), 0.0)


def as_numpy(weights: Parameters) -> dict[str, npt.NDArray[np.float32]]:
    """Weights by path, such as `blocks/0/forward_in`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(weights)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}
