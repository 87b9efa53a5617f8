"""plays of whole listeners -> counts of tracks and of artists -> their features as of the cut.

Blocks add up to the same in any order: all that is counted is whole numbers, expected plays of a context in whole 2^-20ths.
Rates are shrunk to everybody's by `prior_plays`, so that a track of three plays is not the best or the worst of all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.contexts import CONTEXTS
from conf.feature_jobs import BuildTrackFeatures
from conf.features.listener import WINDOWS
from models.frozen import frozen
from models.listening import DAY_US, Listening
from models.ranking.features.items import rank_shares
from models.ranking.features.judged import Judged, Unjudged
from models.ranking.features.listener import Saves
from models.selection import jit

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
ONE_PLAY = 1 << 20
_WHATS = ("plays", "skips", "completions", "listeners", "saves")
# Names of a tally's columns, in order.
COLUMNS = (
    *(f"{what}_{days}d" for what in _WHATS for days in WINDOWS),
    "first_plays_28d",
    *(f"in_{context}" for context in CONTEXTS),
)
_W = len(WINDOWS)
_FIRST, _CONTEXT = len(_WHATS) * _W, len(_WHATS) * _W + 1
_MONTH = WINDOWS.index(28)
# Release day of a track without a date, as in models/sources/base.py.
UNDATED = np.iinfo(np.int32).min


@dataclass
class Tally:
    """Counts of tracks (or of artists), over any number of blocks.

    Attributes
    ----------
    counts : int64 [items, len(COLUMNS)].
    by_country : country -> int64 [items], plays of 28 days by the listener's country, "" where unknown.
    """

    counts: Int64s
    by_country: dict[str, Int64s] = field(default_factory=dict)

    @classmethod
    def empty(cls, items: int) -> Tally:
        """Nothing counted yet."""
        return cls(np.zeros((items, len(COLUMNS)), np.int64))

    def column(self, name: str) -> Int64s:
        """Counts called `name`, int64 [items]."""
        return self.counts[:, COLUMNS.index(name)]

    def add(
        self,
        listening: Listening,
        item: Int32s,
        saves: Saves,
        country: npt.NDArray[Any],
        cut_us: int,
        judged: Judged | None,
        days: int = WINDOWS[-1],
    ) -> None:
        """Count a block of whole listeners; what is at or after the cut does not count.

        Parameters
        ----------
        item : int32 [tracks], which item a track counts for, -1 for none: the track itself, or its main artist.
        country : string [listeners], "" where unknown.
        """
        said: Judged = Unjudged.of(listening.sessions) if judged is None else judged
        plays = listening.within(cut_us, min(days, WINDOWS[-1]))
        in_parts = np.rint(said.contexts.astype(np.float64) * ONE_PLAY).astype(np.int64)
        windows = np.array(WINDOWS, np.int64) * DAY_US
        names, code = np.unique(country.astype(str), return_inverse=True)
        abroad = np.zeros((len(names), len(self.counts)), np.int64)
        _count(
            frozen(plays.listener), frozen(item[plays.track_idx]), frozen(cut_us - plays.started_at), frozen(plays.completed),
            frozen(plays.skipped), frozen(in_parts[plays.session]), frozen(windows), frozen(code.astype(np.int64)),
            self.counts, abroad,
        )  # fmt: skip
        for name, plays_there in zip(names.tolist(), abroad, strict=True):
            if plays_there.any():
                self.by_country[name] = self.by_country.get(name, np.zeros(len(self.counts), np.int64)) + plays_there
        self._add_saves(item, saves, cut_us)

    def _add_saves(self, item: Int32s, saves: Saves, cut_us: int) -> None:
        """Listeners who saved the item, by the newest save of each; before the cut."""
        owner, age = item[saves.track_idx], cut_us - saves.at
        kept = (owner >= 0) & (age > 0) & (age <= WINDOWS[-1] * DAY_US)
        who, owner, age = saves.listener[kept], owner[kept], age[kept]
        order = np.lexsort((age, owner, who))
        who, owner, age = who[order], owner[order], age[order]
        newest = np.ones(len(who), bool)
        newest[1:] = (who[1:] != who[:-1]) | (owner[1:] != owner[:-1])
        for w, days in enumerate(WINDOWS):
            within = newest & (age <= days * DAY_US)
            self.counts[:, _WHATS.index("saves") * _W + w] += np.bincount(owner[within], minlength=len(self.counts))

    def __add__(self, other: Tally) -> Tally:
        """The two together."""
        countries = sorted(self.by_country.keys() | other.by_country.keys())
        nothing = np.zeros(len(self.counts), np.int64)
        total = {name: self.by_country.get(name, nothing) + other.by_country.get(name, nothing) for name in countries}
        return Tally(self.counts + other.counts, total)


@jit
def _count(
    listener: Int64s, item: Int32s, age_us: Int64s, completed: npt.NDArray[np.bool_], skipped: npt.NDArray[np.bool_],
    in_parts: Int64s, windows: Int64s, country: Int64s, counts: Int64s, abroad: Int64s,
) -> None:  # fmt: skip
    """Add plays, newest first: the first meeting of a listener and an item in that order is their newest play of it."""
    width = len(windows)
    met_by = np.full(len(counts), -1, np.int64)
    for at in range(len(listener) - 1, -1, -1):
        mine = item[at]
        if mine < 0:
            continue
        window = 0
        while age_us[at] > windows[window]:
            window += 1
        if window <= _MONTH:
            abroad[country[listener[at]], mine] += 1
        for w in range(window, width):
            counts[mine, w] += 1
            counts[mine, width + w] += skipped[at]
            counts[mine, 2 * width + w] += completed[at]
            counts[mine, 3 * width + w] += met_by[mine] != listener[at]
        met_by[mine] = listener[at]
        for c in range(in_parts.shape[1]):
            counts[mine, _CONTEXT + c] += in_parts[at, c]
    met_by[:] = -1
    for at in range(len(listener)):
        mine = item[at]
        if mine >= 0 and met_by[mine] != listener[at]:
            met_by[mine] = listener[at]
            counts[mine, _FIRST] += age_us[at] <= windows[_MONTH]


def item_features(tally: Tally, params: BuildTrackFeatures) -> dict[str, npt.NDArray[Any]]:
    """Features of tracks or artists by the names of conf/features/item.py: int64 [items] counts, float32 [items] others."""
    counts = {name: tally.column(name) for name in COLUMNS[:_FIRST]}
    prior, plays = params.prior_plays, counts["plays_90d"].astype(np.float64)
    listeners = counts["listeners_90d"].astype(np.float64)

    def shrunk(part: Int64s, whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        mean = part.sum() / max(whole.sum(), 1.0)
        return np.asarray((part + prior * mean) / (whole + prior))

    week, month = WINDOWS.index(7), WINDOWS.index(28)
    lately, before = (tally.counts[:, w].astype(np.float64) for w in (week, month))
    derived = {
        "popularity": rank_shares(counts["listeners_28d"]),
        "trend": np.log((lately + prior / 4) / 7) - np.log((before + prior) / 28),
        "completion_rate": shrunk(counts["completions_90d"], plays),
        "save_rate": np.minimum(shrunk(counts["saves_90d"], listeners), 1.0),
    }
    return counts | {name: np.asarray(values, np.float32) for name, values in derived.items()}


def track_features(tally: Tally, released: Int32s, cut_day: int, params: BuildTrackFeatures) -> dict[str, npt.NDArray[Any]]:
    """Features of tracks: those of `item_features` and what only tracks have; NaN where it cannot be known.

    Parameters
    ----------
    released : int32 [tracks], days since 1970-01-01; UNDATED where unknown. What is out only later has no age yet.
    cut_day : first day, since 1970-01-01, that counts no more.
    """
    age = cut_day - released.astype(np.float64)
    in_parts = tally.counts[:, _CONTEXT:] / ONE_PLAY
    everybody = in_parts.sum(axis=0) / max(in_parts.sum(), 1.0)
    heard = in_parts.sum(axis=1, keepdims=True)
    if not in_parts.any():
        everybody[CONTEXTS.index("any")] = 1.0
    return item_features(tally, params) | {
        "first_plays_28d": tally.column("first_plays_28d"),
        "age_days": np.where((released == UNDATED) | (age < 0), np.nan, age).astype(np.float32),
        "track_context_shares": ((in_parts + params.prior_plays * everybody) / (heard + params.prior_plays)).astype(np.float32),
    }
