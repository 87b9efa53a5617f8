"""the network in floats + patches it was trained on -> the same in bytes, for half the size.

Static quantisation by ONNX Runtime: each convolution's weights per output channel in 7 bits (older processors overflow when
they add pairs of products of 8), its inputs in 8 by the range seen in calibration. The linear layers, pooling and unit rows
stay in floats: they are 1 % of the work, and an embedding's last digits would be their rounding. It is no quicker everywhere:
eight patches take 1.7 ms in bytes and 1.1 in floats on one core with AVX-512, so floats are the default to serve.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnxruntime.quantization import (  # type: ignore[import-untyped]
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process  # type: ignore[import-untyped]

from audio.cnn.batches import Patches
from audio.cnn.embedding import as_input
from audio.cnn.patches import FRAMES, dequantised

_TOGETHER = 16


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Patches as the graph wants them, a few at a time."""

    def __init__(self, patches: npt.NDArray[np.float32]) -> None:
        self._left: Iterator[npt.NDArray[np.float32]] = (
            as_input(patches[start : start + _TOGETHER]) for start in range(0, len(patches), _TOGETHER)
        )

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._left, None)
        return None if batch is None else {"patches": batch}


def calibration_patches(stored: Patches, many: int = 200, seed: int = 7) -> npt.NDArray[np.float32]:
    """Patches [at most many, FRAMES, bands] of as many tracks drawn from stored ones [n, p, frames, bands]."""
    rng = np.random.default_rng(seed)
    tracks = np.sort(rng.permutation(stored.shape[0])[:many])
    drawn = stored[tracks, rng.integers(0, stored.shape[1], len(tracks))]
    return dequantised(drawn[:, :FRAMES])


def quantised_graph(graph: bytes, patches: npt.NDArray[np.float32]) -> bytes:
    """The graph with its convolutions in bytes.

    Parameters
    ----------
    graph : ONNX of graph.network_graph.
    patches : float32 [n, FRAMES, bands], normalised, to calibrate on: `calibration_patches`.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, ready, after = (Path(folder) / f"{name}.onnx" for name in ("given", "ready", "bytes"))
        given.write_bytes(graph)
        quant_pre_process(given, ready, skip_symbolic_shape=True)  # symbolic shapes would want sympy, and none is open here
        quantize_static(
            ready,
            after,
            _Reader(patches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return after.read_bytes()
