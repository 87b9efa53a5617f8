"""lists, histories, features -> the ranker's matrix: a row per listener and candidate, a column per feature of the catalogue.

Training and serving both call `assemble`, so what was learned is what is served. All is gathered from arrays: item sides are
memory-mapped, a listener's side is one row, and nothing is joined but numbers to places. A row depends on its own listener, the
item side and the context alone, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.contexts import CONTEXTS
from conf.features.pair import ARTIST_NUMBERS, COLUMNS, GROUPS, LISTENER_NUMBERS, SOURCES, TRACK_NUMBERS
from models.blend import Blended, blend, worths
from models.frozen import frozen
from models.histories import Histories
from models.ranking import history_kernels, vector_kernels
from models.slates.ragged import Ragged
from models.sources.base import TopK

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
ANY = CONTEXTS.index("any")
AT = {name: COLUMNS.index(group[0].name) for name, group in GROUPS.items()}
C = {name: at for at, name in enumerate(COLUMNS)}
# ln(1 + tracks) of histories, which are capped at fewer.
_LOGS = np.log1p(np.arange(100_001))
# What a source counts at least, so that tracks which only a source without weight names are candidates too.
_SOME = 1e-6


@dataclass(frozen=True)
class TrackSide:
    """What is known of tracks, by track_idx.

    Attributes
    ----------
    numbers : float32 [tracks, TRACK_NUMBERS and ARTIST_NUMBERS], as the catalogue says; NaN where unknown.
    fresh_part : float32 [tracks]. countries : string [countries], in order. lift : float32 [countries, tracks], ln of a
        country's share of its plays over all tracks'.
    contexts : float32 [tracks, contexts], shares of its plays; everywhere : float32 [contexts], of all tracks' plays.
    artist : int32 [tracks], -1 unknown. genre : numbers of its genres. tie_rank : int32 [tracks].
    taste : float32 [tracks, d], factors. meaning, sound : float32 [tracks, e], of length 1 or zeros.
    readings : float32 [tracks, 7], NaN where unknown; tempo as ln.
    """

    numbers: Float32s
    fresh_part: Float32s
    countries: npt.NDArray[np.str_]
    lift: Float32s
    contexts: Float32s
    everywhere: Float32s
    artist: Int32s
    genre_start: Int64s
    genre_values: Int32s
    tie_rank: Int32s
    taste: Float32s
    meaning: Float32s
    sound: Float32s
    readings: Float32s

    def __len__(self) -> int:
        return len(self.artist)

    def save(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name."""
        return dict(vars(self))

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> TrackSide:
        """Of saved arrays, which may be memory-mapped."""
        return cls(**{field.name: np.asarray(arrays[field.name]) for field in fields(cls)})

    @property
    def genre(self) -> Ragged:
        """Genres of each track."""
        return Ragged(self.genre_start, self.genre_values)


@dataclass(frozen=True)
class ListenerSide:
    """What is known of n listeners.

    Attributes
    ----------
    log : their histories. cut_day : first day, since 1970-01-01, that was not seen.
    numbers : float32 [n, LISTENER_NUMBERS], NaN where unknown. country : int32 [n], row of TrackSide.lift, -1 unknown.
    taste, meaning : float32 [n, d], [n, e], of length 1 or zeros.
    share : float32 [n, contexts], of plays, zeros unknown. modes : float32 [n, contexts, e], mean meaning there, or zeros.
    """

    log: Histories
    cut_day: int
    numbers: Float32s
    country: Int32s
    taste: Float32s
    meaning: Float32s
    share: Float32s
    modes: Float32s

    def __len__(self) -> int:
        return len(self.log)

    def rows(self, start: int, stop: int) -> ListenerSide:
        """Listeners `start` to `stop`, sharing memory."""
        rest = {f.name: getattr(self, f.name)[start:stop] for f in fields(self) if f.name not in ("log", "cut_day")}
        return ListenerSide(self.log.rows(start, stop), self.cut_day, **rest)


@dataclass(frozen=True)
class Pairs:
    """Candidates of n listeners, best of the blend first, and what is said of each.

    Attributes
    ----------
    first : int64 [n + 1], listener i owns rows first[i] to first[i + 1]. track : int32 [m].
    because : int32 [m], heard track, -1 for none. via : int8 [m], place in `sources` of the source that gave most.
    x : float32 [m, COLUMNS].
    """

    first: Int64s
    track: Int32s
    because: Int32s
    via: npt.NDArray[np.int8]
    sources: tuple[str, ...]
    x: Float32s

    @property
    def listener(self) -> Int64s:
        """Listener of each row, int64 [m]."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


def assemble(
    lists: Mapping[str, TopK], listeners: ListenerSide, tracks: TrackSide, weights: Mapping[str, float], depth: int
) -> Pairs:
    """The union of the listeners' lists, its best `depth` by the blend, with the columns of an order for any context.

    Parameters
    ----------
    lists : by source, of the same n listeners; sources that the catalogue does not name are left out.
    weights : of the sources in the blend; one that is not there counts next to nothing.
    """
    known = {name: lists[name] for name in SOURCES if name in lists}
    strength = {name: max(weights.get(name, 0.0), _SOME) for name in known}
    union = blend(known, strength, tracks.tie_rank, min(depth, _longest(known)))
    held = union.ids >= 0
    first = np.concatenate([[0], np.cumsum(held.sum(axis=1))]).astype(np.int64)
    pairs = Pairs(
        first, union.ids[held], union.because[held], union.source[held], tuple(strength),
        np.empty((int(first[-1]), len(COLUMNS)), np.float32),
    )  # fmt: skip
    _fill_lists(pairs, known, union, held, len(tracks))
    _fill_history(pairs, listeners, tracks)
    _fill_taste(pairs, listeners, tracks)
    _fill_sound(pairs, listeners, tracks)
    _fill_copies(pairs, listeners, tracks)
    for by, column in (
        ("taste_product", "taste_place"),
        ("meaning_cosine", "meaning_place"),
        ("log_plays_7d", "popularity_place"),
    ):
        vector_kernels.fill_places(first, pairs.x, C[by], frozen(tracks.tie_rank), pairs.track, C[column])
    return for_context(pairs, listeners, tracks, ANY)


def for_context(pairs: Pairs, listeners: ListenerSide, tracks: TrackSide, context: int) -> Pairs:
    """The same rows with the columns of an order for `context`; `pairs.x` is written over."""
    x, row = pairs.x, pairs.listener
    x[:, AT["context"] : AT["context"] + len(CONTEXTS)] = 0.0
    x[:, AT["context"] + context] = 1.0
    if context == ANY:
        x[:, C["context_share"]], x[:, C["track_context_lift"]] = 1.0, 0.0
        x[:, C["context_cosine"]] = x[:, C["meaning_cosine"]]
        x[:, C["context_place"]] = x[:, C["meaning_place"]]
    else:
        x[:, C["context_share"]] = listeners.share[row, context]
        lift = np.log(np.maximum(tracks.contexts[:, context], 1e-6) / max(float(tracks.everywhere[context]), 1e-6))
        x[:, C["track_context_lift"]] = lift[pairs.track]
        vectors = np.ascontiguousarray(listeners.modes[:, context])
        vector_kernels.fill_products(frozen(tracks.meaning), frozen(vectors), pairs.first, pairs.track, x, C["context_cosine"])
        ties = frozen(tracks.tie_rank)
        vector_kernels.fill_places(pairs.first, x, C["context_cosine"], ties, pairs.track, C["context_place"])
    x[:, C["context_gain"]] = x[:, C["context_cosine"]] - x[:, C["meaning_cosine"]]
    return pairs


def _longest(lists: Mapping[str, TopK]) -> int:
    """No union is longer than all lists together."""
    return max(sum(int(top.ids.shape[1]) for top in lists.values()), 1)


def _fill_lists(pairs: Pairs, lists: Mapping[str, TopK], union: Blended, held: npt.NDArray[np.bool_], tracks: int) -> None:
    """Groups `sources` and `lists`; a source without a list names nothing."""
    n = len(held)
    nothing = np.full((n, 1), -1, np.int32)
    side = [lists[name] if name in lists else TopK(nothing, np.full((n, 1), -np.inf, np.float32), nothing) for name in SOURCES]
    bounds = np.concatenate([[0], np.cumsum([top.ids.shape[1] for top in side])]).astype(np.int64)
    ids, worth = np.concatenate([top.ids for top in side], axis=1), np.concatenate([worths(top) for top in side], axis=1)
    history_kernels.fill_lists(
        pairs.first, pairs.track, frozen(ids), frozen(worth), frozen(bounds), tracks, pairs.x, AT["sources"], AT["lists"]
    )
    pairs.x[:, C["blend_score"]] = union.scores[held]
    # From one table: numpy's vectorised logarithm has other last bits at other places of an array.
    pairs.x[:, C["blend_rank"]] = np.log1p(np.arange(held.shape[1]))[np.nonzero(held)[1]]


def _fill_history(pairs: Pairs, listeners: ListenerSide, tracks: TrackSide) -> None:
    """Groups `artist` and `genre`."""
    log = listeners.log
    heard, plays, completions, skips, last_day, weight = (
        frozen(getattr(log, name)) for name in ("track_idx", "plays", "completions", "skips", "last_day", "weight")
    )
    artists, genres = int(tracks.artist.max(initial=-1)) + 1, int(tracks.genre_values.max(initial=-1)) + 1
    indptr, rows = frozen(log.indptr), (pairs.first, pairs.track, pairs.x)
    history_kernels.fill_artists(
        indptr, heard, plays, completions, skips, last_day, weight, listeners.cut_day, frozen(tracks.artist), artists, *rows,
        AT["artist"],
    )  # fmt: skip
    history_kernels.fill_genres(
        indptr, heard, plays, completions, skips, weight, frozen(tracks.genre_start), frozen(tracks.genre_values), genres,
        *rows, AT["genre"],
    )  # fmt: skip


def _fill_taste(pairs: Pairs, listeners: ListenerSide, tracks: TrackSide) -> None:
    """Group `taste`."""
    log, x = listeners.log, pairs.x
    vector_kernels.fill_products(frozen(tracks.taste), frozen(listeners.taste), pairs.first, pairs.track, x, C["taste_product"])
    length = np.sqrt((tracks.taste.astype(np.float64) ** 2).sum(axis=1))
    known: Float64s = np.where(length > 0, length, np.nan)
    x[:, C["taste_cosine"]] = x[:, C["taste_product"]] / known[pairs.track]
    vector_kernels.fill_meanings(
        frozen(log.indptr), frozen(log.track_idx), frozen(log.completions), frozen(log.skips), frozen(log.weight),
        frozen(tracks.tie_rank), frozen(tracks.meaning), frozen(listeners.meaning), frozen(listeners.share),
        frozen(listeners.modes), pairs.first, pairs.track, x, C["meaning_cosine"],
    )  # fmt: skip


def _fill_sound(pairs: Pairs, listeners: ListenerSide, tracks: TrackSide) -> None:
    """Group `sound`: against the history's mean."""
    log, x, row = listeners.log, pairs.x, pairs.listener
    where = frozen(log.indptr), frozen(log.track_idx), frozen(log.weight)
    gap = slice(C["sound_cosine"] + 1, C["sound_cosine"] + 1 + tracks.readings.shape[1])
    mean = np.empty((len(log), tracks.readings.shape[1]))
    vector_kernels.weighted_means(*where, frozen(tracks.readings), mean)
    x[:, gap] = np.abs(tracks.readings[pairs.track] - mean[row])
    unknown: npt.NDArray[np.bool_] = np.asarray(~tracks.sound.any(axis=1))
    heard = np.where(unknown[:, None], np.float32(np.nan), tracks.sound)
    profile = np.empty((len(log), tracks.sound.shape[1]))
    vector_kernels.weighted_means(*where, frozen(heard), profile)
    profile /= np.maximum(np.sqrt((profile * profile).sum(axis=1, keepdims=True)), 1e-12)
    of = np.nan_to_num(profile).astype(np.float32)
    vector_kernels.fill_products(frozen(tracks.sound), frozen(of), pairs.first, pairs.track, x, C["sound_cosine"])
    x[unknown[pairs.track], C["sound_cosine"]] = np.nan


def _fill_copies(pairs: Pairs, listeners: ListenerSide, tracks: TrackSide) -> None:
    """Groups `track`, `track_artist`, `listener` and `crosses`."""
    x, row, track = pairs.x, pairs.listener, pairs.track
    numbers = len(TRACK_NUMBERS) + len(ARTIST_NUMBERS)
    x[:, AT["track"] : AT["track"] + numbers] = tracks.numbers[track]
    x[:, AT["listener"] : AT["listener"] + len(LISTENER_NUMBERS)] = listeners.numbers[row]
    x[:, C["history_size"]] = _LOGS[np.minimum(np.diff(listeners.log.indptr), len(_LOGS) - 1)][row]
    country = listeners.country[row]
    x[:, C["country_lift"]] = np.where(country >= 0, tracks.lift[country, track], np.float32(0)) if len(tracks.lift) else 0.0
    x[:, C["mainstream_gap"]] = x[:, C["popularity"]] - x[:, C["own_mainstreamness"]]
    x[:, C["fresh_part"]] = tracks.fresh_part[track]
    lift = tracks.contexts / np.maximum(tracks.everywhere, 1e-6)
    x[:, C["context_fit"]] = (listeners.share[row] * lift[track]).sum(axis=1)
