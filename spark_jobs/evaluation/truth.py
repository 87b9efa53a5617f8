"""truth folder -> what the world knows: the only door through which evaluation and tests see the planted truth."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from conf.errors import LandingError
from models.world import truth as judgement
from models.world.catalogue import WorldCatalogue
from models.world.ids import Ids
from models.world.listeners import Listeners
from models.world.shelf import Shelf, stock_shelf
from models.world.trends import Trends
from spark_jobs.intake.world_files.truth import DIRT, PARAMETERS, SESSIONS

_IDS = ("user", "track", "artist")
Part = TypeVar("Part", WorldCatalogue, Trends, Listeners)


@dataclass(frozen=True)
class Truth:
    """The planted truth of one simulated world.

    Attributes
    ----------
    user_ids, track_ids, artist_ids : str [n], external ids of the rows of the arrays
    first_day, until : the world's days, `until` exclusive
    dirt : planted rows per quarantine reason, and `late`
    parameters : what the world was made from
    """

    folder: Path
    user_ids: Ids
    track_ids: Ids
    artist_ids: Ids
    first_day: date
    until: date
    dirt: dict[str, int]
    parameters: dict[str, Any]
    catalogue: WorldCatalogue
    listeners: Listeners
    shelf: Shelf

    def enjoyment(self, user_ids: list[str], as_of: date) -> tuple[NDArray[np.float32], Ids]:
        """Return (expected enjoyment float32 [n, tracks], track_ids); see `models.world.truth`."""
        rows, week = self.rows(user_ids), self.week(as_of)
        return judgement.enjoyment(self.listeners, self.shelf, rows, week), self.track_ids

    def demand(self, user_ids: list[str], as_of: date) -> tuple[NDArray[np.float32], Ids]:
        """Return (chance per search to find and finish, float32 [n, tracks], track_ids) in the week from `as_of`.

        Sorted by it, the tracks that a listener has not heard are the world's own best possible list of discoveries.
        """
        rows, week = self.rows(user_ids), self.week(as_of)
        return judgement.demand(self.listeners, self.shelf, rows, week), self.track_ids

    def rows(self, user_ids: list[str]) -> NDArray[np.int64]:
        """Return the row of each listener; bots and strangers are refused."""
        position = np.searchsorted(self.user_ids, user_ids).clip(0, len(self.user_ids) - 1)
        unknown = self.user_ids[position] != np.asarray(user_ids, dtype=self.user_ids.dtype)
        if unknown.any():
            stranger = str(np.asarray(user_ids)[unknown][0])
            raise LandingError(f"{self.folder} knows no listener {stranger!r}: is it the truth of another world?")
        return position

    def week(self, as_of: date) -> float:
        """Return weeks since the first day of the world."""
        return (as_of - self.first_day).days / 7

    def sessions(self) -> pa.Table:
        """Return the planted sessions: user_id, started_at, mode."""
        return pq.read_table(self.folder / SESSIONS)


def load_truth(folder: Path) -> Truth:
    """Read a truth folder that `spark_jobs.intake.simulate` wrote.

    Raises
    ------
    LandingError
        A file of the folder is missing.
    """
    try:
        parameters = orjson.loads((folder / PARAMETERS).read_bytes())
        dirt = orjson.loads((folder / DIRT).read_bytes())
        users, tracks, artists = (np.load(folder / f"{name}_ids.npy", allow_pickle=False) for name in _IDS)
        catalogue = _part(folder, "catalogue", WorldCatalogue)
        trends = _part(folder, "trends", Trends)
        listeners = _part(folder, "listeners", Listeners)
    except FileNotFoundError as missing:
        raise LandingError(f"{folder} is no truth folder: {missing.filename} is missing; simulate a world") from missing
    first_day, until = (date.fromisoformat(parameters[name]) for name in ("first_day", "until"))
    shelf = stock_shelf(catalogue, trends, parameters["size"]["weeks"])
    return Truth(folder, users, tracks, artists, first_day, until, dirt, parameters, catalogue, listeners, shelf)


def _part(folder: Path, name: str, kind: type[Part]) -> Part:
    arrays = {f.name: np.load(folder / f"{name}.{f.name}.npy", allow_pickle=False) for f in fields(kind)}
    return kind(**arrays)
