"""rows of candidates and features -> arrays that the ranker's matrix is made of, for training and serving alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf.contexts import CONTEXTS
from conf.features.pair import ARTIST_NUMBERS, LISTENER_NUMBERS, TRACK_NUMBERS
from models.histories import Histories
from models.ranking.matrix import ListenerSide, TrackSide
from models.ranking.sides import listener_side, track_side
from models.slates.ragged import Ragged
from models.sources.base import TopK
from spark_jobs.features import item_arrays
from spark_jobs.training.side_information import one_network

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
TRACK_COLUMNS = item_arrays.TRACK_COLUMNS
AUDIO_COLUMNS = [*item_arrays.AUDIO_COLUMNS, "network", "embedding"]
TRACK_FEATURES = [
    "track_idx", *dict.fromkeys([*TRACK_NUMBERS, "first_plays_28d", "plays_28d", "plays_90d"]), "track_context_shares",
    "plays_by_country", "taste", "meaning",
]  # fmt: skip
ARTIST_FEATURES = ["artist_id", *ARTIST_NUMBERS]
LISTENER_FEATURES = [*LISTENER_NUMBERS, "embedding"]
CONTEXT_FEATURES = ["context", "share", "context_embedding"]


def tracks_of(
    track_features: pa.Table, artist_features: pa.Table, tracks: pa.Table, audio: pa.Table, monday: date
) -> TrackSide:
    """Side of all tracks of the catalogue `tracks`, from the features of one week."""
    items = item_arrays.build(tracks, audio.select(item_arrays.AUDIO_COLUMNS), None, monday).arrays
    size, features = len(items["artist"]), track_features.combine_chunks()
    place = features["track_idx"].to_numpy()
    kept = place < size
    features, place = features.filter(pa.array(kept)), place[kept]
    own = {name: _spread(features[name], place, size) for name in dict.fromkeys([*TRACK_NUMBERS, "plays_90d"])}
    shares = vectors(features["track_context_shares"], place, size)
    own["track_context_shares"] = np.zeros((size, len(CONTEXTS)), np.float32) if shares is None else shares
    at = pc.index_in(artist_features["artist_id"], value_set=pa.array(items["artist_id"], pa.string())).fill_null(-1).to_numpy()
    known = at >= 0
    theirs = artist_features.filter(pa.array(known))
    by_artist = {name: _spread(theirs[name], at[known], len(items["artist_id"])) for name in ARTIST_NUMBERS}
    by_country = _countries(features["plays_by_country"], place, size)
    views = {name: vectors(features[name], place, size) for name in ("taste", "meaning")}
    genre = Ragged(items["genre_start"], items["genre_values"])
    return track_side(
        own, by_artist, by_country, sorted(by_country.keys() - {""}), items["artist"], genre, items["tie_rank"],
        views | {"sound": sounds(audio, tracks, size)}, items["readings"],
    )  # fmt: skip


def listeners_of(
    log: Histories, features: Mapping[str, Any], in_contexts: InContexts, tracks: TrackSide, cut: date
) -> ListenerSide:
    """Side of the listeners of `log`.

    features : one row a listener, null where unknown: LISTENER_FEATURES and `country`.
    """
    n = len(log)
    scalars = {name: _floats(features[name]) for name in LISTENER_NUMBERS}
    country = pc.index_in(features["country"], value_set=pa.array(tracks.countries, pa.string()), skip_nulls=True).fill_null(-1)
    share, modes = in_contexts.arrays(n, tracks.meaning.shape[1])
    embedding = vectors(features["embedding"], np.arange(n), n)
    embedding = np.zeros((n, 0), np.float32) if embedding is None else embedding
    where = np.asarray(country.to_numpy(zero_copy_only=False), np.int32)
    return listener_side(log, (cut - date(1970, 1, 1)).days, scalars, where, embedding, share, modes, tracks)


@dataclass(frozen=True)
class InContexts:
    """Rows of listener_contexts: `row` int64 [r] says whose each is; Arrow columns [r] context, share, context_embedding."""

    row: Int64s
    context: Any
    share: Any
    embedding: Any

    @classmethod
    def of_lists(cls, lists: Any) -> InContexts:
        """Of a list column of structs, one list a listener."""
        row = np.repeat(np.arange(len(lists)), lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
        flat = lists.flatten()
        return cls(row, *(flat.field(name) for name in CONTEXT_FEATURES))

    def arrays(self, n: int, width: int) -> tuple[Float32s, Float32s]:
        """(share of plays float32 [n, contexts], mean meaning float32 [n, contexts, width]); zeros where there is no row.

        Embeddings of another width count as unknown.
        """
        share, modes = np.zeros((n, len(CONTEXTS)), np.float32), np.zeros((n, len(CONTEXTS), width), np.float32)
        context = pc.index_in(self.context, value_set=pa.array(CONTEXTS)).fill_null(-1).to_numpy()
        known = (context >= 0) & (self.row >= 0)
        where = self.row[known], context[known]
        share[where] = _floats(self.share)[known]
        embedding = vectors(self.embedding, np.arange(len(self.row)), len(self.row))
        if embedding is not None and embedding.shape[1] == width:
            modes[where] = np.nan_to_num(embedding[known])
        return share, modes


def lists_of(row: Int64s, source: Any, rows: Mapping[str, Any], n: int, asked: int) -> dict[str, TopK]:
    """Lists of n listeners by source, all `asked` long.

    Parameters
    ----------
    row : int64 [r], listener of each row of candidates; source : string [r].
    rows : list columns [r] track_idx, score, and because where it is wanted.

    Sources come in order of their names, whatever file was read first: weights learned from the lists have the same bits then.
    """
    names = source.dictionary_encode()
    names = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    of_row, known = names.indices.to_numpy(zero_copy_only=False), names.dictionary.to_pylist()
    made = {}
    for name in sorted(known):
        there = of_row == known.index(name)
        made[name] = padded(row[there], {key: column.filter(pa.array(there)) for key, column in rows.items()}, n, asked)
    return made


def padded(row: Int64s, rows: Mapping[str, Any], n: int, asked: int) -> TopK:
    """Lists as arrays [n, asked]; what is behind the last place is cut off."""
    lengths = rows["track_idx"].value_lengths().to_numpy(zero_copy_only=False)
    at = np.repeat(row, lengths)
    rank = np.arange(len(at)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    kept = rank < asked
    out = TopK(np.full((n, asked), -1, np.int32), np.full((n, asked), -np.inf, np.float32), np.full((n, asked), -1, np.int32))
    where = at[kept], rank[kept]
    out.ids[where] = rows["track_idx"].flatten().to_numpy(zero_copy_only=False)[kept]
    out.scores[where] = rows["score"].flatten().to_numpy(zero_copy_only=False)[kept]
    if "because" in rows:
        out.because[where] = rows["because"].flatten().to_numpy(zero_copy_only=False)[kept]
    return out


def vectors(column: Any, place: npt.NDArray[Any], size: int) -> Float32s | None:
    """Rows of a list column at `place`, float32 [size, d], NaN for null rows and the others; None where all are null."""
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    there = flat.is_valid().to_numpy(zero_copy_only=False)
    if not there.any():
        return None
    held = flat.drop_null()
    width = int(held.value_lengths()[0].as_py())
    out = np.full((size, width), np.nan, np.float32)
    values = held.flatten().cast(pa.float32()).to_numpy(zero_copy_only=False)
    out[place[there]] = values.reshape(-1, width)
    return out


def sounds(audio: pa.Table, tracks: pa.Table, size: int) -> Float32s | None:
    """Audio embeddings by track_idx, float32 [size, d], NaN where unknown: those of the network that made most of them."""
    heard = audio.filter(audio["embedding"].is_valid()).combine_chunks()
    if not len(heard):
        return None
    heard = one_network(heard)
    at = pc.index_in(heard["track_id"], value_set=tracks["track_id"].combine_chunks())
    known = at.is_valid()
    place = tracks["track_idx"].combine_chunks().take(at.drop_null().combine_chunks()).to_numpy()
    return vectors(heard["embedding"].filter(known), place, size)


def _floats(column: Any) -> npt.NDArray[np.float64]:
    """Numbers, NaN for null."""
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _spread(column: Any, place: npt.NDArray[Any], size: int) -> npt.NDArray[np.float64]:
    out = np.full(size, np.nan)
    out[place] = column.cast(pa.float64()).to_numpy()
    return out


def _countries(column: Any, place: npt.NDArray[Any], size: int) -> dict[str, Int64s]:
    """Country -> plays of each track, int64 [size]."""
    maps = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    offsets = maps.offsets.to_numpy()
    track = np.repeat(place, np.diff(offsets))
    keys, plays = (part.slice(offsets[0], offsets[-1] - offsets[0]) for part in (maps.keys, maps.items))
    names = keys.dictionary_encode()
    out = {}
    for code, name in enumerate(names.dictionary.to_pylist()):
        there = names.indices.to_numpy() == code
        out[name] = np.bincount(track[there], plays.to_numpy()[there], minlength=size).astype(np.int64)
    return out
