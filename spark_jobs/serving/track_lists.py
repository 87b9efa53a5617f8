"""slates -> column `tracks`: ids become what an app shows, with one Arrow take per field and no Python per track."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from models.slates.discover_weekly import FROM_COUNTRY, FROM_SOURCE, Slates
from models.slates.reasons import reasons
from spark_jobs.schema import arrow_type
from spark_jobs.serving.catalogue_arrays import Catalogue

TRACKS = arrow_type(t.PLAYLISTS.column("tracks").type)
POPULARITY = "popularity"


class Spoken(NamedTuple):
    """What the candidates of a block say, by place.

    Attributes
    ----------
    score : float32, the blend's.
    because : int32, heard track behind it, -1 for none.
    via : string, source that gave most.
    """

    score: npt.NDArray[np.float32]
    because: npt.NDArray[np.int32]
    via: Any


def tracks_column(
    slates: Slates, catalogue: Catalogue, spoken: Spoken, *, chart_score: npt.NDArray[np.float32], country: Any
) -> Any:
    """Lists as the table keeps them.

    Parameters
    ----------
    slates : n lists.
    spoken : by place in the candidates.
    chart_score : float32, by place in the charts.
    country : string [n], shown where a track came from the country's popular list.
    """
    row, position = np.nonzero(slates.track >= 0)
    track, origin, place = (part[row, position] for part in slates)
    charted = origin != FROM_SOURCE
    because = np.full(len(track), -1, np.int32)
    because[~charted] = spoken.because[place[~charted]]
    scores = np.empty(len(track), np.float32)
    scores[~charted], scores[charted] = spoken.score[place[~charted]], chart_score[place[charted]]
    via = pc.coalesce(spoken.via.take(pa.array(place, mask=charted)), POPULARITY)
    sentences = reasons(*_heard(because, catalogue), _country_of(row, origin, country), via)
    idx = pa.array(track)
    fields = {
        "position": pa.array((position + 1).astype(np.int32)),
        "track_id": catalogue.track_id.take(idx),
        "title": catalogue.title.take(idx),
        "artists": catalogue.artists.take(idx),
        "artist_ids": catalogue.artist_ids.take(idx),
        "score": pa.array(scores),
        "source": via,
        "reason": sentences,
    }
    return _lists(row, len(slates.track), fields)


def _heard(spoke: npt.NDArray[np.int32], catalogue: Catalogue) -> tuple[Any, Any]:
    """(title, main artist) of the heard track behind each listed one; nulls where none spoke for it."""
    heard = pa.array(spoke, mask=spoke < 0)
    return catalogue.title.take(heard), catalogue.main_artist.take(heard)


def _country_of(row: npt.NDArray[np.int64], origin: npt.NDArray[np.int8], country: Any) -> Any:
    return country.take(pa.array(row, mask=origin != FROM_COUNTRY))


def _lists(row: npt.NDArray[np.int64], n: int, fields: dict[str, Any]) -> Any:
    """Entries, in order of their list, as one column of n lists of the contract's type."""
    struct = TRACKS.value_type
    columns = [fields[struct.field(i).name].cast(struct.field(i).type) for i in range(struct.num_fields)]
    entries = pa.StructArray.from_arrays(columns, fields=[struct.field(i) for i in range(struct.num_fields)])
    offsets = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(row, minlength=n), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), entries, type=TRACKS)
