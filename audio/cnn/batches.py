"""A catalogue's patches and what is known of its tracks -> batches of one shape, and the artists that are kept back.

No artist is both trained on and watched: an ear that knows an artist's studio would look better than it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from audio.cnn.patches import FRAMES
from conf.ears import TrainAudio
from conf.errors import ContractError

Floats = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[Any]]

MOST_WATCHED = 1000


class Patches(Protocol):
    """Stored patches [n, p, frames >= FRAMES, bands], uint8 or float16: an array, a mapped file, or what indexes like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, p, frames, bands)."""

    def __getitem__(self, at: tuple[Int64s, Int64s], /) -> npt.NDArray[Any]:
        """Patches [rows, frames, bands] of tracks and patch numbers, both int64 [rows]."""


@dataclass(frozen=True)
class Catalogue:
    """What the network learns from; rows are tracks.

    Attributes
    ----------
    patches : stored patches [n, p, frames, bands].
    artist : int32 [n], -1 where unknown.
    factors : float32 [n, d], unit rows, zeros where a track is too cold to have any.
    tags : float32 [n, t], 0 or 1, NaN where unknown; t may be 0.
    readings : float32 [n, r], in any unit, NaN where unknown; r may be 0.
    pairs : int32 [m, 2], tracks that the same listeners hear; m may be 0.
    """

    patches: Patches
    artist: Int32s
    factors: Floats
    tags: Floats
    readings: Floats
    pairs: Int32s

    @classmethod
    def of(
        cls,
        patches: Patches,
        artist: Int32s,
        factors: Floats | None = None,
        warm: npt.NDArray[np.bool_] | None = None,
        tags: Floats | None = None,
        readings: Floats | None = None,
        pairs: Int32s | None = None,
    ) -> Self:
        """Checked catalogue; `warm` bool [n] says whose factors to trust. Raises ContractError where lengths differ."""
        none = np.zeros((len(artist), 0), np.float32)
        factors = none if factors is None else np.array(factors, np.float32)
        if warm is not None:
            factors[~warm] = 0
        length = np.linalg.norm(factors, axis=1, keepdims=True)
        factors = np.asarray(factors / np.where(length > 0, length, 1), np.float32)
        pairs = np.zeros((0, 2), np.int32) if pairs is None else pairs
        made = cls(patches, artist, factors, none if tags is None else tags, none if readings is None else readings, pairs)
        rows = {patches.shape[0], *(len(values) for values in (artist, factors, made.tags, made.readings))}
        if len(rows) > 1 or pairs.max(initial=-1) >= len(artist) or pairs.min(initial=0) < 0:
            raise ContractError(f"audio: patches, artists and targets are of different tracks: {sorted(rows)} rows")
        if len(patches.shape) != 4 or patches.shape[2] < FRAMES:
            raise ContractError(f"audio: patches of shape {patches.shape} are not [n, p, {FRAMES} or more, bands]")
        return made

    def __len__(self) -> int:
        return len(self.artist)

    @property
    def heads(self) -> dict[str, int]:
        """Numbers that each head gives."""
        return {"factors": self.factors.shape[1], "tags": self.tags.shape[1], "readings": self.readings.shape[1]}

    def standardised(self, of: Int64s) -> tuple[Self, Arrays]:
        """The catalogue with readings in standard deviations of tracks `of`, and the {mean, spread} that undo it."""
        if not self.readings.shape[1]:
            return self, {}
        own = np.ma.masked_invalid(self.readings[of].astype(np.float64))
        mean, spread = own.mean(axis=0).filled(0.0), own.std(axis=0).filled(1.0)
        spread = np.where(spread > 0, spread, 1.0)
        kept = {"readings/mean": mean.astype(np.float32), "readings/spread": spread.astype(np.float32)}
        return replace(self, readings=((self.readings - mean) / spread).astype(np.float32)), kept

    def batch(self, tracks: Int64s, which: Int64s) -> Arrays:
        """Arrays of one batch: patch number `which` of each of `tracks`, both int64 [rows], and their targets."""
        targets = {"factors": self.factors[tracks], "tags": self.tags[tracks], "readings": self.readings[tracks]}
        return {"patches": np.asarray(self.patches[tracks, which]), "track": tracks.astype(np.int32), **targets}


def split(artist: Int32s, params: TrainAudio) -> tuple[Int64s, Int64s]:
    """(trained, watched) rows, no artist in both; at most `max_tracks` and MOST_WATCHED. Unknown artists are each their own.

    Examples
    --------
    >>> artist = np.array([0, 0, 1, 1, 2, 2, 3, 3], np.int32)
    >>> trained, watched = split(artist, TrainAudio(watched=0.25))
    >>> len(watched), set(artist[trained]) & set(artist[watched])
    (2, set())
    """
    rng = np.random.default_rng(params.seed)
    sample = np.sort(rng.permutation(len(artist))[: params.max_tracks])
    own = np.where(artist[sample] >= 0, artist[sample], -1 - np.arange(len(sample)))
    _, group, size = np.unique(own, return_inverse=True, return_counts=True)
    order = rng.permutation(len(size))
    most = min(int(params.watched * len(sample)), MOST_WATCHED)
    kept_back = np.zeros(len(size), bool)
    kept_back[order[np.cumsum(size[order]) <= most]] = True
    return sample[~kept_back[group]], sample[kept_back[group]]


def drawn(catalogue: Catalogue, trained: Int64s, params: TrainAudio, rng: np.random.Generator) -> Iterator[Arrays]:
    """Batches of one pass over `trained`, 2 x `batch` rows each: patches of tracks, then one more of each or of a paired track.

    The last batch is filled up with tracks of the first, so that all have one shape.
    """
    indptr, partner = _partners(catalogue, trained)
    order = rng.permutation(trained)
    many = catalogue.patches.shape[1]
    for start in range(0, len(order), params.batch):
        first = order[np.arange(start, start + params.batch) % len(order)]
        partners = np.diff(indptr)[first]
        to = indptr[:-1][first] + (rng.random(params.batch) * partners).astype(np.int64)
        paired = (partners > 0) & (rng.random(params.batch) < params.paired)
        second = first.copy()
        second[paired] = partner[to[paired]]
        which = rng.integers(0, many, params.batch)
        other = (which + rng.integers(1, max(many, 2), params.batch)) % many
        yield catalogue.batch(np.concatenate([first, second]), np.concatenate([which, other]))


def _partners(catalogue: Catalogue, trained: Int64s) -> tuple[Int64s, Int64s]:
    """(indptr [n + 1], tracks): each track's partners among `trained`, both ways round."""
    may = np.zeros(len(catalogue), bool)
    may[trained] = True
    pairs = catalogue.pairs[may[catalogue.pairs].all(axis=1)].astype(np.int64)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    return np.searchsorted(both[:, 0], np.arange(len(catalogue) + 1)), both[:, 1]
