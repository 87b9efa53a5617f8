"""One walk over the plays of each listener, in order of time: what numpy would need a sort and twenty passes for.

Sums are added up in order of a listener's own plays, so no bit depends on who else stands in the block. Marks say whose turn a
track or artist was met in last, which spares a sort. Kernels take read-only arrays (models/frozen.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.listening import DAY_US, HOUR_US
from models.selection import jit

Bools = npt.NDArray[np.bool_]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
WEEK_US = 7 * DAY_US
# Columns of `counts`.
PLAYS, SKIPS, COMPLETIONS = range(3)
# Columns of `sums`.
WEEKEND, SOUGHT, PLACED, SESSIONS, FIRST, AGAIN, RATED, POPULARITY, FOREIGN = range(9)
SUMS = 9
# An age below an hour tells how late the log is cut, not how fresh a memory is.
_YOUNGEST_DAYS = 1.0 / 24


@jit
def walk_plays(
    listener: Int64s, track: Int32s, age_us: Int64s, local_at: Int64s, completed: Bools, skipped: Bools,
    device: Int8s, sought: Int8s, session: Int64s, contexts: Float32s, own: Float32s, popularity: Float32s, windows: Int64s,
    counts: Int64s, hours: Int64s, devices: Int64s, in_context: Float64s, sums: Float64s, weeks: Int64s, newest: Int64s,
) -> None:  # fmt: skip
    """Add the plays of a block to what is known of its listeners.

    Parameters
    ----------
    age_us : int64 [m], microseconds from the play to the cut, positive, at most the last of `windows`.
    sought : int8 [m], 1: sought by the listener, 0: played to them, -1: nobody knows.
    contexts, own : float32 [sessions, c] and [sessions]. popularity : float32 [tracks], NaN where unknown.
    windows : int64 [w], microseconds, ascending.
    counts : int64 [n, 3, w], out: by the smallest window that holds the play. hours, devices : int64 [n, 24], [n, d], out.
    in_context : float64 [n, c], out: expected plays. sums : float64 [n, SUMS], out. weeks : int64 [n], out: a bit for each week
        with a play. newest : int64 [n], out: smallest age, untouched where there is no play.
    """
    heard_by = np.full(len(popularity), -1, np.int64)
    last_listener, last_session = -1, -1
    for at in range(len(listener)):
        who, age = listener[at], age_us[at]
        window = 0
        while age > windows[window]:
            window += 1
        counts[who, PLAYS, window] += 1
        counts[who, SKIPS, window] += skipped[at]
        counts[who, COMPLETIONS, window] += completed[at]
        hours[who, local_at[at] // HOUR_US % 24] += 1
        devices[who, device[at]] += 1
        sums[who, WEEKEND] += (local_at[at] // DAY_US + 3) % 7 >= 5  # 1970-01-01 was a Thursday
        if sought[at] >= 0:
            sums[who, PLACED] += 1
            sums[who, SOUGHT] += sought[at]
        sums[who, SESSIONS] += who != last_listener or session[at] != last_session
        last_listener, last_session = who, session[at]
        if window <= 2:
            sums[who, FIRST] += heard_by[track[at]] != who
            sums[who, AGAIN] += heard_by[track[at]] == who
        heard_by[track[at]] = who
        if not np.isnan(popularity[track[at]]):
            sums[who, RATED] += 1
            sums[who, POPULARITY] += popularity[track[at]]
        sums[who, FOREIGN] += 1.0 - own[session[at]]
        for c in range(contexts.shape[1]):
            in_context[who, c] += contexts[session[at], c]
        weeks[who] |= np.int64(1) << np.int64(min((age - 1) // WEEK_US, 62))
        newest[who] = age  # plays come in order of time


@jit
def walk_groups(
    bounds: Int64s, track: Int32s, age_us: Int64s, completed: Bools, skipped: Bools, weight: Float64s,
    group_start: Int64s, groups: Int32s, size: int, prior: float,
    best: Int32s, affinity: Float32s, adjusted: Float32s, activation: Float32s, entropy: Float64s,
) -> None:  # fmt: skip
    """Find the groups (artists or genres) that each listener loves most; a play counts for the groups of its track alike.

    Parameters
    ----------
    bounds : int64 [n + 1], each listener's plays. weight : float64 [m], how much of a play is the listener's own taste.
    group_start, groups : the groups of each track (models/slates/ragged.py); `size` : how many groups there are.
    prior : plays that the listener's mean is worth in `adjusted`.
    best : int32 [n, k], out: groups by weight of completed plays, equal ones by number; -1 pads.
    affinity, adjusted, activation : float32 [n, k], out: as in conf/features. entropy : float64 [n], out: of plays; NaN: none.
    """
    met_by, slot = np.full(size, -1, np.int64), np.empty(size, np.int64)
    for who in range(len(best)):
        first, last = bounds[who], bounds[who + 1]
        room = 0
        for at in range(first, last):
            room += group_start[track[at] + 1] - group_start[track[at]]
        numbers, tallies = np.empty(room, np.int64), np.zeros((room, 4))
        met = 0
        loved_in_all, plays_in_all, liked_in_all = 0.0, 0.0, 0.0
        for at in range(first, last):
            begin, end = group_start[track[at]], group_start[track[at] + 1]
            loved = weight[at] if completed[at] else 0.0
            loved_in_all += loved
            liked = np.float64(completed[at]) - np.float64(skipped[at])
            memory = 1.0 / np.sqrt(max(age_us[at] / DAY_US, _YOUNGEST_DAYS))
            for place in range(begin, end):
                group, share = groups[place], 1.0 / (end - begin)
                if met_by[group] != who:
                    met_by[group], slot[group], numbers[met] = who, met, group
                    met += 1
                mine = tallies[slot[group]]
                mine[0] += share
                mine[1] += share * loved
                mine[2] += share * liked
                mine[3] += share * memory
                plays_in_all += share
                liked_in_all += share * liked
        entropy[who] = _entropy(tallies[:met, 0], plays_in_all)
        _fill(numbers[:met], tallies[:met], loved_in_all, liked_in_all / max(plays_in_all, 1e-300), prior,
              best[who], affinity[who], adjusted[who], activation[who])  # fmt: skip


@jit
def _entropy(plays: Float64s, in_all: float) -> float:
    if in_all <= 0:
        return np.nan
    total = 0.0
    for at in range(len(plays)):
        total -= plays[at] / in_all * np.log(plays[at] / in_all)
    return max(total, 0.0)


@jit
def _fill(
    numbers: Int64s, tallies: Float64s, loved_in_all: float, mean: float, prior: float,
    best: Int32s, affinity: Float32s, adjusted: Float32s, activation: Float32s,
) -> None:  # fmt: skip
    """One listener's row; numbers first and a stable sort by love after it: equal loves stand in order of number."""
    by_number = np.argsort(numbers, kind="mergesort")
    order = by_number[np.argsort(-tallies[by_number, 1], kind="mergesort")]
    for rank in range(min(len(best), len(order))):
        mine = tallies[order[rank]]
        if mine[1] <= 0:
            break
        best[rank] = numbers[order[rank]]
        affinity[rank] = mine[1] / loved_in_all
        adjusted[rank] = (mine[2] + prior * mean) / (mine[0] + prior)
        activation[rank] = np.log(mine[3])


def bounds_of(listener: Int64s, listeners: int) -> Int64s:
    """Positions of each listener's rows, int64 [listeners + 1], of rows in order of listener."""
    return np.asarray(np.searchsorted(listener, np.arange(listeners + 1)), np.int64)
