"""The encoder that trains (JAX) and the one that serves (ONNX) are one function, and neither looks ahead."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from conf.errors import ArtefactError
from conf.trainers import TrainSequence
from models.sequence.batches import Sequences, in_order
from models.sequence.encoder import as_numpy, dropped, encode, parameters
from models.sequence.graph import encoder_graph
from models.sequence.serving import Encoder
from models.sequence.training import listener_vectors

PARAMS = TrainSequence(dimensions=12, blocks=2, heads=3, length=6, batch=16)
TRACKS = 20
ARTIST = (np.arange(TRACKS, dtype=np.int32) % 5) - 1


def random_weights(params: TrainSequence) -> Any:
    """Like trained ones: nothing is still 0 or 1."""
    rng = np.random.default_rng(5)
    start = parameters(TRACKS, 4, params)
    return jax.tree.map(lambda w: (w + 0.3 * rng.standard_normal(w.shape)).astype(np.float32), start)


def some_sequences(make_log: Any, step: int = 3) -> Sequences:
    rng = np.random.default_rng(6)
    lists = [rng.permutation(TRACKS)[: 1 + n % 9] for n in range(40)]
    return in_order(make_log(lists, step), np.arange(TRACKS, dtype=np.int32)).newest(PARAMS.length)


@pytest.mark.parametrize(("blocks", "gaps"), [(0, True), (1, False), (2, True)])
def test_onnx_equals_jax(make_log: Any, blocks: int, gaps: bool) -> None:
    params = PARAMS.model_copy(update={"blocks": blocks, "gaps": gaps})
    weights, sequences = random_weights(params), some_sequences(make_log)
    flat = as_numpy(weights)
    factors = flat["items"] + np.where(ARTIST[:, None] >= 0, flat["artists"][ARTIST], np.float32(0))
    encoder = Encoder.of(np.frombuffer(encoder_graph(flat, params.heads), np.uint8))
    served = encoder.listeners(sequences, factors)
    trained = listener_vectors(weights, sequences, ARTIST, params)
    np.testing.assert_allclose(served, trained, atol=1e-5)
    assert np.abs(trained).max() > 0.5


def test_a_later_track_changes_no_earlier_output() -> None:
    weights = random_weights(PARAMS)
    pieces = np.array([[1, 1, 1, 1, 2, 2]], np.int32)
    batch = {"tracks": np.array([[3, 1, 4, 1, 5, 9]], np.int32), "gaps": np.array([[0, 1, 2, 3, 0, 1]], np.int32)}
    batch |= {"places": np.array([[0, 1, 2, 3, 0, 1]], np.int32), "pieces": pieces}
    before = np.asarray(encode(weights, batch, ARTIST, PARAMS))
    changed = {name: values.copy() for name, values in batch.items()}
    changed["tracks"][0, 2], changed["gaps"][0, 2] = 7, 5
    after = np.asarray(encode(weights, changed, ARTIST, PARAMS))
    same = (before == after).all(axis=2)[0]
    # not before it, and not in the next piece of the row
    assert same.tolist() == [True, True, False, False, True, True]


def test_bits_depend_on_the_listener_alone(make_log: Any) -> None:
    weights, sequences = as_numpy(random_weights(PARAMS)), some_sequences(make_log)
    encoder = Encoder.of(np.frombuffer(encoder_graph(weights, PARAMS.heads), np.uint8))
    whole = encoder.listeners(sequences, weights["items"], threads=2)
    order = np.random.default_rng(7).permutation(len(sequences))
    shuffled = encoder.listeners(sequences.of(order), weights["items"])
    assert shuffled.tobytes() == whole[order].tobytes()


def test_the_graph_is_the_same_bytes_twice() -> None:
    weights = as_numpy(random_weights(PARAMS))
    assert encoder_graph(weights, 3) == encoder_graph(weights, 3)


def test_a_torn_encoder_is_refused() -> None:
    graph = np.frombuffer(encoder_graph(as_numpy(random_weights(PARAMS)), 3), np.uint8)
    with pytest.raises(ArtefactError, match="train sequence again"):
        Encoder.of(graph[: len(graph) // 2])


@pytest.mark.parametrize(("share", "of_256"), [(0.5, 128), (0.2, 51), (0.999, 255)])
def test_dropping_takes_its_share_each_unit_by_itself_and_keeps_the_mean(share: float, of_256: int) -> None:
    x = np.ones((397, 3, 101), np.float32)  # no multiple of four
    kept = np.asarray(dropped(x, share, jax.random.key(3, impl="unsafe_rbg")))
    assert set(np.unique(kept)) == {0.0, np.float32(256 / (256 - of_256))}
    assert (kept == 0).mean() == pytest.approx(of_256 / 256, abs=0.005)
    flat = (kept == 0).ravel()
    for lag in (1, 2, 3, 4):
        assert (flat[lag:] & flat[:-lag]).mean() == pytest.approx((of_256 / 256) ** 2, abs=0.01)


def test_nothing_is_dropped_without_a_key_or_a_share() -> None:
    x = np.ones(5, np.float32)
    assert dropped(x, 0.5, None) is x and dropped(x, 0.0, jax.random.key(3)) is x
