"""weights -> the encoder as an ONNX graph for one listener, and the session that runs it: no JAX where lists are made.

The graph takes one listener's own tracks, however many, and gives one vector. So no slot is padded, no mask is needed, and a
listener's bits cannot depend on who else is in a block, whatever a machine's matrix kernels do with the rows of one product:
each product holds that listener's rows alone. In the last block only the newest track asks, as only its vector is wanted.
Item vectors are no part of the graph: they are gathered from the mapped table, so the table costs its size once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.sequence.constants import NORM_EPSILON, input_scale

_OPSET = 17
_IR = 10
Float32s = npt.NDArray[np.float32]


@dataclass
class _Graph:
    """Nodes and constants as they are added; every method gives the name of what it made."""

    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self.constants[name] = value
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        made = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [made], **attributes))
        return made


def encoder_graph(weights: dict[str, Float32s], heads: int) -> bytes:
    """The encoder of trained weights (encoder.as_numpy) as ONNX.

    Its inputs: `tracks` float32 [m, d], vectors of 1 to `length` tracks, oldest first, and `gaps` int64 [m] where the weights
    know gaps. Its output `listener`: float32 [1, d].
    """
    graph = _Graph()
    d = weights["places"].shape[1]
    m = graph.node("Shape", "tracks", start=0, end=1)
    zero = graph.constant("zero", np.array([0], np.int64))
    x = graph.node("Mul", "tracks", graph.constant("scale", input_scale(d).reshape(1)))
    x = graph.node("Add", x, graph.node("Slice", graph.constant("places", weights["places"]), zero, m, zero))
    inputs = [helper.make_tensor_value_info("tracks", TensorProto.FLOAT, ["m", d])]
    if len(weights["gaps"]):
        x = graph.node("Add", x, graph.node("Gather", graph.constant("gap_vectors", weights["gaps"]), "gaps"))
        inputs.append(helper.make_tensor_value_info("gaps", TensorProto.INT64, ["m"]))
    blocks = len({name.split("/")[1] for name in weights if name.startswith("blocks/")})
    for n in range(blocks):
        own = {name.split("/", 2)[2]: values for name, values in weights.items() if name.startswith(f"blocks/{n}/")}
        x = _block(graph, f"block{n}_", own, x, heads, m, newest=n == blocks - 1)
    if not blocks:
        x = graph.node("Gather", x, graph.constant("newest", np.array([-1], np.int64)))
    last = _norm(graph, "", weights, "norm", x)
    graph.nodes.append(helper.make_node("Identity", [last], ["listener"]))
    output = helper.make_tensor_value_info("listener", TensorProto.FLOAT, [1, d])
    constants = [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in graph.constants.items()]
    made = helper.make_graph(graph.nodes, "encoder", inputs, [output], constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR, producer_name="")
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _block(graph: _Graph, name: str, own: dict[str, Float32s], x: str, heads: int, m: str, newest: bool) -> str:
    """Attention, then feed-forward; with `newest`, for the newest track alone."""
    seen = _norm(graph, name, own, "attention_norm", x)
    asking = seen
    if newest:
        last = graph.constant("newest", np.array([-1], np.int64))
        asking, x = graph.node("Gather", seen, last), graph.node("Gather", x, last)
    x = graph.node("Add", x, _attention(graph, name, own, seen, asking, heads, None if newest else m))
    h = graph.node("MatMul", _norm(graph, name, own, "forward_norm", x), graph.constant(f"{name}in", own["forward_in"]))
    h = graph.node("Relu", graph.node("Add", h, graph.constant(f"{name}bias", own["forward_bias"])))
    return graph.node("Add", x, graph.node("MatMul", h, graph.constant(f"{name}out", own["forward_out"])))


def _attention(
    graph: _Graph, name: str, own: dict[str, Float32s], seen: str, asking: str, heads: int, causal_over: str | None
) -> str:
    d = own["attention_in"].shape[0]
    query, other, value = np.split(own["attention_in"], 3, axis=1)
    query = query * np.float32((d // heads) ** -0.5)
    split = graph.constant("split", np.array([0, heads, d // heads], np.int64))

    def of_heads(source: str, part: str, matrix: Float32s, axes: list[int]) -> str:
        flat = graph.node("MatMul", source, graph.constant(f"{name}{part}", matrix))
        return graph.node("Transpose", graph.node("Reshape", flat, split), perm=axes)

    likeness = graph.node("MatMul", of_heads(asking, "query", query, [1, 0, 2]), of_heads(seen, "other", other, [1, 2, 0]))
    if causal_over is not None:
        likeness = graph.node("Add", likeness, _future(graph, causal_over))
    mixed = graph.node("MatMul", graph.node("Softmax", likeness, axis=-1), of_heads(seen, "value", value, [1, 0, 2]))
    joined = graph.constant("joined", np.array([0, d], np.int64))
    flat = graph.node("Reshape", graph.node("Transpose", mixed, perm=[1, 0, 2]), joined)
    return graph.node("MatMul", flat, graph.constant(f"{name}attention_out", own["attention_out"]))


def _future(graph: _Graph, m: str) -> str:
    """Float32 [m, m]: -1e9 where a slot would look ahead, else 0."""
    square = graph.node("Expand", graph.constant("never", np.array([[-1e9]], np.float32)), graph.node("Concat", m, m, axis=0))
    return graph.node("Trilu", square, graph.constant("ahead", np.array(1, np.int64)), upper=1)


def _norm(graph: _Graph, name: str, own: dict[str, Float32s], which: str, x: str) -> str:
    parts = [graph.constant(f"{name}{which}_{part}", own[f"{which}/{part}"]) for part in ("scale", "shift")]
    return graph.node("LayerNormalization", x, *parts, axis=-1, epsilon=NORM_EPSILON)
