"""plays -> histories: every listener's plays, summed track by track.

The one place that weighs plays: build_histories runs it over buckets of listeners. A row depends on its listener's
plays alone, to the last bit, whoever stands in the same bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf.settings import BuildHistories
from models.histories import Histories
from models.plays import Plays, completion, infer_ms_played, is_listen, is_skip

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Gathered:
    """Histories and, per listener, what they sum up.

    Attributes
    ----------
    histories : n listeners in order of their codes.
    listens : int64 [n], plays.
    last_listen_at : int64 [n], start of the last play, microseconds since 1970-01-01 UTC.
    """

    histories: Histories
    listens: npt.NDArray[np.int64]
    last_listen_at: npt.NDArray[np.int64]


def gather(
    plays: Plays, user_ids: pa.Array[Any], params: BuildHistories, counted: npt.NDArray[np.float64] | None = None
) -> Gathered:
    """Histories of every listener in `plays`; `user_ids[code]` names the listener of that code.

    `counted`, float64 [m]: what each play counts in the weights (not in plays, completions and skips); None: all count whole.
    A listener with more than `params.max_tracks` tracks keeps those heard last.
    """
    first_play = _starts(plays.listener)
    last_listen_at = plays.started_at[_ends(first_play, len(plays))]
    listens, skipped, weight = _weigh(plays, first_play, last_listen_at, params)
    if counted is not None:
        weight = weight * counted
    order = np.lexsort((plays.track_idx, plays.listener))  # stable: plays of a track stay in order of time
    listener, track = plays.listener[order], plays.track_idx[order]
    first = _starts(listener, track)
    last_at = plays.started_at[order][_ends(first, len(plays))]
    columns = {
        "track_idx": track[first],
        "plays": np.diff(np.append(first, len(plays))).astype(np.int32),
        "completions": _sums((listens & ~skipped)[order], first, np.int32),
        "skips": _sums(skipped[order], first, np.int32),
        "last_day": (last_at // DAY_US).astype(np.int32),
        "weight": np.maximum(_sums(weight[order], first, np.float64), 0.0).astype(np.float32),
    }
    codes = plays.listener[first_play]
    row = np.searchsorted(codes, listener[first])
    kept = _heard_last(row, last_at, params.max_tracks)
    indptr = np.searchsorted(row[kept], np.arange(len(codes) + 1)).astype(np.int64)
    histories = Histories(user_ids.take(codes), indptr, **{name: c[kept] for name, c in columns.items()})
    return Gathered(histories, np.diff(np.append(first_play, len(plays))), last_listen_at)


def _weigh(
    plays: Plays, first_play: npt.NDArray[np.int64], last_listen_at: npt.NDArray[np.int64], params: BuildHistories
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """(is a listen, is a skip, decayed weight) of each play."""
    heard = infer_ms_played(plays.listener, plays.started_at, plays.ms_played, plays.duration_ms)
    listens = is_listen(heard, plays.duration_ms, params.listen_rule)
    per_listener = np.diff(np.append(first_play, len(plays)))
    age_days = (np.repeat(last_listen_at, per_listener) - plays.started_at) / DAY_US
    signal = np.where(listens, completion(heard, plays.duration_ms), -params.skip_penalty)
    return listens, is_skip(listens, plays.button), signal * np.exp2(-age_days / params.half_life_days)


def _starts(*keys: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Positions at which any of the sorted `keys` changes, the first row included."""
    if not len(keys[0]):
        return np.empty(0, np.int64)
    changes = np.zeros(len(keys[0]), bool)
    changes[0] = True
    for key in keys:
        changes[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changes)


def _ends(starts: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Last position of each group that begins at `starts`."""
    return np.append(starts, n)[1:] - 1


def _sums(values: npt.NDArray[Any], starts: npt.NDArray[np.int64], dtype: Any) -> npt.NDArray[Any]:
    """Sum of each group; reduceat adds a group's rows alone, so no neighbour can change its bits."""
    return np.add.reduceat(values, starts, dtype=dtype) if len(starts) else np.empty(0, dtype)


def _heard_last(row: npt.NDArray[np.int64], last_at: npt.NDArray[np.int64], max_tracks: int) -> npt.NDArray[np.bool_]:
    """True for the `max_tracks` tracks of each row that were heard last."""
    if not len(row) or np.bincount(row).max() <= max_tracks:
        return np.ones(len(row), bool)
    newest_first = np.lexsort((-last_at, row))
    rank = np.empty(len(row), np.int64)
    rank[newest_first] = np.arange(len(row)) - np.searchsorted(row, row[newest_first])
    return rank < max_tracks
