"""What every candidate source is: an item-side artefact, and a pure function from listening histories to top-k lists.

Nothing is stored per listener that cannot be computed again from the listener's own history row. So new listeners,
incremental runs and any split of listeners over machines need no special case, and one behavioural test suite holds for
every source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.errors import ContractError
from models.histories import Histories
from models.topk import Exclusions

__all__ = [
    "CATALOGUE_COLUMNS",
    "Catalogue",
    "Circle",
    "Exclusions",
    "Listeners",
    "Reason",
    "Saved",
    "Source",
    "TopK",
    "heard_reasons",
]


# Release day of a track without a date: it counts as old.
UNDATED = np.iinfo(np.int32).min
CATALOGUE_COLUMNS = ["track_idx", "track_id", "release_date", "blocked"]


@dataclass(frozen=True)
class Catalogue:
    """The tracks, numbered 0 to n - 1 by track_idx.

    Attributes
    ----------
    tie_rank : int32 [n], a track's position in order of track_id: equal scores are told apart by it, never by track_idx.
    allowed : bool [n], false for what must not be proposed to anybody.
    artist : int32 [n], number of the main artist, -1 where unknown. None: the caller knows no artists.
    released : int32 [n], days since 1970-01-01, UNDATED where unknown. None: the caller knows no dates.
    text : string [n], what is written about a track (tags, genres, title, artist, lyrics), "" for nothing. None: no texts.
    sound : float32 [n, d], what a network makes of a track's audio, of length 1; zeros for nothing. None: no audio.
    """

    tie_rank: npt.NDArray[np.int32]
    allowed: npt.NDArray[np.bool_]
    artist: npt.NDArray[np.int32] | None = None
    released: npt.NDArray[np.int32] | None = None
    text: pa.Array[Any] | None = None
    sound: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.tie_rank)

    @classmethod
    def of_size(cls, n: int) -> Catalogue:
        """`n` tracks of which nothing but their number is known: all allowed, equal scores go to the lower number."""
        return cls(np.arange(n, dtype=np.int32), np.ones(n, bool))

    @classmethod
    def from_arrow(cls, tracks: pa.Table, served_on: date) -> Catalogue:
        """Catalogue of CATALOGUE_COLUMNS in any order of rows.

        Not allowed are blocked tracks, tracks out only after `served_on`, and numbers that no row has.
        """
        idx = tracks.column("track_idx").to_numpy()
        if len(np.unique(idx)) != len(idx):
            raise ContractError("catalogue: two tracks share a track_idx; ingest_catalogue must number them anew")
        size = int(idx.max(initial=-1)) + 1
        tie_rank = np.full(size, size, np.int32)
        tie_rank[idx[pc.sort_indices(tracks.column("track_id")).to_numpy()]] = np.arange(len(idx), dtype=np.int32)
        released = tracks.column("release_date").to_numpy()
        allowed = np.zeros(size, bool)
        allowed[idx] = ~(released > np.datetime64(served_on)) & ~tracks.column("blocked").to_numpy()
        return cls(tie_rank, allowed)


@dataclass(frozen=True)
class Circle:
    """What the friends of n listeners lately love, summed per track before it gets here.

    Attributes
    ----------
    indptr : int64 [n + 1].
    ids : int32 [nnz], track numbers, ascending within a listener.
    friends : int32 [nnz], how many friends love the track; never below the k of k-anonymity.
    weight : float32 [nnz], sum of the friends' decayed weights.
    """

    indptr: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int32]
    friends: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]

    def rows(self, start: int, stop: int) -> Circle:
        """Listeners `start` to `stop`, sharing memory."""
        first, last = self.indptr[start], self.indptr[stop]
        return Circle(
            self.indptr[start : stop + 1] - first, self.ids[first:last], self.friends[first:last], self.weight[first:last]
        )


@dataclass(frozen=True)
class Listeners:
    """A block of listeners: their histories and what a source may need beside them.

    Attributes
    ----------
    log : n histories.
    country : string [n], ISO 3166-1 alpha-2, null where unknown.
    circle : what their friends love; None where nobody follows anybody.
    """

    log: Histories
    country: pa.Array[Any]
    circle: Circle | None = None

    def __len__(self) -> int:
        return len(self.log)

    def rows(self, start: int, stop: int) -> Listeners:
        """Listeners `start` to `stop`, sharing memory."""
        circle = self.circle.rows(start, stop) if self.circle else None
        return Listeners(self.log.rows(start, stop), self.country.slice(start, stop - start), circle)


@dataclass(frozen=True)
class TopK:
    """Proposals for n listeners, best first.

    Attributes
    ----------
    ids : int32 [n, k], track numbers; -1 pads.
    scores : float32 [n, k], descending; -inf pads.
    because : int32 [n, k], heard track that carried the score most; -1 where there is none.
    """

    ids: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    because: npt.NDArray[np.int32]

    def rows(self, start: int, stop: int) -> TopK:
        """Listeners `start` to `stop`, sharing memory."""
        return TopK(self.ids[start:stop], self.scores[start:stop], self.because[start:stop])


@dataclass(frozen=True)
class Reason:
    """One thing that carried a track's score.

    Attributes
    ----------
    kind : `track` heard, `artist` heard, `tag` shared, `friends` who love it, or `popular` where the listener lives.
    what : track_idx, artist number, the tag's text, how many friends, or the country ("" is everywhere).
    share : part of the score's positive terms that it gave, in (0, 1].
    """

    kind: Literal["track", "artist", "tag", "friends", "popular"]
    what: int | str
    share: float


@dataclass(frozen=True)
class Saved:
    """A source as files: arrays by name, the settings that made it, and what the training measured."""

    arrays: dict[str, npt.NDArray[Any]]
    params: dict[str, Any]
    metrics: dict[str, float] = field(default_factory=dict)


class Source(Protocol):
    """A candidate source. A listener's list depends on the artefact, the catalogue and their own row alone, to the bit."""

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: Any) -> Self:
        """Learn the item side from histories."""

    def recommend(self, block: Listeners, k: int, exclude: Exclusions, threads: int = 1) -> TopK:
        """Best `k` allowed tracks of each listener that `exclude` does not name."""

    def explain(self, listener: Listeners, track: int, most: int = 3) -> tuple[Reason, ...]:
        """What carried `track` for the one listener of the block, the largest share first; empty where nothing did.

        The heard track that `recommend` gives as `because` is the first reason of kind `track`.
        """

    def save(self) -> Saved:
        """The item side, ready for an artefact."""

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any], catalogue: Catalogue) -> Self:
        """The source of a saved item side; `arrays` may be memory-mapped and are not copied."""


def heard_reasons(
    heard: npt.NDArray[np.int32], terms: npt.NDArray[np.float64], tie_rank: npt.NDArray[np.int32], most: int
) -> tuple[Reason, ...]:
    """Reasons of kind `track` of a score that is a sum over heard tracks.

    Parameters
    ----------
    heard : int32 [m], tracks; terms : float64 [m], what each adds. Terms of 0 and less are no reasons.
    tie_rank : int32 [tracks], tells equal terms apart.

    Examples
    --------
    >>> heard_reasons(np.array([4, 7, 9]), np.array([1.0, -5.0, 3.0]), np.arange(10), most=2)
    (Reason(kind='track', what=9, share=0.75), Reason(kind='track', what=4, share=0.25))
    """
    order = np.lexsort((tie_rank[heard], -terms))
    speaking = order[terms[order] > 0]
    total = float(terms[speaking].sum())
    return tuple(Reason("track", int(heard[at]), float(terms[at]) / total) for at in speaking[:most])
