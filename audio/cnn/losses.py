"""What the network is taught: taste factors, likeness of what belongs together, tags, readings. In JAX.

Factors: van den Oord, Dieleman & Schrauwen 2013. Likeness: InfoNCE (van den Oord, Li & Vinyals 2018,
https://doi.org/10.48550/arXiv.1807.03748), both ways round, all else in the batch as the negatives.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax  # type: ignore[import-untyped]

from conf.ears import TrainAudio

Batch = dict[str, jax.Array]


def losses(embedding: jax.Array, found: Batch, batch: Batch, params: TrainAudio) -> dict[str, jax.Array]:
    """Each loss of a batch whose second half belongs to its first, row by row.

    Parameters
    ----------
    embedding : float32 [2 n, dimensions], unit rows. found : what the heads made of it.
    batch : `track` int32 [2 n] and the targets: `factors` with zero rows where unknown, `tags` and `readings` with NaN.
    """
    lost = {"likeness": likeness_loss(embedding, batch["track"], params.temperature)}
    if "factors" in found:
        known = jnp.any(batch["factors"] != 0, axis=1)
        lost["factors"] = mean_of_known(1 - jnp.sum(found["factors"] * batch["factors"], axis=1), known)
    if "tags" in found:
        known = ~jnp.isnan(batch["tags"])
        lost["tags"] = mean_of_known(optax.sigmoid_binary_cross_entropy(found["tags"], _zeroed(batch["tags"])), known)
    if "readings" in found:
        known = ~jnp.isnan(batch["readings"])
        lost["readings"] = mean_of_known(optax.huber_loss(found["readings"], _zeroed(batch["readings"])), known)
    return lost


def total(lost: dict[str, jax.Array], params: TrainAudio) -> jax.Array:
    """Weighted sum of `losses`."""
    weights = {
        "factors": params.factors_weight,
        "likeness": params.likeness_weight,
        "tags": params.tags_weight,
        "readings": params.readings_weight,
    }
    return jnp.asarray(sum(weights[name] * lost[name] for name in sorted(lost)))


def likeness_loss(embedding: jax.Array, track: jax.Array, temperature: float) -> jax.Array:
    """Mean InfoNCE of rows i and n + i among 2 n; rows of one track are never negatives of each other."""
    n = len(embedding) // 2
    likeness = embedding[:n] @ embedding[n:].T / temperature
    same = (track[:n, None] == track[None, n:]) & ~jnp.eye(n, dtype=bool)
    likeness = jnp.where(same, -jnp.inf, likeness)
    wanted = jnp.diagonal(likeness)
    return jnp.mean(jax.nn.logsumexp(likeness, axis=1) + jax.nn.logsumexp(likeness, axis=0) - 2 * wanted) / 2


def mean_of_known(values: jax.Array, known: jax.Array) -> jax.Array:
    """Mean of the entries that are `known`; 0 where none is."""
    return jnp.sum(jnp.where(known, values, 0.0)) / jnp.maximum(known.sum(), 1)


def _zeroed(values: jax.Array) -> jax.Array:
    """Zeros for NaN: a NaN behind a mask still poisons the gradient."""
    return jnp.nan_to_num(values)
