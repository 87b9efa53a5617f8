"""listens -> past, week after: the split that quality is measured on.

Lists made for Monday D see what started before the cut, Sunday D - 1 00:00 UTC. They are judged by the seven days from the cut
on, [cut, cut + 7 days). Both edges matter:

- The split is by time, over all listeners at once. Withholding random plays would let a model learn from listeners' later
  plays, and from everybody else's, what it is asked to foresee; measured so, popularity of next week's hits looks like skill.
- The window starts at the cut and not at the listener's own Monday: the hours in between (10 to 36, by timezone) are after
  everything the lists saw, and the list of the week before is still on screen. A window from Monday on would need a second
  cut per timezone and lose a day of plays.
- A play counts on the day it started; one that crosses the edge belongs to the side of its start.
- Whatever else a measured model uses (popularity, the catalogue's names) is taken as of the cut too. Only the catalogue's
  release dates may come from later: a track out in the judged week can be a hit that no list could hold.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

WEEK = timedelta(days=7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def in_week_after(at: npt.NDArray[np.int64], cut: date) -> npt.NDArray[np.bool_]:
    """True for instants in [cut, cut + 7 days), UTC.

    Parameters
    ----------
    at : int64 [n], microseconds since 1970-01-01 UTC.

    Examples
    --------
    >>> from datetime import date, datetime
    >>> instants = ["2026-09-05T23:59:59", "2026-09-06T00:00:00", "2026-09-12T23:59:59", "2026-09-13T00:00:00"]
    >>> at = np.array(instants, "datetime64[us]").astype(np.int64)
    >>> in_week_after(at, date(2026, 9, 6)).tolist()
    [False, True, True, False]
    """
    first, last = microseconds(cut), microseconds(cut + WEEK)
    inside: npt.NDArray[np.bool_] = (at >= first) & (at < last)
    return inside


def microseconds(day: date) -> int:
    """Start of the UTC day, in microseconds since 1970-01-01.

    >>> microseconds(date(1970, 1, 2))
    86400000000
    """
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def discoveries(
    row: npt.NDArray[np.int64],
    track: npt.NDArray[np.int32],
    heard_row: npt.NDArray[np.int64],
    heard_track: npt.NDArray[np.int32],
    tracks: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Distinct (listener, track) pairs of the week after that are not among the pairs heard before, in that order.

    Examples
    --------
    Listener 0 liked track 5 twice and 6, which was heard before; listener 1 has not heard 6.

    >>> row, track = discoveries(np.array([0, 0, 0, 1]), np.array([5, 6, 5, 6]), np.array([0]), np.array([6]), tracks=7)
    >>> row.tolist(), track.tolist()
    ([0, 1], [5, 6])
    """
    liked = np.unique(np.asarray(row, np.int64) * tracks + track)
    known = np.asarray(heard_row, np.int64) * tracks + heard_track
    new = liked[~np.isin(liked, known)]
    return new // tracks, (new % tracks).astype(np.int32)
