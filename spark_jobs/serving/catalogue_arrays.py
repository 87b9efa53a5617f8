"""tracks, artists -> artefact `catalogue`: the catalogue by track_idx, as arrays that workers memory-map.

Lists need rules, names and ids of whatever track they hold. As one artefact the catalogue costs its size once per
machine, and no row of it is joined, shuffled or pickled; strings are stored as bytes and offsets and read in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.slates.ragged import Ragged, from_lengths
from models.slates.recordings import group_versions
from models.slates.rules import EVERYWHERE, Rules
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef

TRACK_COLUMNS = ["track_id", "track_idx", "title", "artist_ids", "release_date", "isrc", "countries", "blocked"]
ARTIST_COLUMNS = ["artist_id", "name"]
NAME = "catalogue"


@dataclass(frozen=True)
class Catalogue:
    """The catalogue as list builders see it; everything is by track_idx unless said otherwise.

    Attributes
    ----------
    rules : what may stand on a list; artists and countries are numbers of `artist_id` and `country`.
    track_id, title : string [tracks].
    artists, artist_ids : list<string> [tracks], names as shown and ids, main artist first.
    main_artist : string [tracks], null for a track without artists.
    artist_id : string [artists]. country : string [countries], every country that some track is restricted to.
    """

    rules: Rules
    track_id: Any
    title: Any
    artists: Any
    artist_ids: Any
    main_artist: Any
    artist_id: Any
    country: Any

    def numbers(self, known: Any, wanted: Any) -> npt.NDArray[np.int32]:
        """Position of each of `wanted` in `known`, int32 [n], -1 for a stranger or a null."""
        found = pc.index_in(wanted, value_set=known, skip_nulls=True).fill_null(EVERYWHERE)
        return np.asarray(found.to_numpy(), np.int32)


def ship(root: Path, run_date: date, tracks: pa.Table, artists: pa.Table) -> ArtefactRef:
    """Write the arrays below the warehouse; the same catalogue gives the same folder."""
    return artefacts.save(root, NAME, run_date.isoformat(), build(tracks, artists, run_date))


def build(tracks: pa.Table, artists: pa.Table, run_date: date) -> Artefact:
    """Arrays of a catalogue of TRACK_COLUMNS and ARTIST_COLUMNS; tracks out after `run_date` are not servable."""
    tracks = _by_track_idx(tracks)
    credits = _credits(tracks["artist_ids"])
    artist_id = pc.unique(credits["artist_id"]).sort()
    number = pc.index_in(credits["artist_id"], value_set=artist_id).to_numpy()
    artist = from_lengths(np.bincount(credits["track_idx"], minlength=len(tracks)), number)
    country = pc.unique(pc.list_flatten(tracks["countries"])).drop_null().sort()
    limit = pc.index_in(pc.list_flatten(tracks["countries"]), value_set=country).to_numpy()
    limits = from_lengths(tracks["countries"].combine_chunks().value_lengths().fill_null(0).to_numpy(), limit)
    named = pc.index_in(artist_id, value_set=artists["artist_id"].combine_chunks())
    names = pc.coalesce(artists["name"].combine_chunks().take(named), artist_id)
    arrays = {
        "servable": _servable(tracks, run_date),
        "recording": _recordings(tracks, artist),
        **_ragged("artist", artist),
        **_ragged("limit", limits),
        **_strings("track_id", tracks["track_id"]),
        **_strings("title", tracks["title"]),
        **_strings("artist_id", artist_id),
        **_strings("artist_name", names),
        **_strings("country", country),
    }
    return Artefact(arrays, params={"run_date": run_date.isoformat()})


@lru_cache(maxsize=2)
def load(ref: ArtefactRef) -> Catalogue:
    """The shipped catalogue; a worker process maps it once, however many blocks it is given."""
    arrays = {name: np.asarray(values) for name, values in artefacts.load_arrays(ref).items()}
    text = partial(_text, arrays)
    artist = Ragged(arrays["artist_start"], arrays["artist_values"])
    limits = Ragged(arrays["limit_start"], arrays["limit_values"])
    offsets, credited = pa.array(artist.start.astype(np.int32)), pa.array(artist.values)
    artist_id, artist_name = text("artist_id"), text("artist_name")
    return Catalogue(
        rules=Rules(arrays["servable"], arrays["recording"], artist, limits),
        track_id=text("track_id"),
        title=text("title"),
        artists=pa.ListArray.from_arrays(offsets, artist_name.take(credited)),
        artist_ids=pa.ListArray.from_arrays(offsets, artist_id.take(credited)),
        main_artist=artist_name.take(_first(artist)),
        artist_id=artist_id,
        country=text("country"),
    )


def _by_track_idx(tracks: pa.Table) -> pa.Table:
    """Rows at the place of their track_idx; a number that no track has is a row of nulls."""
    idx = tracks["track_idx"].to_numpy()
    place = np.full(int(idx.max(initial=-1)) + 1, -1, np.int64)
    place[idx] = np.arange(len(idx))
    return tracks.select(TRACK_COLUMNS).combine_chunks().take(pa.array(place, mask=place < 0))


def _credits(artist_ids: Any) -> dict[str, Any]:
    """(track_idx, artist_id) in order; an artist named twice on one track is credited once."""
    column = artist_ids.combine_chunks()
    track = np.repeat(np.arange(len(column)), column.value_lengths().fill_null(0).to_numpy())
    flat = column.flatten()
    pair = np.stack([track, flat.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)])
    _, first = np.unique(pair, axis=1, return_index=True)
    kept = np.sort(first[pair[1, first] >= 0])
    return {"track_idx": track[kept], "artist_id": flat.take(pa.array(kept))}


def _servable(tracks: pa.Table, run_date: date) -> npt.NDArray[np.bool_]:
    """False for gaps, blocked tracks, releases to come, and tracks that may be played in no country at all."""
    out = pc.less_equal(tracks["release_date"].cast(pa.date32()), pa.scalar(run_date, pa.date32())).fill_null(True)
    nowhere = pc.equal(pc.list_value_length(tracks["countries"]), 0).fill_null(False)
    open_here = pc.invert(pc.or_(tracks["blocked"].fill_null(True), nowhere))
    return np.asarray(pc.and_(out, open_here).to_numpy(), bool)


def _recordings(tracks: pa.Table, artist: Ragged) -> npt.NDArray[np.int32]:
    main = _first(artist).fill_null(-1).to_numpy()
    return group_versions(tracks["isrc"].to_pylist(), main, tracks["title"].to_pylist())


def _first(lists: Ragged) -> Any:
    """First value of each list, null for an empty one."""
    empty = np.diff(lists.start) == 0
    first = np.zeros(len(empty), np.int32)
    first[~empty] = lists.values[lists.start[:-1][~empty]]
    return pa.array(first, mask=empty)


def _ragged(name: str, lists: Ragged) -> dict[str, npt.NDArray[Any]]:
    return {f"{name}_start": lists.start, f"{name}_values": lists.values}


def _strings(name: str, column: Any) -> dict[str, npt.NDArray[Any]]:
    """UTF-8 bytes and offsets of a string column; a null becomes the empty string."""
    strings = pa.array(column.fill_null("").to_pylist(), pa.string())
    _, offsets, data = strings.buffers()
    content = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return {f"{name}_offsets": np.frombuffer(offsets, np.int32)[: len(strings) + 1], f"{name}_bytes": content}


def _text(arrays: dict[str, npt.NDArray[Any]], name: str) -> Any:
    """String column over the mapped bytes, which are not copied."""
    offsets, content = arrays[f"{name}_offsets"], arrays[f"{name}_bytes"]
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(content))
