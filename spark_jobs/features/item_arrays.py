"""tracks, track_audio, popularity -> artefact `feature_items`: what features need to know of tracks, mapped by workers.

As one artefact it costs its size once per machine, a dozen numbers a track; no play is joined with a genre or an artist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.audio import READINGS
from models.ranking.features.items import Items, rank_shares
from models.slates.ragged import Ragged, from_lengths
from models.sources.base import UNDATED, Catalogue
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.training.side_information import main_artists

TRACK_COLUMNS = ["track_id", "track_idx", "artist_ids", "genres", "release_date", "blocked"]
AUDIO_COLUMNS = ["track_id", *READINGS]
NAME = "feature_items"


@dataclass(frozen=True)
class ItemArrays:
    """The catalogue as features see it; by track_idx unless said otherwise.

    Attributes
    ----------
    items : artists, genres and popularity.
    artist_id : string [artists]. genre : string [genres]. track_id : string [tracks], null for a number that no track has.
    tie_rank : int32 [tracks], order of track_id. released : int32 [tracks], days since 1970-01-01, UNDATED where unknown.
    readings : float32 [tracks, 7], READINGS of the track's sound, NaN where unknown.
    """

    items: Items
    artist_id: Any
    genre: Any
    track_id: Any
    tie_rank: npt.NDArray[np.int32]
    released: npt.NDArray[np.int32]
    readings: npt.NDArray[np.float32]


def ship(root: Path, run_date: date, tracks: pa.Table, audio: pa.Table, popularity: ArtefactRef | None) -> ArtefactRef:
    """Write the arrays below the warehouse; the same catalogue gives the same folder."""
    shares = None if popularity is None else artefacts.load_arrays(popularity)["shares"]
    return artefacts.save(root, NAME, run_date.isoformat(), build(tracks, audio, shares, run_date))


def build(tracks: pa.Table, audio: pa.Table, shares: npt.NDArray[Any] | None, run_date: date) -> Artefact:
    """Arrays of a catalogue of TRACK_COLUMNS and sounds of AUDIO_COLUMNS.

    shares : [tracks or fewer], how popular each is; None where nobody knows.
    """
    tracks = tracks.combine_chunks()
    catalogue, idx = Catalogue.from_arrow(tracks, run_date), tracks["track_idx"].to_numpy()
    size = len(catalogue)
    artist, released = np.full(size, -1, np.int32), np.full(size, UNDATED, np.int32)
    artist[idx], artist_id = main_artists(tracks["artist_ids"])
    released[idx] = tracks["release_date"].combine_chunks().cast(pa.int32()).fill_null(int(UNDATED)).to_numpy()
    track_id = np.full(size, "", object)
    track_id[idx] = tracks["track_id"].to_numpy()
    genre, names = _genres(tracks["genres"].combine_chunks(), idx, size)
    arrays = {
        "artist": artist,
        "genre_start": genre.start,
        "genre_values": genre.values,
        "popularity": _popularity(shares, size),
        "tie_rank": catalogue.tie_rank,
        "released": released,
        "readings": readings_of(audio, tracks, size),
        "artist_id": np.array(artist_id.to_pylist(), np.str_),
        "genre": np.array(names.to_pylist(), np.str_),
        "track_id": track_id.astype(np.str_),
    }
    return Artefact(arrays, params={"run_date": run_date.isoformat()})


@lru_cache(maxsize=2)
def load(ref: ArtefactRef) -> ItemArrays:
    """The shipped arrays; a worker process maps them once, however many blocks it is given."""
    arrays = {name: np.asarray(values) for name, values in artefacts.load_arrays(ref).items()}
    items = Items(arrays["artist"], Ragged(arrays["genre_start"], arrays["genre_values"]), arrays["popularity"])
    artist_id, genre, track_id = (pa.array(arrays[name], pa.string()) for name in ("artist_id", "genre", "track_id"))
    known = pa.array(np.asarray(arrays["track_id"] != ""))
    rest = {name: arrays[name] for name in ("tie_rank", "released", "readings")}
    return ItemArrays(items, artist_id, genre, pc.if_else(known, track_id, None), **rest)


def _genres(lists: Any, idx: npt.NDArray[np.int32], size: int) -> tuple[Ragged, Any]:
    """(numbers of each track's genres by track_idx, their names in order); a genre named twice counts once."""
    row = pc.list_parent_indices(lists).to_numpy()
    flat = pc.list_flatten(lists)
    names = pc.unique(flat).drop_null().sort()
    number = pc.index_in(flat, value_set=names).fill_null(-1).to_numpy()
    pairs = np.unique(np.stack([idx[row], number])[:, number >= 0], axis=1)
    return from_lengths(np.bincount(pairs[0], minlength=size), pairs[1]), names


def _popularity(shares: npt.NDArray[Any] | None, size: int) -> npt.NDArray[np.float32]:
    if shares is None:
        return np.full(size, np.nan, np.float32)
    known = np.zeros(size)
    known[: len(shares)] = shares[:size]
    return rank_shares(known)


def readings_of(audio: pa.Table, tracks: pa.Table, size: int) -> npt.NDArray[np.float32]:
    """READINGS of each track by track_idx, float32 [size, 7], NaN where unknown."""
    readings = np.full((size, len(READINGS)), np.nan, np.float32)
    place = pc.index_in(audio["track_id"], value_set=tracks["track_id"].combine_chunks()).combine_chunks()
    known = place.is_valid()
    at = tracks["track_idx"].combine_chunks().take(place.drop_null()).to_numpy()
    for column, name in enumerate(READINGS):
        readings[at, column] = audio[name].combine_chunks().filter(known).cast(pa.float32()).to_numpy(zero_copy_only=False)
    return readings
