"""weights -> the network as an ONNX graph, batch normalisations folded into the convolutions: no JAX where clips are heard.

A graph holds no pickle, runs wherever ONNX Runtime does, and its bytes depend on the weights alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from audio.cnn.layout import HEADS, KERNELS, NORM_EPSILON, REACH, STRIDES, convolutions, folded_bands, padding
from audio.cnn.patches import FRAMES
from audio.constants import MELS

_OPSET = 17
_IR = 10
Floats = npt.NDArray[np.float32]
Weights = dict[str, Floats]


@dataclass
class _Graph:
    """Nodes and constants as they are added; every method gives the name of what it made."""

    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self.constants[name] = value
        return name

    def node(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name


def network_graph(weights: Weights) -> bytes:
    """The network of trained weights (training.Trained.weights) as ONNX.

    Its input `patches`: float32 [n, 1, MELS, FRAMES], normalised as by patches.py, bands before frames. Its outputs:
    `embedding` float32 [n, dimensions], unit rows, and of what was trained `factors` float32 [n, d], unit rows, `tags` float32
    [n, t], probabilities, `readings` float32 [n, r], in the units that were trained on.
    """
    graph = _Graph()
    x = "patches"
    for name in convolutions(weights):
        x = graph.node("Relu", f"{name}_relu", _convolution(graph, name, weights, x))
    pooled = [graph.node("GlobalAveragePool", "mean", x), graph.node("GlobalMaxPool", "max", x)]
    pooled = [graph.node("Flatten", f"{each}_row", each, axis=1) for each in pooled]
    raw = _linear(graph, "embedding", weights, graph.node("Concat", "pooled", *pooled, axis=1))
    graph.node("LpNormalization", "embedding", raw, axis=-1, p=2)
    heads = [name for name in HEADS if f"{name}/kernel" in weights]
    for name in heads:
        _head(graph, name, weights)
    return _checked(graph, {name: weights[f"{name}/bias"].shape[0] for name in ("embedding", *heads)})


def _convolution(graph: _Graph, name: str, weights: Weights, x: str) -> str:
    """The convolution of a layer with its normalisation: kernels scaled, shifts as its bias."""
    scale = weights[f"{name}/scale"] / np.sqrt(weights[f"{name}/variance"] + np.float32(NORM_EPSILON))
    kernel = weights[f"{name}/kernel"] * scale
    bias = weights[f"{name}/shift"] - weights[f"{name}/mean"] * scale
    strides, pads = (1, 1), [0, 0, 0, 0]
    if name == "fold":  # all bands of all channels at once: a kernel as high as there are bands left
        kernel = kernel.reshape(1, folded_bands(), -1, kernel.shape[-1])
    elif name.startswith("stem"):
        n = int(name[-1])
        strides, pads = STRIDES[n], _pads(n)
    else:
        pads = [0, REACH // 2, 0, REACH // 2]
    return graph.node(
        "Conv", f"{name}_conv", x,
        graph.constant(f"{name}_kernel", kernel.transpose(3, 2, 1, 0)), graph.constant(f"{name}_bias", bias),
        strides=list(strides[::-1]), pads=pads,
    )  # fmt: skip


def _pads(n: int) -> list[int]:
    """Zeros around the input of stem layer n: before bands, before frames, after bands, after frames."""
    frames = FRAMES // int(np.prod([s[0] for s in STRIDES[:n]]))
    bands = MELS // int(np.prod([s[1] for s in STRIDES[:n]]))
    over_time = padding(frames, KERNELS[n][0], STRIDES[n][0])
    over_bands = padding(bands, KERNELS[n][1], STRIDES[n][1])
    return [over_bands[0], over_time[0], over_bands[1], over_time[1]]


def _linear(graph: _Graph, name: str, weights: Weights, x: str, scale: float = 1.0, spread: Floats | None = None) -> str:
    """A linear layer of `scale` times x, its outputs multiplied by `spread`."""
    over = np.ones(1, np.float32) if spread is None else spread
    kernel = graph.constant(f"{name}_kernel", weights[f"{name}/kernel"] * np.float32(scale) * over)
    bias = weights[f"{name}/bias"] * over + weights.get(f"{name}/mean", np.float32(0))
    return graph.node("Gemm", f"{name}_linear", x, kernel, graph.constant(f"{name}_bias", bias))


def _head(graph: _Graph, name: str, weights: Weights) -> None:
    scale = float(weights[f"{name}/kernel"].shape[0] ** 0.5)  # network.head_input
    made = _linear(graph, name, weights, "embedding", scale, weights.get(f"{name}/spread"))
    if name == "factors":
        graph.node("LpNormalization", name, made, axis=-1, p=2)
    else:
        graph.node("Sigmoid" if name == "tags" else "Identity", name, made)


def _checked(graph: _Graph, outputs: dict[str, int]) -> bytes:
    given = helper.make_tensor_value_info("patches", TensorProto.FLOAT, ["n", 1, MELS, FRAMES])
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in outputs.items()]
    constants = [numpy_helper.from_array(np.ascontiguousarray(x, np.float32), name) for name, x in graph.constants.items()]
    whole = helper.make_graph(graph.nodes, "audio", [given], made, constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR, producer_name="")
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
