"""features as arrays -> what the matrix is gathered from: a side of tracks, mapped by workers, and one of listeners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.contexts import CONTEXTS
from conf.features.listener import EMBEDDED
from conf.features.pair import ARTIST_NUMBERS, LISTENER_NUMBERS, TRACK_NUMBERS
from models.frozen import frozen
from models.histories import Histories
from models.ranking.matrix import ListenerSide, TrackSide
from models.selection import jit
from models.slates.ragged import Ragged
from models.sources.taste_mean import unit_rows

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Arrays = Mapping[str, npt.NDArray[Any]]
# Plays of everybody's mix of countries that a track's own is mixed with.
COUNTRY_PRIOR = 20.0
_TEMPO = 5


def track_side(
    tracks: Arrays, artists: Arrays, by_country: Mapping[str, npt.NDArray[Any]], countries: Sequence[str],
    artist: Int32s, genre: Ragged, tie_rank: Int32s, vectors: Mapping[str, Float32s | None], readings: Float32s,
) -> TrackSide:  # fmt: skip
    """Side of all tracks.

    Parameters
    ----------
    tracks, artists : features by the names of conf/features/item.py, of length tracks and artists; NaN where unknown.
    by_country : plays of 28 days of each track by country. countries : those that get a row, in order.
    vectors : `taste`, `meaning` and `sound`, float32 [tracks, d], NaN or zeros where unknown, None where nobody knows any.
    readings : float32 [tracks, 7]; tempo in beats per minute.
    """
    size = len(artist)
    own = columns(tracks, TRACK_NUMBERS, size)
    theirs = columns(artists, ARTIST_NUMBERS, max(int(artist.max(initial=-1)) + 1, 1))
    theirs = np.where(artist[:, None] >= 0, theirs[artist], np.float32(np.nan))
    plays = np.nan_to_num(np.asarray(tracks["plays_28d"], np.float64))
    first = np.nan_to_num(np.asarray(tracks["first_plays_28d"], np.float64))
    fresh_part = np.divide(first, plays, out=np.full(len(plays), np.nan), where=plays > 0).astype(np.float32)
    shares = np.nan_to_num(np.asarray(tracks["track_context_shares"], np.float32))
    weight = np.nan_to_num(np.asarray(tracks["plays_90d"], np.float64))
    everywhere = (weight @ shares / weight.sum()) if weight.sum() > 0 else np.full(len(CONTEXTS), 1.0 / len(CONTEXTS))
    read = readings.astype(np.float32, copy=True)
    read[:, _TEMPO] = np.log(read[:, _TEMPO])
    return TrackSide(
        np.concatenate([own, theirs], axis=1), fresh_part, np.array(list(countries), np.str_),
        country_lift(by_country, countries, size), shares, everywhere.astype(np.float32), artist, genre.start, genre.values,
        tie_rank, known(vectors["taste"], size, EMBEDDED["mf"]), directions(vectors["meaning"], size, EMBEDDED["content"]),
        directions(vectors["sound"], size, 1), read,
    )  # fmt: skip


def listener_side(
    log: Histories, cut_day: int, scalars: Arrays, country: Int32s, embedding: Float32s, share: Float32s, modes: Float32s,
    tracks: TrackSide,
) -> ListenerSide:  # fmt: skip
    """Side of the listeners of `log`.

    Parameters
    ----------
    scalars : features by the names of conf/features/listener.py, NaN where unknown.
    embedding : float32 [n, taste + meaning + ...], views of length 1 in the dimensions of `tracks`; NaN where unknown.
    share : float32 [n, contexts]; modes : float32 [n, contexts, meaning]. NaN and zeros where unknown.
    """
    n, taste, meaning = len(log), tracks.taste.shape[1], tracks.meaning.shape[1]
    wide = np.zeros((n, taste + meaning), np.float32)
    held = min(embedding.shape[1], taste + meaning)
    wide[:, :held] = np.nan_to_num(embedding[:, :held])
    side = np.zeros((n, len(CONTEXTS), meaning), np.float32)
    fits = modes.shape[2] == meaning
    if fits:
        side[:] = np.nan_to_num(modes)
    return ListenerSide(
        log, cut_day, columns(scalars, LISTENER_NUMBERS, n), country, np.ascontiguousarray(wide[:, :taste]),
        np.ascontiguousarray(wide[:, taste:]), np.nan_to_num(share).astype(np.float32), side,
    )  # fmt: skip


def columns(features: Arrays, wanted: Mapping[str, bool], size: int) -> Float32s:
    """Features side by side, as ln(1 + x) where wanted, float32 [size, wanted]; a feature that is not there is NaN."""
    out = np.full((size, len(wanted)), np.nan, np.float32)
    for column, (name, log) in enumerate(wanted.items()):
        if name in features:
            values = np.asarray(features[name], np.float64)[:size]
            out[: len(values), column] = log1p(values) if log else values
    return out


def log1p(values: Float64s) -> Float64s:
    """ln(1 + x), one by one: numpy's vectorised logarithm has other last bits at other places of an array."""
    out = np.empty(len(values))
    _log1p(frozen(values), out)
    return out


@jit
def _log1p(values: Float64s, out: Float64s) -> None:
    for at in range(len(values)):
        out[at] = np.log1p(values[at])


def country_lift(by_country: Mapping[str, npt.NDArray[Any]], countries: Sequence[str], size: int) -> Float32s:
    """Log of each country's share of a track's plays over its share of all plays, shrunk to 0, float32 [countries, tracks].

    >>> country_lift({"DE": np.array([20, 0]), "FR": np.array([0, 20])}, ["DE"], 2).round(2).astype(str).tolist()
    [['0.41', '-0.69']]
    """
    total = np.sum([*by_country.values(), np.zeros(size)], axis=0)
    lift = np.zeros((len(countries), size), np.float32)
    for row, name in enumerate(countries):
        plays = np.asarray(by_country.get(name, np.zeros(size)), np.float64)
        share = plays.sum() / max(total.sum(), 1.0)
        if share > 0:
            lift[row] = np.log((plays + COUNTRY_PRIOR * share) / (total + COUNTRY_PRIOR) / share)
    return lift


def known(vectors: Float32s | None, size: int, width: int) -> Float32s:
    """Rows of vectors, zeros where unknown, float32 [size, d]; `width` columns of zeros for None.

    A listener's embedding keeps the place of a view that nobody made, so the track's must be as wide as the store's.
    """
    if vectors is None or not vectors.size:
        return np.zeros((size, width), np.float32)
    out = np.zeros((size, vectors.shape[1]), np.float32)
    out[: len(vectors)] = np.nan_to_num(vectors[:size])
    return out


def directions(vectors: Float32s | None, size: int, width: int) -> Float32s:
    """The same, of length 1."""
    return np.asarray(unit_rows(known(vectors, size, width).astype(np.float64)), np.float32)
