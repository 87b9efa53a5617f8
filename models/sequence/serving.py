"""sequences + the encoder as ONNX -> listener vectors, one listener at a time, through ONNX Runtime.

One run costs 30 µs beside its arithmetic, less than padding short histories would, and any split of listeners over blocks
and threads gives the same bits (models/sequence/graph.py says why). The session runs on the thread that calls it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numba
import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]

from conf.errors import ArtefactError
from models.frozen import frozen
from models.sequence.batches import Sequences

_CHUNK = 64  # listeners that a thread takes at a time

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Encoder:
    """An encoder ready to run.

    Attributes
    ----------
    graph : uint8 [bytes], the ONNX file.
    session : the same, opened.
    """

    graph: npt.NDArray[np.uint8]
    session: Any

    @classmethod
    def of(cls, graph: npt.NDArray[np.uint8]) -> Self:
        """Open a graph; raises ArtefactError where it is none."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return cls(graph, onnxruntime.InferenceSession(graph.tobytes(), options, providers=["CPUExecutionProvider"]))
        except Exception as refused:  # its errors share no narrower class
            raise ArtefactError(f"sequence: the encoder is no ONNX graph ({refused}); train sequence again") from None

    def listeners(self, sequences: Sequences, factors: Float32s, threads: int = 1) -> Float32s:
        """Vectors of listeners, float32 [n, d], zeros for who heard nothing; `sequences` no longer than the graph's places."""
        out = np.zeros((len(sequences), factors.shape[1]), np.float32)
        with_gaps = len(self.session.get_inputs()) > 1

        def work(start: int) -> None:
            for row in range(start, min(start + _CHUNK, len(out))):
                own = slice(sequences.indptr[row], sequences.indptr[row + 1])
                if own.start == own.stop:
                    continue
                given = {"tracks": np.asarray(factors[sequences.tracks[own]])}
                if with_gaps:
                    given["gaps"] = sequences.gaps[own].astype(np.int64)
                out[row] = self.session.run(None, given)[0][0]

        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(work, range(0, len(out), _CHUNK)):
                pass
        return out


@numba.njit(nogil=True, cache=True)
def likeness(heard: Int32s, track: int, factors: Float32s) -> npt.NDArray[np.float64]:
    """Inner products of each heard track's vector with that of `track`, float64 [heard], summed in one order."""
    out = np.zeros(len(heard))
    for at in range(len(heard)):
        for d in range(factors.shape[1]):
            out[at] += np.float64(factors[heard[at], d]) * np.float64(factors[track, d])
    return out


@numba.njit(nogil=True, cache=True)
def _most_alike(indptr: Int64s, heard: Int32s, factors: Float32s, tie_rank: Int32s, ids: Int32s, because: Int32s) -> None:
    for row in range(len(ids)):
        own = heard[indptr[row] : indptr[row + 1]]
        for at in range(ids.shape[1]):
            if ids[row, at] < 0:
                continue
            found, best = -1, -np.inf
            terms = likeness(own, ids[row, at], factors)
            for n in range(len(own)):
                if terms[n] > best or (terms[n] == best and tie_rank[own[n]] < tie_rank[found]):
                    found, best = own[n], terms[n]
            because[row, at] = found


def most_alike(sequences: Sequences, factors: Float32s, tie_rank: Int32s, ids: Int32s) -> Int32s:
    """Of each listener's tracks the one whose vector is most like each proposal's, int32 as `ids` [n, k]; -1 where none."""
    because = np.full(ids.shape, -1, np.int32)
    _most_alike(frozen(sequences.indptr), frozen(sequences.tracks), frozen(factors), frozen(tie_rank), frozen(ids), because)
    return because
