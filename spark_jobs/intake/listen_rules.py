"""Rules that need all of a listener's plays: the same play twice, and days with more music than hours.

Arrays only. Rows stand in order of (listener, track, started_at); `file` is the number of the landing file in order of
path, -1 for a row that an earlier run accepted. Since what came first stands, files taken in one by one or all at once in
order of path end in the same listens.
"""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np
import numpy.typing as npt

DAY_US = 86_400_000_000
ACCEPTED = -1

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def duplicate_plays(new_pair: Bools, started_at: Ints, file: Ints, line: Ints, within_us: int) -> Bools:
    """True where a play starts within `within_us` of an accepted play of the same listener and track.

    Accepted plays of earlier runs stand; among new ones those of the first file do, and in a file the earliest.

    Parameters
    ----------
    new_pair : bool [n], True on the first row of each (listener, track).
    started_at : int64 [n], microseconds.
    file, line : int64 [n], where the row came from.

    Examples
    --------
    Starts at 0, 8 and 16 s: the second repeats the first, the third is 16 s away from what was accepted.

    >>> second = 1_000_000
    >>> starts = np.array([0, 8, 16]) * second
    >>> duplicate_plays(np.array([True, False, False]), starts, np.zeros(3, int), np.arange(3), 10 * second).tolist()
    [False, True, False]
    """
    duplicate = np.zeros(len(started_at), bool)
    chained = np.zeros(len(started_at), bool)
    chained[1:] = ~new_pair[1:] & (np.diff(started_at) <= within_us)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chained, [False]]).astype(np.int8)))
    for first, stop in zip(edges[::2] - 1, edges[1::2], strict=True):  # chains of close starts: dirt, so few
        chain = slice(int(first), int(stop))
        arrival = np.lexsort((line[chain], started_at[chain], file[chain]))
        starts = started_at[chain][arrival].tolist()
        old = (file[chain][arrival] == ACCEPTED).tolist()
        duplicate[first + arrival] = _repeats(starts, old, within_us)
    return duplicate


def _repeats(starts: list[int], old: list[bool], within_us: int) -> list[bool]:
    """True for each start, in order of arrival, that lies within `within_us` of one accepted before it."""
    accepted: list[int] = []
    repeats = []
    for start, stands in zip(starts, old, strict=True):
        at = bisect_left(accepted, start - within_us)
        close = at < len(accepted) and accepted[at] <= start + within_us
        repeats.append(close and not stands)
        if stands or not close:
            insort(accepted, start)
    return repeats


def hours_of_day(listener: Ints, started_at: Ints, ms_played: Ints) -> npt.NDArray[np.float64]:
    """Hours heard on the row's UTC date by its listener, float64 [n].

    >>> day = np.array([0, 3600, 86_400]) * 1_000_000
    >>> hours_of_day(np.zeros(3, int), day, np.array([3_600_000, 1_800_000, 900_000])).tolist()
    [1.5, 1.5, 0.25]
    """
    dates = np.stack([listener, started_at // DAY_US])
    _, group = np.unique(dates, axis=1, return_inverse=True)
    ms = np.bincount(group.ravel(), weights=ms_played)  # exact: sums stay far below 2^53
    hours: npt.NDArray[np.float64] = ms[group.ravel()] / 3_600_000
    return hours
