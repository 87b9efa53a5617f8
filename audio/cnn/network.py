"""patches -> embedding and heads: the network in JAX, for training alone (audio/cnn/graph.py serves it).

Three strided convolutions over time and bands, then bands become channels, then convolutions over time alone, whose means and
maxima over time make the embedding: the shape of van den Oord, Dieleman & Schrauwen's network (2013, Deep content-based music
recommendation, Advances in Neural Information Processing Systems 26) with a stem in front, so that a tone one band higher is
not a new sound. 11 million multiplications a patch as set by default. The heads see the unit embedding alone: what they tell
can be told again from a stored embedding.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from audio.cnn.layers import convolved, normed, unit
from audio.cnn.layout import HEADS, KERNELS, REACH, STRIDES, convolutions, folded_bands
from conf.ears import TrainAudio

Weights = dict[str, Any]
Moments = dict[str, Any]
Floats = npt.NDArray[np.float32]


def parameters(params: TrainAudio, heads: dict[str, int]) -> tuple[Weights, Moments]:
    """Random weights to start from and moments of the normalisations, in numpy: JAX would compile each of their shapes.

    Parameters
    ----------
    heads : numbers that each head gives; a head of 0 is left out.
    """
    rng = np.random.default_rng(params.seed)

    def layer(*shape: int) -> dict[str, Floats]:
        spread = np.float32((2 / np.prod(shape[:-1])) ** 0.5)
        kernel = rng.standard_normal(shape, np.float32) * spread
        return {"kernel": kernel, "scale": np.ones(shape[-1], np.float32), "shift": np.zeros(shape[-1], np.float32)}

    def linear(inner: int, outer: int) -> dict[str, Floats]:
        kernel = rng.standard_normal((inner, outer), np.float32) * np.float32(inner**-0.5)
        return {"kernel": kernel, "bias": np.zeros(outer, np.float32)}

    inner = (1, *params.stem)
    weights: Weights = {f"stem{n}": layer(*KERNELS[n], inner[n], inner[n + 1]) for n in range(len(KERNELS))}
    weights["fold"] = layer(1, 1, folded_bands() * params.stem[-1], params.channels)
    weights |= {f"block{n}": layer(REACH, 1, params.channels, params.channels) for n in range(params.blocks)}
    moments = {
        name: {"mean": np.zeros_like(own["scale"]), "variance": np.ones_like(own["scale"])} for name, own in weights.items()
    }
    weights["embedding"] = linear(2 * params.channels, params.dimensions)
    weights |= {name: linear(params.dimensions, heads[name]) for name in HEADS if heads.get(name)}
    return weights, moments


def embed(weights: Weights, moments: Moments, patches: jax.Array, learning: bool) -> tuple[jax.Array, Moments]:
    """Unit embeddings float32 [n, dimensions] of patches float32 [n, frames, bands], and the moments that were used."""
    used: Moments = {}
    x = patches[..., None]
    for name in convolutions(weights):
        if name == "fold":
            x = x.reshape(*x.shape[:2], 1, -1)
        x = convolved(x, weights[name]["kernel"], STRIDES[int(name[-1])] if name.startswith("stem") else (1, 1))
        x, used[name] = normed(x, weights[name], moments[name], learning)
        x = jax.nn.relu(x)
    pooled = jnp.concatenate([x.mean(axis=(1, 2)), x.max(axis=(1, 2))], axis=1)
    return unit(pooled @ weights["embedding"]["kernel"] + weights["embedding"]["bias"]), used


def heads(weights: Weights, embedding: jax.Array) -> dict[str, jax.Array]:
    """What each trained head makes of embeddings [n, dimensions]: unit `factors`, `tags` as logits, standardised `readings`."""
    found = {name: head_input(embedding) @ weights[name]["kernel"] + weights[name]["bias"] for name in HEADS if name in weights}
    if "factors" in found:
        found["factors"] = unit(found["factors"])
    return found


def head_input(embedding: jax.Array) -> jax.Array:
    """Embeddings with entries of about 1, as linear heads want them."""
    return embedding * np.float32(embedding.shape[-1] ** 0.5)


def as_numpy(weights: Weights, moments: Moments) -> dict[str, Floats]:
    """Weights and moments by path, such as `stem0/kernel` and `fold/variance`."""
    parts = [
        (f"{layer}/{part}", values) for tree in (weights, moments) for layer in tree for part, values in tree[layer].items()
    ]
    return {path: np.asarray(values) for path, values in parts}
