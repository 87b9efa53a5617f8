"""exposures and picks -> how likely each place of a list is looked at: what a pick far down is worth more than one on top.

A pick of a shown track needs that its place was looked at and that it was liked: P(pick) = look(place) * like(bucket), where a
bucket holds tracks that the blend believes in alike (the position-based model, Craswell et al. 2008,
https://doi.org/10.1145/1341531.1341545). Tracks of one bucket stand at many places, as rules and other weeks' orders move them,
so both factors are found by proportional fitting from counts alone. A pick then weighs 1 / look(place) (Joachims et al. 2017,
https://doi.org/10.1145/3018661.3018699); what was found without being shown weighs 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
BUCKETS, ROUNDS = 20, 100
# Pseudo-exposures at each place that were looked at as all others were; and no pick weighs more than 1 / _LEAST.
_PRIOR, _LEAST = 100.0, 0.1


@dataclass(frozen=True)
class Shown:
    """Candidates that were shown.

    Attributes
    ----------
    place : int64 [m], place on the list from 0. likely : float [m], anything that rises with how much the track is liked.
    picked : bool [m].
    """

    place: Int64s
    likely: Float32s
    picked: Bools

    @classmethod
    def together(cls, parts: Sequence[Shown]) -> Shown:
        """All parts, one after the other."""
        return cls(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)})


def looks(shown: Shown, places: int) -> Float64s:
    """How likely each place is looked at against the likeliest, float64 [places] in [.1, 1], never rising down the list.

    >>> none = np.empty(0)
    >>> looks(Shown(none.astype(np.int64), none.astype(np.float32), none.astype(bool)), 3).tolist()
    [1.0, 1.0, 1.0]
    """
    if not shown.picked.any():
        return np.ones(places)
    bucket = _buckets(shown.likely)
    size = int(bucket.max()) + 1
    cell = np.minimum(shown.place, places - 1) * size + bucket
    seen = np.bincount(cell, minlength=places * size).reshape(places, size).astype(np.float64)
    picks = np.bincount(cell[shown.picked], minlength=places * size).reshape(places, size).astype(np.float64)
    look, rate = np.ones(places), float(picks.sum() / seen.sum())
    for _ in range(ROUNDS):
        like = picks.sum(axis=0) / np.maximum(look @ seen, 1e-12)
        look = (picks.sum(axis=1) + _PRIOR * rate) / (seen @ like + _PRIOR * rate)
    falling = _falling(look, seen.sum(axis=1) + 1e-9)
    return np.asarray(np.clip(falling / falling.max(), _LEAST, 1.0))


def weights(place: Int64s, liked: Bools, look: Float64s) -> Float32s:
    """Weight of each candidate, float32 [m]: 1 / look for a pick that was shown, else 1.

    place : int64 [m], on the list that was shown, -1 where it was not.

    >>> weights(np.array([0, 1, 1, -1]), np.array([True, True, False, True]), np.array([1.0, 0.5])).tolist()
    [1.0, 2.0, 1.0, 1.0]
    """
    there = liked & (place >= 0)
    out = np.ones(len(place), np.float32)
    out[there] = 1.0 / look[np.minimum(place[there], len(look) - 1)]
    return out


def _buckets(likely: Float32s) -> Int64s:
    """Bucket of each value, by quantile."""
    ends = np.unique(np.quantile(likely, np.linspace(0, 1, BUCKETS + 1)[1:-1]))
    return np.searchsorted(ends, likely, side="right").astype(np.int64)


def _falling(values: Float64s, weight: Float64s) -> Float64s:
    """Nearest sequence that never rises (pool adjacent violators)."""
    blocks: list[list[float]] = []
    for value, mass in zip(values.tolist(), weight.tolist(), strict=True):
        blocks.append([value, mass, 1])
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            late, early = blocks.pop(), blocks.pop()
            total = early[1] + late[1]
            blocks.append([(early[0] * early[1] + late[0] * late[1]) / total, total, early[2] + late[2]])
    return np.repeat([block[0] for block in blocks], [int(block[2]) for block in blocks])
