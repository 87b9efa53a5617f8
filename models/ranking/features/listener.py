"""plays, saves -> features of each listener as of the cut: counts, shares, what they love and how they listen.

Everything of conf/features/listener.py but the embeddings, for a block of whole listeners. A row depends on its own listener's
plays before the cut, the catalogue and the model of contexts alone, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.contexts import CONTEXTS, DEVICES, PLAYLIST_CONTEXTS
from conf.feature_jobs import BuildListenerFeatures
from conf.features.listener import WINDOWS
from models.dayparts import FIRST_HOUR
from models.frozen import frozen
from models.listening import DAY_US, Listening
from models.ranking.features import listener_kernels as kernels
from models.ranking.features.items import Items
from models.ranking.features.judged import Judged, Unjudged
from models.slates.ragged import Ragged

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
# Places of PLAYLIST_CONTEXTS that a listener sought (1) or was played (0); of the last nobody knows.
_SOUGHT = np.array([1, 1, 0, 1, 0, 0, -1], np.int8)
assert len(_SOUGHT) == len(PLAYLIST_CONTEXTS)


@dataclass(frozen=True)
class Saves:
    """Tracks saved by the listeners of a block, each (listener, track) once.

    Attributes
    ----------
    listener : int64 [k]. track_idx : int32 [k]. at : int64 [k], microseconds since 1970-01-01 UTC.
    """

    listener: Int64s
    track_idx: Int32s
    at: Int64s

    @classmethod
    def none(cls) -> Saves:
        """Nobody saved anything."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int64))

    def counts(self, listeners: int, cut_us: int, days: int) -> Int64s:
        """Saves of each listener in the days before the cut, int64 [listeners]."""
        kept = (self.at < cut_us) & (self.at >= cut_us - days * DAY_US)
        return np.bincount(self.listener[kept], minlength=listeners)


@dataclass(frozen=True)
class Loved:
    """Artists or genres that each listener loves, most first: a ragged list, and numbers beside its values.

    Attributes
    ----------
    groups : n lists of numbers of artists (or genres).
    affinity, adjusted, activation : float32 [groups.start[-1]], as `artist_affinity`, `skip_adjusted_affinity`, `activation`.
    """

    groups: Ragged
    affinity: Float32s
    adjusted: Float32s
    activation: Float32s


@dataclass(frozen=True)
class ListenerFeatures:
    """Features of n listeners, by the names of conf/features/listener.py.

    Attributes
    ----------
    scalars : int32 [n] for counts, float32 [n] for all others, NaN where it cannot be known.
    vectors : float32 [n, size], rows of NaN for listeners without a play.
    artists, genres : what they love.
    """

    scalars: dict[str, npt.NDArray[Any]]
    vectors: dict[str, Float32s]
    artists: Loved
    genres: Loved


def listener_features(
    listening: Listening, items: Items, saves: Saves, cut_us: int, judged: Judged | None, params: BuildListenerFeatures
) -> ListenerFeatures:
    """Features of all listeners of a block, those without a play too.

    Parameters
    ----------
    listening : plays of whole listeners; those at or after the cut, or older than `params.days`, do not count.
    cut_us : microseconds since 1970-01-01 UTC.
    judged : by `listening.session`; None: no model of contexts.
    """
    items.check(listening.track_idx)
    said: Judged = Unjudged.of(listening.sessions) if judged is None else judged
    plays = listening.within(cut_us, params.days)
    walked = _Walked.of(plays, items, cut_us, said)
    scalars = walked.counts() | {
        f"saves_{days}d": saves.counts(plays.listeners, cut_us, days).astype(np.int32) for days in WINDOWS
    }
    bounds = kernels.bounds_of(plays.listener, plays.listeners)
    own = said.own[plays.session].astype(np.float64)
    weight = own + (1.0 - own) * params.foreign.weight

    def loved(groups: Ragged, size: int, most: int) -> tuple[Loved, Float64s]:
        return _loved(plays, bounds, cut_us - plays.started_at, weight, groups, size, most, params.prior_plays)

    artists, diversity = loved(items.artists, int(items.artist.max(initial=-1)) + 1, params.artists)
    genres, genre_diversity = loved(items.genre, int(items.genre.values.max(initial=-1)) + 1, params.genres)
    derived = walked.derived() | {"taste_diversity": diversity, "genre_diversity": genre_diversity}
    scalars |= {name: values.astype(np.float32) for name, values in derived.items()}
    return ListenerFeatures(scalars, walked.vectors(), artists, genres)


@dataclass(frozen=True)
class _Walked:
    """What one walk over the plays adds up (listener_kernels.walk_plays)."""

    by_window: Int64s
    hours: Int64s
    devices: Int64s
    in_context: Float64s
    sums: Float64s
    weeks: Int64s
    newest: Int64s

    @classmethod
    def of(cls, plays: Listening, items: Items, cut_us: int, said: Judged) -> _Walked:
        n, windows = plays.listeners, np.array(WINDOWS, np.int64) * DAY_US
        counts, hours, devices, weeks, newest = (
            np.zeros(shape, np.int64) for shape in ((n, 3, len(WINDOWS)), (n, 24), (n, len(DEVICES)), n, n)
        )
        in_context, sums = np.zeros((n, len(CONTEXTS))), np.zeros((n, kernels.SUMS))
        given: tuple[npt.NDArray[Any], ...] = (
            plays.listener, plays.track_idx, cut_us - plays.started_at, plays.local_at, plays.completed, plays.skipped,
            plays.device, _SOUGHT[plays.playlist], plays.session, said.contexts, said.own, items.popularity, windows,
        )  # fmt: skip
        frozen_ones = [frozen(array) for array in given]
        kernels.walk_plays(*frozen_ones, counts, hours, devices, in_context, sums, weeks, newest)
        return cls(counts.cumsum(axis=2), hours, devices, in_context, sums, weeks, newest)

    def counts(self) -> dict[str, npt.NDArray[Any]]:
        """Plays, skips and completions of each window, int32 [n]."""
        names = {"plays": kernels.PLAYS, "skips": kernels.SKIPS, "completions": kernels.COMPLETIONS}
        return {
            f"{name}_{days}d": self.by_window[:, row, w].astype(np.int32)
            for name, row in names.items()
            for w, days in enumerate(WINDOWS)
        }

    def derived(self) -> dict[str, Float64s]:
        """Features from counts, float64 [n]; NaN where there is nothing to divide by."""
        month, all_plays = self.by_window[:, :, WINDOWS.index(28)], self.by_window[:, kernels.PLAYS, -1]
        plays = month[:, kernels.PLAYS]
        total = dict(enumerate(self.sums.T))
        return {
            "discovery_propensity": _over(total[kernels.FIRST], plays),
            "repeat_propensity": _over(total[kernels.AGAIN], plays),
            "mainstreamness": _over(total[kernels.POPULARITY], total[kernels.RATED]),
            "weekend_share": _over(total[kernels.WEEKEND], all_plays),
            "skip_rate": _over(month[:, kernels.SKIPS], plays),
            "session_length": _over(all_plays, total[kernels.SESSIONS]),
            "intent_share": _over(total[kernels.SOUGHT], total[kernels.PLACED]),
            "foreign_share": _over(total[kernels.FOREIGN], all_plays),
            "days_since_play": np.where(all_plays > 0, self.newest / DAY_US, np.nan),
            "active_weeks": np.bitwise_count(self.weeks).astype(np.float64),
        }

    def vectors(self) -> dict[str, Float32s]:
        """Shares that sum to 1, float32 [n, size]."""
        plays = self.by_window[:, kernels.PLAYS, -1:]
        dayparts = np.add.reduceat(self.hours, FIRST_HOUR, axis=1)
        sums: dict[str, npt.NDArray[Any]] = {
            "device_shares": self.devices,
            "hour_shares": self.hours,
            "daypart_shares": dayparts,
        }
        sums["context_shares"] = self.in_context
        return {name: _over(values, plays).astype(np.float32) for name, values in sums.items()}


def _over(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Float64s:
    """`part` over `whole`, NaN where the whole is 0."""
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), np.nan))


def _loved(
    plays: Listening, bounds: Int64s, age_us: Int64s, weight: Float64s, groups: Ragged, size: int, most: int, prior: float
) -> tuple[Loved, Float64s]:
    """(what each listener loves, entropy of the groups among their plays)."""
    n = plays.listeners
    best, entropy = np.full((n, most), -1, np.int32), np.empty(n)
    affinity, adjusted, activation = (np.zeros((n, most), np.float32) for _ in range(3))
    kernels.walk_groups(
        frozen(bounds), frozen(plays.track_idx), frozen(age_us), frozen(plays.completed), frozen(plays.skipped),
        frozen(weight), frozen(groups.start), frozen(groups.values), size, prior, best, affinity, adjusted, activation, entropy,
    )  # fmt: skip
    filled = best >= 0
    start = np.concatenate([[0], np.cumsum(filled.sum(axis=1))]).astype(np.int64)
    return Loved(Ragged(start, best[filled]), affinity[filled], adjusted[filled], activation[filled]), entropy
