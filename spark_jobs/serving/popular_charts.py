"""artefact `popularity` -> charts: the ranked popular tracks of everywhere and of each country, for kernels to walk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.slates.discover_weekly import GLOBAL_ROW
from models.slates.ragged import Ragged, from_lengths
from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef


@dataclass(frozen=True)
class PopularCharts:
    """Popular tracks, best first.

    Attributes
    ----------
    tracks : row GLOBAL_ROW is everywhere's, row i + 1 that of country[i].
    score : float32, by position in `tracks.values`: share of the decayed listeners there.
    country : string [countries].
    """

    tracks: Ragged
    score: npt.NDArray[np.float32]
    country: Any

    def rows(self, country: Any) -> npt.NDArray[np.int32]:
        """Row of each country, int32 [n]; GLOBAL_ROW for a country without a chart and for null."""
        found = pc.index_in(country, value_set=self.country, skip_nulls=True).fill_null(GLOBAL_ROW - 1)
        return found.to_numpy() + np.int32(1)


@lru_cache(maxsize=2)
def load(ref: ArtefactRef) -> PopularCharts:
    """The charts of a trained popularity (models/sources/popularity.py); made once per worker process."""
    arrays = artefacts.load_arrays(ref)
    held = arrays["top"] >= 0
    tracks = from_lengths(held.sum(axis=1), arrays["top"][held])
    return PopularCharts(tracks, arrays["top_shares"][held], pa.array(arrays["countries"][1:].tolist(), pa.string()))
