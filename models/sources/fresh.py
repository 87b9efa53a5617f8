"""histories, artists, release days -> new releases of the artists that a listener is loyal to, and of their neighbours.

    score(u, t) = sum over artists a that u heard of loyalty(u, a) * likeness(a, artist of t) * 2^(-age of t / half_life)

Loyalty is log(1 + the listener's weights over the artist's tracks); likeness is 1 for the artist and, for others, the cosine of
who is loyal to both (Deshpande & Karypis 2004, https://doi.org/10.1145/963770.963776), pruned to the nearest. No listener of
the new track is needed. It is an item-item matrix (models/item_item.py) with a row per artist and columns for new tracks alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from conf.errors import ContractError
from conf.trainers import TrainFresh
from models.frozen import frozen
from models.histories import Histories
from models.item_item import ItemItem
from models.item_item_kernels import jit
from models.neighbours import strongest_of_product
from models.sources.base import UNDATED, Catalogue, Exclusions, Listeners, Reason, Saved, TopK

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fresh:
    """Candidate source `fresh`.

    Attributes
    ----------
    releases : a row per artist, columns of new tracks: likeness times recency.
    catalogue : what may be proposed.
    params : the settings that made it, and `as_of`, the day (since 1970-01-01) after the newest play of the training.
    """

    releases: ItemItem
    catalogue: Catalogue
    params: dict[str, Any]

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainFresh) -> Self:
        """Likeness of artists from histories, and what came out in the window before the newest play.

        Raises
        ------
        ContractError
            Where the catalogue knows no artists or no release days.
        """
        if catalogue.artist is None or catalogue.released is None:
            missing = "artists" if catalogue.artist is None else "release days"
            raise ContractError(f"fresh: the catalogue has no {missing}; give each track's main artist and release day")
        as_of = int(log.last_day.max()) + 1 if len(log.last_day) else 0
        recency = recency_of(catalogue.released, as_of, params)
        likeness = artist_likeness(log, catalogue.artist, catalogue.tie_rank, params.neighbours)
        releases = _releases(likeness, catalogue.artist, recency)
        return cls(releases, catalogue, params.model_dump() | {"as_of": as_of})

    def recommend(self, block: Listeners, k: int, exclude: Exclusions, threads: int = 1) -> TopK:
        """Add up what the artists that each listener heard speak for."""
        return self.releases.recommend(self._loyalties(block.log), self.catalogue, k, exclude, threads)

    def explain(self, listener: Listeners, track: int, most: int = 3) -> tuple[Reason, ...]:
        """Heard tracks by their part of their artist's term."""
        return self.releases.explain(self._loyalties(listener.log.rows(0, 1)), self.catalogue, track, most)

    def _loyalties(self, log: Histories) -> Histories:
        """The histories with each weight replaced by its part of the listener's loyalty to the track's artist."""
        assert self.releases.row_of is not None
        artist = self.releases.row_of
        known = (log.track_idx < len(artist)).all()  # ItemItem says what is wrong where this is false
        return replace(log, weight=loyalty(log, artist)) if known else log

    def save(self) -> Saved:
        """The matrix and the settings."""
        return Saved(self.releases.arrays(), self.params, {"as_of": float(self.params["as_of"])})

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any], catalogue: Catalogue) -> Self:
        """The source of a saved matrix; the catalogue needs neither artists nor dates."""
        return cls(ItemItem.from_arrays(arrays, "linear"), catalogue, dict(params))


def recency_of(released: Int32s, as_of: int, params: TrainFresh) -> Float32s:
    """2^(-age / half_life) of each track, float32 [tracks]; 0 for one that is older than the window or undated.

    Tracks out after `as_of` count as out that day: which of them may be proposed, the catalogue of the served day says.

    >>> params = TrainFresh(window_days=28, half_life_days=7)
    >>> recency_of(np.array([100, 93, 72, 71, UNDATED, 103], np.int32), 100, params).tolist()
    [1.0, 0.5, 0.0625, 0.0, 0.0, 1.0]
    """
    age = np.maximum(as_of - released.astype(np.int64), 0)
    recency = np.where(age <= params.window_days, np.exp2(-age / params.half_life_days), 0.0)
    return np.where(released == UNDATED, 0.0, recency).astype(np.float32)


def artist_likeness(log: Histories, artist: Int32s, tie_rank: Int32s, neighbours: int) -> Any:
    """Artists x artists, sparse float32: 1 on the diagonal, else the cosine of loyalties where among the nearest.

    Parameters
    ----------
    artist : int32 [tracks], -1 where unknown.
    tie_rank : int32 [tracks]; artists with equal cosine are told apart by their first track.
    """
    from scipy import sparse

    artists = int(artist.max(initial=-1)) + 1
    loyal = sparse.csr_array(_loyal_listeners(log, artist, artists))
    norms = np.sqrt(np.asarray(loyal.multiply(loyal).sum(axis=1))).ravel()
    units = sparse.diags_array(np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)) @ loyal
    rank = np.full(artists, np.iinfo(np.int32).max, np.int32)
    np.minimum.at(rank, artist[artist >= 0], tie_rank[artist >= 0])
    near = strongest_of_product(units, units.T, rank, neighbours, "linear")
    cosine = np.minimum(near.weights, 1.0)  # rounding must not put a neighbour before the artist
    others = sparse.csr_array((cosine, near.ids, near.indptr), shape=(artists, artists))
    return sparse.csr_array(others + sparse.eye_array(artists, dtype=np.float32))


def _loyal_listeners(log: Histories, artist: Int32s, artists: int) -> Any:
    """Artists x listeners, sparse float64: log(1 + weights over the artist's tracks)."""
    from scipy import sparse

    listener = np.repeat(np.arange(len(log)), np.diff(log.indptr))
    by = artist[log.track_idx]
    counted = (by >= 0) & (log.weight > 0)
    where = by[counted], listener[counted]
    summed = sparse.coo_array((log.weight[counted].astype(np.float64), where), shape=(artists, len(log))).tocsr()
    summed.data = np.log1p(summed.data)
    return summed


def _releases(likeness: Any, artist: Int32s, recency: Float32s) -> ItemItem:
    """Likeness of artists times recency of their tracks: a row per artist, ids ascending."""
    from scipy import sparse

    new = np.flatnonzero((recency > 0) & (artist >= 0))
    shape = likeness.shape[0], len(artist)
    discography = sparse.csr_array((recency[new], (artist[new], new)), shape=shape)
    rows = sparse.csr_array(likeness @ discography)
    rows.sort_indices()
    indptr, ids = rows.indptr.astype(np.int64), rows.indices.astype(np.int32)
    return ItemItem(indptr, ids, rows.data.astype(np.float32), "linear", artist)


def loyalty(log: Histories, artist: Int32s) -> Float32s:
    """Each heard track's part of log(1 + W), W the listener's weights over the tracks of its artist; float32 [nnz].

    Tracks of one artist share it by weight. A track of an unknown artist has none.
    """
    out = np.zeros(len(log.track_idx), np.float32)
    _share_loyalty(frozen(log.indptr), frozen(artist[log.track_idx]), frozen(log.weight), int(artist.max(initial=-1)) + 1, out)
    return out


@jit
def _share_loyalty(indptr: Int64s, artist: Int32s, weight: Float32s, artists: int, out: Float32s) -> None:
    total = np.zeros(artists)
    for n in range(len(indptr) - 1):
        for at in range(indptr[n], indptr[n + 1]):
            if artist[at] >= 0:
                total[artist[at]] += np.float64(weight[at])
        for at in range(indptr[n], indptr[n + 1]):
            if artist[at] >= 0 and weight[at] > 0:
                mass = total[artist[at]]
                out[at] = np.float64(weight[at]) * np.log1p(mass) / mass
        for at in range(indptr[n], indptr[n + 1]):
            if artist[at] >= 0:
                total[artist[at]] = 0.0
