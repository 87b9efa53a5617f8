"""An ear: what it hears of a file, and what the network that it is given makes of that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.decode import Limits
from spark_jobs.hearing.ear import Ear


def test_an_ear_embeds_with_the_network_that_it_is_given(shelf: Path) -> None:
    """A network whose embedding is the mean of each band, planted as a graph."""
    onnx = pytest.importorskip("onnx")
    from audio.cnn.embedding import Embedder
    from audio.cnn.patches import patches_of

    given = onnx.helper.make_tensor_value_info("patches", onnx.TensorProto.FLOAT, ["p", 1, 128, 160])
    made = onnx.helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, ["p", 128])
    axes = onnx.numpy_helper.from_array(np.array([1, 3]), "axes")
    mean = onnx.helper.make_node("ReduceMean", ["patches", "axes"], ["embedding"], keepdims=0)
    graph = onnx.helper.make_graph([mean], "bands", [given], [made], [axes])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    with Ear(Limits(timeout_s=20.0), Embedder(model.SerializeToString())) as ear:
        found = ear.hear_file(shelf / "a c.flac")
        refused = ear.hear_file(shelf / "e.mp3")
    assert found.heard is not None and found.embedding is not None
    bands = patches_of(found.heard.mel).mean(axis=(0, 1))
    np.testing.assert_allclose(found.embedding, bands / np.linalg.norm(bands), atol=1e-5)
    assert (refused.status, refused.reason, refused.embedding) == ("failed", "unrecognised", None)
