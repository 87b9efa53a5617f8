"""catalogue -> weights of the network: it learns from the very tracks that it will hear.

Each step takes two patches of each of its tracks (audio/cnn/batches.py), changes them (augmentation.py) and adds up what they
were taken for (losses.py). Everything is seeded: the same catalogue gives the same bytes on one machine.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax  # type: ignore[import-untyped]

from audio.cnn.augmentation import augmented, plain
from audio.cnn.batches import Arrays, Catalogue, drawn, split
from audio.cnn.judging import judged
from audio.cnn.losses import Batch, losses, total
from audio.cnn.network import Moments, Weights, as_numpy, embed, heads, parameters
from conf.ears import TrainAudio
from conf.errors import ContractError

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
State = dict[str, Any]

# Fewer watched tracks say more about themselves than about the training, which then runs its course.
FEWEST_WATCHED = 20
_CLOSING_RATE = 0.02
_adam = optax.scale_by_adam(b2=0.98)


@dataclass(frozen=True)
class Trained:
    """Weights by path (network.as_numpy, with `readings/mean` and `readings/spread`), and what the training measured."""

    weights: dict[str, Floats]
    metrics: dict[str, float]


def train(catalogue: Catalogue, params: TrainAudio) -> Trained:
    """Train on `catalogue`; with enough watched artists, keep the look at which their loss was least.

    Metrics: `loss` of the last epoch's batches, `epochs`, `steps`, `trained_tracks`; where artists are watched, also their
    `watched_loss`, `kept_epoch` and what `judging.judged` says.
    """
    trained, watched = split(catalogue.artist, params)
    if not len(trained):
        raise ContractError("audio: no track to train on")
    watched = watched if len(watched) >= FEWEST_WATCHED else watched[:0]
    scaled, undo = catalogue.standardised(trained)
    state, metrics = _fitted(scaled, trained, watched, params)
    weights = as_numpy(state["weights"], state["moments"]) | undo
    if len(watched) and catalogue.heads["factors"]:
        found = _watched(state, scaled, watched, params)[1]["factors"]
        metrics |= judged(found, catalogue.factors, watched)
    return Trained(weights, metrics)


def _fitted(
    catalogue: Catalogue, trained: npt.NDArray[np.int64], watched: npt.NDArray[np.int64], params: TrainAudio
) -> tuple[State, dict[str, float]]:
    """The best state by the watched tracks, or the last without any, and its metrics."""
    state = _started(catalogue, params)
    steps = min(-(-len(trained) // params.batch), params.max_steps)
    epochs = max(1, min(params.epochs, params.max_steps // steps))
    rng = np.random.default_rng(params.seed)
    best, kept, kept_at = np.inf, state, 0
    metrics = {"trained_tracks": float(len(trained)), "watched_tracks": float(len(watched))}
    for epoch in range(1, epochs + 1):
        batches = islice(drawn(catalogue, trained, params, rng), steps)
        state, loss = _epoch(state, batches, params, ((epoch - 1) / epochs, 1 / (epochs * steps)))
        metrics |= {"epochs": float(epoch), "steps": float(epoch * steps), "loss": loss}
        if not len(watched) or (epoch % params.watch_every and epoch < epochs):
            continue
        score = _watched(state, catalogue, watched, params)[0]
        log.info("trainer=audio epoch=%d loss=%.4f watched_loss=%.4f", epoch, loss, score)
        if score < best:
            best, kept_at, kept = score, epoch, jax.tree.map(np.array, state)
        elif epoch - kept_at >= params.patience * params.watch_every:
            break
    if not len(watched):
        return state, metrics
    return kept, metrics | {"watched_loss": best, "kept_epoch": float(kept_at)}


def _started(catalogue: Catalogue, params: TrainAudio) -> State:
    weights, moments = parameters(params, catalogue.heads)
    zeros = jax.tree.map(np.zeros_like, weights)
    adam = optax.ScaleByAdamState(np.zeros((), np.int32), zeros, jax.tree.map(np.copy, zeros))
    return {"weights": weights, "moments": moments, "adam": adam, "step": np.zeros((), np.int32)}


def _epoch(state: State, batches: Iterator[Arrays], params: TrainAudio, progress: tuple[float, float]) -> tuple[State, float]:
    """One pass: (state, mean loss); `progress` of the whole training before it, and by each of its steps."""
    losses_of_steps = []
    for n, batch in enumerate(batches, start=1):
        rate = params.learning_rate * _rate(progress[0] + n * progress[1])
        state, loss = _step(state, batch, np.float32(rate), _static(params))
        losses_of_steps.append(loss)
    mean = float(np.mean([np.asarray(loss) for loss in losses_of_steps]))
    if not np.isfinite(mean):  # else the untrained start would be kept: no watched loss is less than NaN
        raise ContractError("audio: the training's loss is NaN or infinite; lower learning_rate")
    return state, mean


def _static(params: TrainAudio) -> TrainAudio:
    """What a step is compiled for: settings that only the loop around it reads must not compile it again."""
    loop = {"epochs": 1, "max_steps": 1, "learning_rate": 1.0, "watch_every": 1, "patience": 1, "watched": 0.0}
    return params.model_copy(update=loop)


def _rate(progress: float) -> float:
    """Share of the learning rate at `progress` (0, 1] of the training: a tenth to rise, then half a cosine to the close.

    Examples
    --------
    >>> [round(_rate(p), 2) for p in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.51, 0.02]
    """
    if progress < 0.1:
        return progress / 0.1
    falling = 0.5 * (1 + np.cos(np.pi * (progress - 0.1) / 0.9))
    return float(_CLOSING_RATE + (1 - _CLOSING_RATE) * falling)


@partial(jax.jit, static_argnames=("params",), donate_argnames=("state",))
def _step(state: State, batch: Batch, rate: jax.Array, params: TrainAudio) -> tuple[State, jax.Array]:
    """One step of Adam with decoupled weight decay on the kernels."""
    key = jax.random.fold_in(jax.random.key(params.seed, impl="unsafe_rbg"), state["step"])
    patches = augmented(batch["patches"], params, key)
    (loss, used), slope = jax.value_and_grad(_loss, has_aux=True)(state["weights"], state["moments"], patches, batch, params)
    change, adam = _adam.update(slope, state["adam"])
    decay = {
        layer: {part: params.weight_decay * (part == "kernel") for part in parts} for layer, parts in state["weights"].items()
    }
    weights = jax.tree.map(lambda w, by, d: w - rate * (by + d * w), state["weights"], change, decay)
    step = state["step"] + 1
    memory = jnp.minimum(0.95, step / (9 + step))  # short at first, or the start's moments would stay in it
    moments = jax.tree.map(lambda old, new: memory * old + (1 - memory) * new, state["moments"], used)
    return {"weights": weights, "moments": moments, "adam": adam, "step": step}, loss


def _loss(
    weights: Weights, moments: Moments, patches: jax.Array, batch: Batch, params: TrainAudio
) -> tuple[jax.Array, Moments]:
    embedding, used = embed(weights, moments, patches, learning=True)
    return total(losses(embedding, heads(weights, embedding), batch, params), params), used


def _watched(
    state: State, catalogue: Catalogue, watched: npt.NDArray[np.int64], params: TrainAudio
) -> tuple[float, dict[str, Floats]]:
    """(mean loss, outputs averaged over each clip [watched, ...]) of unchanged patches, neighbours in a clip as the two."""
    many, size = catalogue.patches.shape[1], params.batch
    lost, rows = [], []
    for start in range(0, len(watched), size):
        own = watched[np.arange(start, start + size) % len(watched)]
        outputs = []
        for first in range(0, many, 2):
            which = np.repeat([first, (first + 1) % many], size)
            loss, found = _seen(state["weights"], state["moments"], catalogue.batch(np.tile(own, 2), which), _static(params))
            lost.append(loss)
            outputs.append({name: np.asarray(x).reshape(2, size, -1).mean(axis=0) for name, x in found.items()})
        rows.append({name: np.mean([one[name] for one in outputs], axis=0) for name in outputs[0]})
    found = {name: np.concatenate([row[name] for row in rows])[: len(watched)] for name in rows[0]}
    return float(np.mean([np.asarray(x) for x in lost])), found


@partial(jax.jit, static_argnames=("params",))
def _seen(weights: Weights, moments: Moments, batch: Batch, params: TrainAudio) -> tuple[jax.Array, dict[str, jax.Array]]:
    embedding, _ = embed(weights, moments, plain(batch["patches"]), learning=False)
    found = heads(weights, embedding)
    return total(losses(embedding, found, batch, params), params), found
