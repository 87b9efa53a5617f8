"""What features need to know of tracks, by track_idx: whose they are, their genres, how popular they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.errors import ContractError
from models.slates.ragged import Ragged, from_lengths

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Items:
    """The tracks, numbered by track_idx.

    Attributes
    ----------
    artist : int32 [tracks], number of the main artist in order of artist_id, -1 where unknown.
    genre : lists of int32 [tracks], numbers of a track's genres in order of their names; all of a track's count the same.
    popularity : float32 [tracks], share of all tracks that are less popular (`rank_shares`); NaN where nobody knows.
    """

    artist: Int32s
    genre: Ragged
    popularity: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.artist)

    @property
    def artists(self) -> Ragged:
        """The main artist of each track as a list of one, or of none."""
        known = self.artist >= 0
        return from_lengths(known, self.artist[known])

    def check(self, track_idx: Int32s) -> None:
        """Refuse plays of tracks that nobody numbered.

        Raises
        ------
        ContractError
            Where a number is below 0, or there is no such track.
        """
        if len(track_idx) and not 0 <= track_idx.min() <= track_idx.max() < len(self):
            got = f"{track_idx.min()} to {track_idx.max()}"
            raise ContractError(
                f"features: plays hold track_idx {got}, the catalogue has {len(self)} tracks; read both as of one day"
            )


def rank_shares(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Rank of each value among all, float32 [n]: 1 for the largest, 0 for the smallest; equal ones share their middle rank.

    >>> rank_shares(np.array([5, 1, 9])).tolist(), rank_shares(np.array([0, 0, 0, 0, 3])).tolist()
    ([0.5, 0.0, 1.0], [0.375, 0.375, 0.375, 0.375, 1.0])
    """
    ordered = np.sort(values)
    below, reach = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return np.asarray((below + reach - 1) / 2 / max(len(values) - 1, 1), np.float32)
