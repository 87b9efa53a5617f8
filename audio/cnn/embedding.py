"""a clip's patches + the network as ONNX -> what is heard in the clip, on one thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]

from conf.errors import ArtefactError

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """What the network makes of a clip: the mean over its patches.

    Attributes
    ----------
    embedding : float32 [dimensions], of length 1.
    factors : float32 [d], of length 1: taste that such a sound meets; None where the network was not taught any.
    tags : float32 [t], probabilities; None as above.
    readings : float32 [r], in the units that were trained on; None as above.
    """

    embedding: Floats
    factors: Floats | None
    tags: Floats | None
    readings: Floats | None


class Embedder:
    """A network ready to hear, from a file or its bytes; raises ArtefactError where they hold none."""

    def __init__(self, graph: bytes | str | Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        given = graph if isinstance(graph, bytes) else str(graph)
        try:
            self._session: Any = onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
        except Exception as refused:  # its errors share no narrower class
            raise ArtefactError(f"audio: the network is no ONNX graph ({refused}); train audio again") from None
        sizes = {output.name: int(output.shape[1]) for output in self._session.get_outputs()}
        if "embedding" not in sizes:
            raise ArtefactError(f"audio: the graph gives {sorted(sizes)} and no embedding; train audio again")
        self.sizes = sizes

    def embed(self, patches: Floats) -> Heard:
        """Hear a clip of normalised patches float32 [p, FRAMES, bands], p >= 1."""
        of_patches = dict(zip(self.sizes, self._session.run(list(self.sizes), {"patches": as_input(patches)}), strict=True))
        means = {name: np.asarray(rows.mean(axis=0), np.float32) for name, rows in of_patches.items()}
        factors = _unit(means["factors"]) if "factors" in means else None
        return Heard(_unit(means["embedding"]), factors, means.get("tags"), means.get("readings"))


def as_input(patches: Floats) -> Floats:
    """Patches [p, frames, bands] as the graph takes them, float32 [p, 1, bands, frames]."""
    return np.ascontiguousarray(patches.transpose(0, 2, 1)[:, None], np.float32)


def _unit(x: Floats) -> Floats:
    """A vector of the same direction and length 1; the first axis where patches cancel out, so that the length holds."""
    length = float(np.linalg.norm(x))
    return np.asarray(x / length, np.float32) if length > 0 else np.eye(1, len(x), dtype=np.float32)[0]
