"""histories, users, tracks -> panel: the listeners whose next week is looked at, and the catalogue they chose from.

A sample of fixed size, so that nothing on the driver grows with the number of listeners: the lowest crc32(user_id), the
same listeners every week and on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.sources.base import CATALOGUE_COLUMNS, Catalogue, Exclusions, Listeners
from spark_jobs.contract import Rows
from spark_jobs.training.listener_sample import sample

TRACK_COLUMNS = [*dict.fromkeys([*CATALOGUE_COLUMNS, "track_id", "track_idx", "duration_ms", "artist_ids"])]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Panel:
    """n listeners as the lists of last week saw them, in order of user_id.

    Attributes
    ----------
    listeners : their histories before the cut, and their countries.
    tracks : TRACK_COLUMNS of the catalogue, in any order.
    catalogue : what could be proposed to anybody on the Monday of the lists.
    """

    listeners: Listeners
    tracks: pa.Table
    catalogue: Catalogue

    def __len__(self) -> int:
        return len(self.listeners)

    @property
    def user_ids(self) -> Any:
        """Ids, string [n]."""
        return self.listeners.log.user_ids

    @property
    def heard(self) -> Exclusions:
        """Tracks of each listener's whole history."""
        log = self.listeners.log
        return Exclusions(log.indptr, log.track_idx)

    @property
    def theirs(self) -> pc.Expression:
        """Condition on the rows of any table with user_id."""
        return pc.field("user_id").isin(self.user_ids)

    def rows_of(self, user_ids: Any) -> npt.NDArray[np.int32]:
        """Row of each listener on the panel, int32, -1 for others."""
        return _found(user_ids, self.user_ids)

    def track_idx_of(self, track_ids: Any) -> npt.NDArray[np.int32]:
        """track_idx of each id, int32, -1 for one that the catalogue does not know."""
        row = _found(track_ids, self.tracks["track_id"].combine_chunks())
        idx = self.tracks["track_idx"].to_numpy()
        return np.where(row >= 0, idx[row], -1).astype(np.int32) if len(idx) else row


def gather(histories: Rows, users: Rows, tracks: Rows, monday: date, size: int) -> Panel:
    """Panel of at most `size` listeners of `histories`, whose lists were made for `monday`."""
    log = sample(histories, size)
    catalogue = tracks.table(columns=TRACK_COLUMNS)
    home = users.table(columns=["user_id", "country"], where=pc.field("user_id").isin(log.user_ids)).combine_chunks()
    place = pc.index_in(log.user_ids, value_set=home["user_id"].combine_chunks())
    country = home["country"].combine_chunks().take(place)
    return Panel(Listeners(log, country), catalogue, Catalogue.from_arrow(catalogue, monday))


def _found(wanted: Any, known: Any) -> npt.NDArray[np.int32]:
    """Position of each of `wanted` in `known`, int32 [n], -1 for strangers."""
    wanted = wanted.combine_chunks() if isinstance(wanted, pa.ChunkedArray) else wanted
    return np.asarray(pc.index_in(wanted, value_set=known).fill_null(-1).to_numpy(), np.int32)
