"""histories + item factors -> listener factors: one small exact solve per listener, and why each track came up.

A listener's factors minimise, with the item factors V [items, d] held fixed (iALS with frequency-scaled regularisation,
Rendle et al. 2022, https://doi.org/10.1145/3523227.3548486):

    sum_j c_j (1 - u.v_j)^2 + alpha0 sum_j w_j (u.v_j)^2 + reg (alpha0 * items + heard)^nu |u|^2

with w_j = 1, or growing with how many listeners heard j: who has not heard a track that everybody knows more likely does not
care for it (He et al. 2016, https://doi.org/10.1145/2911451.2911489). So u = A^-1 b with
A = alpha0 V'WV + sum_j c_j v_j v_j' + reg (...)^nu I and b = sum_j c_j v_j. A is made and factored (Cholesky) in float64,
listener by listener: no bit depends on who else is in the block.

The same A explains a score exactly (Hu, Koren & Volinsky 2008, section 5, https://doi.org/10.1109/ICDM.2008.22):
u.v_t = sum_j c_j v_j' A^-1 v_t, and the heard track with the largest term is the reason for track t. The root of
A takes 16 KiB a listener at d=64: a block of a thousand listeners keeps theirs, larger ones make them again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.errors import ArtefactError
from conf.values import Inputs
from models.fold_in_kernels import Float32s, Float64s, Int32s, explain_block, solve_block
from models.frozen import frozen
from models.histories import Histories
from models.inputs import inputs_of

# Row bounds, heard tracks and their confidence: int64 [n + 1], int32 [nnz], float64 [nnz].
Heard = tuple[npt.NDArray[np.int64], Int32s, Float64s]
_CHUNK = 256  # listeners that a thread takes at a time
_ROOTS_BYTES = 64 << 20


@dataclass(frozen=True)
class ItemSide:
    """All that a fold-in needs of a trained model.

    Attributes
    ----------
    factors : float32 [items, d].
    gram : float64 [d, d], V'WV, made once per training.
    alpha0, reg, nu : weights of the objective above.
    weight_scale, inputs : confidence c of a heard track = weight_scale * its input (models/inputs.py).
    """

    factors: Float32s
    gram: Float64s
    alpha0: float
    reg: float
    nu: float
    weight_scale: float
    inputs: Inputs = "linear"

    def __post_init__(self) -> None:
        d = self.factors.shape[1]
        if self.factors.dtype != np.float32 or self.gram.shape != (d, d) or self.gram.dtype != np.float64:
            got = f"factors {self.factors.dtype} {self.factors.shape}, gram {self.gram.dtype} {self.gram.shape}"
            raise ArtefactError(f"fold-in: {got} do not fit together; train mf again")

    def confidence(self, log: Histories) -> Float64s:
        """Confidence of each heard track, float64 [nnz]."""
        return np.asarray(inputs_of(log, self.inputs) * np.float64(self.weight_scale))

    def ridge(self, heard: npt.NDArray[Any]) -> Float64s:
        """Regularisation of listeners with `heard` tracks of positive weight, float64 [n]."""
        return np.asarray(self.reg * (self.alpha0 * len(self.factors) + heard) ** self.nu, np.float64)


def gram(factors: Float32s, weights: Float64s | None = None) -> Float64s:
    """V'WV of factors V and the weights of their rows, float64 [d, d]; V'V without weights."""
    wide = factors.astype(np.float64)
    return np.asarray(wide.T @ (wide if weights is None else wide * weights[:, None]))


def unheard_weights(heard: npt.NDArray[Any], exponent: float) -> Float64s:
    """Weights w of tracks by how many listeners heard each, float64 [items], with mean 1.

    >>> unheard_weights(np.array([0, 3, 15]), 0.5).round(3).tolist()
    [0.429, 0.857, 1.714]
    """
    raised = (heard + 1.0) ** exponent
    return np.asarray(raised / raised.mean()) if len(raised) else raised


def room_for_roots(listeners: int, items: ItemSide) -> Float32s:
    """Room for the Cholesky roots of so many listeners, float32 [n, d, d]; [0, d, d] where they would take too much."""
    d = items.factors.shape[1]
    return np.empty((listeners if listeners * d * d * 4 <= _ROOTS_BYTES else 0, d, d), np.float32)


def fold_in(log: Histories, items: ItemSide, threads: int = 1, roots: Float32s | None = None) -> Float32s:
    """Factors of the listeners of `log`, float32 [n, d]; zeros for one without a track of positive weight.

    `roots` : `room_for_roots` to fill, which spares `explain` half its work.
    """
    listeners = np.empty((len(log), items.factors.shape[1]), np.float32)
    heard, side, ridge = _system(log, items)
    kept = room_for_roots(0, items) if roots is None else roots

    def solve(rows: slice, heard: Heard) -> None:
        solve_block(*heard, *side, frozen(ridge[rows]), kept[rows], listeners[rows])

    _in_chunks(solve, log, heard, threads)
    return listeners


def explain(
    log: Histories, items: ItemSide, candidates: Int32s, tie_rank: Int32s, threads: int = 1, roots: Float32s | None = None
) -> Int32s:
    """Heard track that carried each candidate's score most.

    Parameters
    ----------
    candidates : int32 [n, width], tracks proposed to each listener; -1 pads.
    tie_rank : int32 [items], position in order of external ids.
    roots : as `fold_in` filled them.

    Returns
    -------
    because : int32 [n, width], track numbers; -1 where no heard track speaks for the candidate.
    """
    because = np.full(candidates.shape, -1, np.int32)
    heard, side, ridge = _system(log, items)
    known = frozen(room_for_roots(0, items) if roots is None else roots)
    rank = frozen(tie_rank)

    def reason(rows: slice, heard: Heard) -> None:
        asked = frozen(candidates[rows])
        explain_block(*heard, *side, frozen(ridge[rows]), known[rows], rank, asked, because[rows])

    _in_chunks(reason, log, heard, threads)
    return because


def terms(log: Histories, items: ItemSide, candidate: int) -> Float64s:
    """What each heard track of the only listener of `log` adds to the score of `candidate`, float64 [nnz]."""
    _, (factors, base), ridge = _system(log, items)
    known, confidence = factors[log.track_idx].astype(np.float64), items.confidence(log)
    a = base + ridge[0] * np.eye(len(base)) + (known.T * confidence) @ known
    direction = np.linalg.solve(a, factors[candidate].astype(np.float64))
    return np.asarray(confidence * (known @ direction))


def _system(log: Histories, items: ItemSide) -> tuple[Heard, tuple[Float32s, Float64s], Float64s]:
    """((row bounds, heard tracks, their confidence), (item factors, alpha0 V'V), ridge of each listener).

    Tracks of no weight, three of ten in the simulated city, add nothing and are left out.
    """
    if len(log.track_idx) and log.track_idx.max() >= len(items.factors):
        got = f"a history holds track_idx {log.track_idx.max()}, the artefact knows {len(items.factors)} tracks"
        raise ArtefactError(f"fold-in: {got}; train mf on this catalogue")
    confidence = items.confidence(log)
    side = frozen(items.factors), frozen(items.alpha0 * items.gram)
    ridge = items.ridge(log.row_sums(log.weight > 0))
    weighs = confidence > 0
    bounds = np.concatenate([[0], np.cumsum(weighs)])[log.indptr]
    return (frozen(bounds), frozen(log.track_idx[weighs]), frozen(confidence[weighs])), side, ridge


def _in_chunks(work: Callable[[slice, Heard], None], log: Histories, heard: Heard, threads: int) -> None:
    """Call `work` with the rows of each chunk of listeners and what they heard, on `threads` threads."""
    chunks = [slice(start, min(start + _CHUNK, len(log))) for start in range(0, len(log), _CHUNK)]
    indptr, *flat = heard

    def one(rows: slice) -> None:
        work(rows, (indptr[rows.start : rows.stop + 1], *flat))  # type: ignore[arg-type]

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(one, chunks):
            pass
