"""sequences -> weights of the encoder: cross-entropy of the next track, against all tracks or a sample of them.

Sampled softmax with uniform negatives shared by a whole batch, each counted as often as it stands for tracks (the logQ
correction; Bengio & Senécal 2008, https://doi.org/10.1109/TNN.2007.912312): many negatives and a softmax over them are most of
what separates today's SASRec from the binary loss of its paper (Klenitskiy & Vasilev 2023,
https://doi.org/10.1145/3604915.3610644). The weights kept are a running average (Polyak & Juditsky 1992,
https://doi.org/10.1137/0330046). Everything is seeded: the same sequences give the same bytes on one machine.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax  # type: ignore[import-untyped]

from conf.errors import ContractError
from conf.trainers import TrainSequence
from models.metrics import ndcg_at_k
from models.sequence.batches import Packed, Sequences, pack, pack_whole
from models.sequence.encoder import Parameters, as_numpy, encode, parameters, vectors
from models.topk import Exclusions, ItemIndex, top_k

log = logging.getLogger(__name__)

# Below this many listeners the held-out score moves more by chance than by an epoch: the training then runs its course.
FEWEST_WATCHED = 500
_MOST_WATCHED = 5000
# Epochs whose scores lie this close are equal, and the later is better, as the learning rate falls: the 1,118 watched
# listeners of Beauty move by .0016 of .0772 between two looks at the end of a training.
_SLACK = 0.03
_JUDGED = 10
_CLOSING_RATE = 0.02
_adam = optax.scale_by_adam(b2=0.98)


@dataclass(frozen=True)
class Watched:
    """Listeners whose last track is kept back to see how the training goes.

    Attributes
    ----------
    inputs : what they heard before it, whole.
    targets : int32 [n], the tracks kept back.
    """

    inputs: Sequences
    targets: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Trained:
    """The weights by path (encoder.as_numpy), and what the training measured."""

    weights: dict[str, npt.NDArray[np.float32]]
    metrics: dict[str, float]


def kept_back(sequences: Sequences, share: float, seed: int) -> tuple[Sequences, Watched | None]:
    """Sequences without the last track of a seeded `share` of the listeners, and those listeners; None where too few."""
    able = np.flatnonzero(np.diff(sequences.indptr) >= 3)
    many = min(int(share * len(able)), _MOST_WATCHED)
    if many < FEWEST_WATCHED:
        return sequences, None
    chosen = np.sort(np.random.default_rng(seed).choice(able, many, replace=False))
    shorter = sequences.before_last(np.isin(np.arange(len(sequences)), chosen))
    return shorter, Watched(shorter.of(chosen), sequences.tracks[sequences.indptr[1:][chosen] - 1])


def train(sequences: Sequences, artist: npt.NDArray[np.int32], params: TrainSequence, watched: Watched | None) -> Trained:
    """Train on `sequences`; with `watched`, stop once it harms and keep the last epoch that did not.

    Parameters
    ----------
    artist : int32 [tracks], number of each track's artist, -1 for none.
    """
    state = _started(len(artist), int(artist.max(initial=-1)) + 1, params)
    rng = np.random.default_rng(params.seed)
    best, kept_at, kept = -1.0, 0, state["average"]
    metrics: dict[str, float] = {}
    for epoch in range(1, params.epochs + 1):
        packed = pack(sequences, params.length, rng, most=params.max_steps * params.batch // params.epochs)
        state, loss = _epoch(state, packed, artist, params, epoch)
        metrics["epochs"], metrics["loss"] = float(epoch), loss
        if watched is None or (epoch % params.watch_every and epoch < params.epochs):
            continue
        score = watched_ndcg(state["average"], watched, artist, params)
        log.info("source=sequence epoch=%d loss=%.4f watched_ndcg@10=%.4f", epoch, loss, score)
        if score >= (1 - _SLACK) * best:
            best, kept_at, kept = max(best, score), epoch, jax.tree.map(jnp.copy, state["average"])
        elif epoch - kept_at >= params.patience * params.watch_every:
            break
    if watched is None:
        return Trained(_finite(as_numpy(state["average"])), metrics)
    return Trained(_finite(as_numpy(kept)), metrics | {"watched_ndcg@10": best, "kept_epoch": float(kept_at)})


def _started(tracks: int, artists: int, params: TrainSequence) -> dict[str, Any]:
    weights = parameters(tracks, artists, params)
    zeros = jax.tree.map(np.zeros_like, weights)
    adam = optax.ScaleByAdamState(np.zeros((), np.int32), zeros, jax.tree.map(np.copy, zeros))
    return {"weights": weights, "average": jax.tree.map(np.copy, weights), "adam": adam, "step": np.zeros((), np.float32)}


def _finite(weights: dict[str, npt.NDArray[np.float32]]) -> dict[str, npt.NDArray[np.float32]]:
    if not all(np.isfinite(values).all() for values in weights.values()):
        raise ContractError("sequence: training gave weights that are NaN or infinite; lower learning_rate")
    return weights


def _epoch(
    state: dict[str, Any], packed: Packed, artist: npt.NDArray[np.int32], params: TrainSequence, epoch: int
) -> tuple[dict[str, Any], float]:
    """One pass over the packed windows: (state, mean loss of its batches)."""
    rows = _rows(params)
    steps = -(-len(packed.tracks) // rows)
    losses = []
    for n in range(steps):
        rate = params.learning_rate * _rate(((epoch - 1) * steps + n + 1) / (params.epochs * steps))
        state, loss = _step(state, packed.batch(n * rows, rows), artist, np.float32(rate), _static(params))
        losses.append(loss)
    return state, float(np.mean([np.asarray(loss) for loss in losses])) if losses else 0.0


def _rows(params: TrainSequence) -> int:
    return max(1, params.batch // params.length)


def _static(params: TrainSequence) -> TrainSequence:
    """What a step is compiled for: settings that only the loop around it reads must not compile it again."""
    return params.model_copy(update={"epochs": 1, "max_steps": 1, "learning_rate": 1.0, "watch_every": 1, "patience": 1})


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
def _step(
    state: dict[str, Any], batch: dict[str, jax.Array], artist: jax.Array, rate: jax.Array, params: TrainSequence
) -> tuple[dict[str, Any], jax.Array]:
    """One Adam step on a batch."""
    key = jax.random.fold_in(jax.random.key(params.seed, impl="unsafe_rbg"), state["step"].astype(jnp.int32))
    loss, slope = jax.value_and_grad(_loss)(state["weights"], batch, artist, params, key)
    change, adam = _adam.update(slope, state["adam"])
    weights = jax.tree.map(lambda weight, by: weight - rate * by, state["weights"], change)
    step = state["step"] + 1
    memory = jnp.minimum(params.averaging, step / (9 + step))  # short at first, or the random start would stay in it
    average = jax.tree.map(lambda old, new: memory * old + (1 - memory) * new, state["average"], weights)
    return {"weights": weights, "average": average, "adam": adam, "step": step}, loss


def _loss(
    weights: Parameters, batch: dict[str, jax.Array], artist: jax.Array, params: TrainSequence, key: jax.Array
) -> jax.Array:
    """Mean cross-entropy of the next track over the slots that have one."""
    dropping, drawing = jax.random.split(key)
    targets = batch["targets"].reshape(-1)
    listeners = encode(weights, batch, artist, params, dropping).reshape(len(targets), -1)
    wanted = jnp.sum(listeners * vectors(weights, jnp.maximum(targets, 0), artist), axis=1)
    tracks = len(artist)
    if 0 < params.negatives < tracks:
        drawn = jax.random.randint(drawing, (params.negatives,), 0, tracks)
        others = listeners @ vectors(weights, drawn, artist).T + np.log(tracks / params.negatives)
        others = jnp.where(drawn == targets[:, None], -jnp.inf, others)
        total = jnp.logaddexp(wanted, jax.nn.logsumexp(others, axis=1))
    else:
        total = jax.nn.logsumexp(listeners @ vectors(weights, jnp.arange(tracks), artist).T, axis=1)
    known = targets >= 0
    return jnp.sum(jnp.where(known, total - wanted, 0.0)) / jnp.maximum(known.sum(), 1)


def watched_ndcg(weights: Parameters, watched: Watched, artist: npt.NDArray[np.int32], params: TrainSequence) -> float:
    """NDCG@10 of the tracks kept back, all tracks ranked that the listener did not hear before."""
    factors = np.asarray(vectors(weights, jnp.arange(len(artist)), jnp.asarray(artist)))
    everything = ItemIndex.build(factors, np.arange(len(artist), dtype=np.int32), np.ones(len(artist), bool))
    heard = Exclusions(watched.inputs.indptr, watched.inputs.tracks)
    found, _ = top_k(listener_vectors(weights, watched.inputs, artist, params), everything, _JUDGED, heard)
    return float(np.mean(ndcg_at_k(found == watched.targets[:, None], np.ones(len(found), np.int64))))


def listener_vectors(
    weights: Parameters, sequences: Sequences, artist: npt.NDArray[np.int32], params: TrainSequence
) -> npt.NDArray[np.float32]:
    """Vectors of listeners who all heard something, float32 [n, d]."""
    packed, rows = pack_whole(sequences.newest(params.length), params.length), _rows(params)
    batches = (packed.batch(start, rows) for start in range(0, len(packed.tracks), rows))
    slots = np.concatenate([np.asarray(_encode(weights, b, artist, _static(params))) for b in batches])
    return np.ascontiguousarray(slots.reshape(-1, params.dimensions)[packed.ends])


@partial(jax.jit, static_argnames=("params",))
def _encode(weights: Parameters, batch: dict[str, jax.Array], artist: jax.Array, params: TrainSequence) -> jax.Array:
    return encode(weights, batch, artist, params)
