"""What every candidate source is: an item-side artefact, and a pure function from listening histories to top-k lists.

Nothing is stored per listener that cannot be computed again from the listener's own history row. So new listeners,
incremental runs and any split of listeners over machines need no special case, and one behavioural test suite holds for
every source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.errors import ContractError
from models.histories import Histories
from models.topk import Exclusions

__all__ = ["CATALOGUE_COLUMNS", "Catalogue", "Exclusions", "Listeners", "Saved", "Source", "TopK"]


CATALOGUE_COLUMNS = ["track_idx", "track_id", "release_date", "blocked"]


@dataclass(frozen=True)
class Catalogue:
    """The tracks, numbered 0 to n - 1 by track_idx.

    Attributes
    ----------
    tie_rank : int32 [n], a track's position in order of track_id: equal scores are told apart by it, never by track_idx.
    allowed : bool [n], false for what must not be proposed to anybody.
    """

    tie_rank: npt.NDArray[np.int32]
    allowed: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tie_rank)

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
class Listeners:
    """A block of listeners: their histories and what a source may need beside them.

    Attributes
    ----------
    log : n histories.
    country : string [n], ISO 3166-1 alpha-2, null where unknown.
    """

    log: Histories
    country: pa.Array[Any]

    def __len__(self) -> int:
        return len(self.log)


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

    def save(self) -> Saved:
        """The item side, ready for an artefact."""

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any], catalogue: Catalogue) -> Self:
        """The source of a saved item side; `arrays` may be memory-mapped and are not copied."""
