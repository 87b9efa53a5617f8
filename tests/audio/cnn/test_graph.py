"""The exported graph says what JAX says; in bytes it says nearly the same; clips are heard one at a time."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from audio.cnn.batches import Catalogue
from audio.cnn.embedding import Embedder, Heard
from audio.cnn.graph import network_graph
from audio.cnn.layout import convolutions
from audio.cnn.network import embed, heads
from audio.cnn.patches import dequantised, patches_of
from audio.cnn.quantise import calibration_patches, quantised_graph
from audio.cnn.training import Trained
from conf.errors import ArtefactError


def as_trees(weights: dict[str, np.ndarray]) -> tuple[dict, dict]:
    trees: tuple[dict, dict] = {}, {}
    for path, values in weights.items():
        layer, part = path.split("/")
        if layer != "readings" or part in {"kernel", "bias"}:
            trees[part in {"mean", "variance"}].setdefault(layer, {})[part] = values
    return trees


def heard(graph: bytes, clips: np.ndarray) -> list[Heard]:
    ear = Embedder(graph)
    return [ear.embed(dequantised(clip)) for clip in clips]


def test_the_graph_equals_jax(graph: bytes, trained: Trained, planted: Catalogue) -> None:
    weights, moments = as_trees(trained.weights)
    assert sorted(moments) == sorted(convolutions(trained.weights))
    for n in range(3):
        patch = dequantised(planted.patches[n, :1])
        embedding, _ = embed(weights, moments, jnp.asarray(patch), learning=False)
        wanted = {name: np.asarray(x)[0] for name, x in heads(weights, embedding).items()}
        ours = Embedder(graph).embed(patch)
        np.testing.assert_allclose(ours.embedding, np.asarray(embedding)[0], atol=1e-4)
        np.testing.assert_allclose(ours.factors, wanted["factors"], atol=1e-4)
        np.testing.assert_allclose(ours.tags, 1 / (1 + np.exp(-wanted["tags"])), atol=1e-4)
        undone = wanted["readings"] * trained.weights["readings/spread"] + trained.weights["readings/mean"]
        np.testing.assert_allclose(ours.readings, undone, rtol=1e-4)


def test_heads_tell_what_was_planted(graph: bytes, planted: Catalogue) -> None:
    own = planted
    found = heard(graph, own.patches)
    colour = np.corrcoef([one.readings[0] for one in found], own.readings[:, 0])[0, 1]
    tags = np.mean((np.array([one.tags for one in found]) > 0.5) == (own.tags > 0.5))
    assert colour > 0.8 and tags > 0.85
    assert abs(np.mean([one.readings[0] for one in found]) - 125) < 10, "readings come in their own unit"


def test_a_gain_changes_no_embedding(graph: bytes, clip_mel: np.ndarray) -> None:
    ear = Embedder(graph)
    loud, soft = (ear.embed(patches_of(clip_mel * np.float32(gain))).embedding for gain in (30.0, 1e-4))
    np.testing.assert_allclose(loud, soft, atol=1e-3)
    assert np.linalg.norm(loud) == pytest.approx(1, abs=1e-5)


def test_bytes_hear_as_floats_do(graph: bytes, planted: Catalogue) -> None:
    clips = planted.patches
    small = quantised_graph(graph, calibration_patches(clips, 64))
    fine, coarse = (np.array([one.embedding for one in heard(g, clips)]) for g in (graph, small))
    assert np.sum(fine * coarse, axis=1).min() >= 0.995
    assert overlap(fine, coarse, 10) >= 0.9


def overlap(a: np.ndarray, b: np.ndarray, k: int) -> float:
    """Mean share of the k nearest neighbours by `a` that are so by `b` as well."""

    def near(x: np.ndarray) -> np.ndarray:
        return np.argsort(-(x @ x.T) + 9 * np.eye(len(x)), axis=1)[:, :k]

    return float(np.mean([len(set(x) & set(y)) / k for x, y in zip(near(a), near(b), strict=True)]))


def test_a_graph_has_the_same_bytes_twice_and_opens_from_a_file(
    graph: bytes, trained: Trained, planted: Catalogue, tmp_path: Path
) -> None:
    assert network_graph(trained.weights) == graph
    path = tmp_path / "network.onnx"
    path.write_bytes(graph)
    patches = dequantised(planted.patches[0])
    assert Embedder(path).embed(patches).embedding.tobytes() == Embedder(graph).embed(patches).embedding.tobytes()


@pytest.mark.parametrize("broken", [b"", b"no graph", "missing.onnx"])
def test_what_is_no_graph_is_refused(broken: bytes | str) -> None:
    with pytest.raises(ArtefactError, match="train audio again"):
        Embedder(broken)
