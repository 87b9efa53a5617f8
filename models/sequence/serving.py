"""sequences + the encoder as ONNX -> listener vectors, one listener at a time, through ONNX Runtime.

At d=64 and one block a run takes 33 µs for 50 tracks and 22 for 9, most of it overhead, and any split of listeners over blocks
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
Float64s = npt.NDArray[np.float64]
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


_jit: Any = numba.njit(nogil=True, cache=True)


@_jit
def _columns(heard: Int32s, factors: Float32s) -> Float64s:
    """Vectors of the heard tracks, float64 [d, heard]: side by side, so that many are multiplied at once."""
    out = np.empty((factors.shape[1], len(heard)))
    for at in range(len(heard)):
        out[:, at] = factors[heard[at]]
    return out


@_jit
def _multiply(columns: Float64s, vector: Float32s, out: Float64s) -> None:
    """Inner product of each column with `vector`, added up over d in order: the same bits however it is compiled."""
    out[:] = 0.0
    for d in range(len(columns)):
        factor = np.float64(vector[d])
        for at in range(len(out)):
            out[at] += columns[d, at] * factor


@_jit
def likeness(heard: Int32s, track: int, factors: Float32s) -> Float64s:
    """Inner products of each heard track's vector with that of `track`, float64 [heard]."""
    out = np.empty(len(heard))
    _multiply(_columns(heard, factors), factors[track], out)
    return out


@_jit
def _most_alike(indptr: Int64s, heard: Int32s, factors: Float32s, tie_rank: Int32s, ids: Int32s, because: Int32s) -> None:
    for row in range(len(ids)):
        own = heard[indptr[row] : indptr[row + 1]]
        columns, terms = _columns(own, factors), np.empty(len(own))
        for at in range(ids.shape[1]):
            if ids[row, at] < 0:
                break
            _multiply(columns, factors[ids[row, at]], terms)
            best = 0
            for n in range(1, len(own)):
                if terms[n] > terms[best] or (terms[n] == terms[best] and tie_rank[own[n]] < tie_rank[own[best]]):
                    best = n
            because[row, at] = own[best]


def most_alike(sequences: Sequences, factors: Float32s, tie_rank: Int32s, ids: Int32s) -> Int32s:
    """Of each listener's tracks the one whose vector is most like each proposal's, int32 as `ids` [n, k]; -1 where none."""
    because = np.full(ids.shape, -1, np.int32)
    _most_alike(frozen(sequences.indptr), frozen(sequences.tracks), frozen(factors), frozen(tie_rank), frozen(ids), because)
    return because
