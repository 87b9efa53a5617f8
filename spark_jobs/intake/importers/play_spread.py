"""Play counts per listener and artist -> simulated listens over twelve weeks, and the pairs held out of them.

The counts are real; which track was played when is not known, and what stands in for it here is marked `simulated`:

- `listens_of_plays`: n = round(2 log2(1 + plays)). Counts run from 1 to 352 698 with a median of 260, a log-normal bulk
  under a heavy tail; the logarithm keeps their order (up to rounding) and makes 0.77 M listens of 42 M plays.
- Days: a pair's n listens lie one in each of n equal parts of the twelve weeks, so weights that decay with age keep
  the pairs' order.
- Tracks: drawn by Zipf's law (1 / rank) over the artist's tracks in one seeded order that all listeners share.
- Hours: a listener's tracks of one day follow each other in one session that starts in the late afternoon, so no two
  starts are closer than `MIN_SPACING_MS` and no day holds more than 24 hours.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from conf.errors import LandingError

DAYS = 84
DAY_MS = 86_400_000
HELD_OUT_SHARE = 0.2
NOMINAL_MS = 210_000  # heard of a track whose length is unknown; 3.5 minutes, near the MSD subset's median of 3.7
MIN_SPACING_MS = 30_000  # between two starts; intake takes the same listener and track within 10 s for a double
GAP_MS = 3_000  # silence between two tracks
FIRST_START_MS, LAST_START_MS = 15 * 3_600_000, 20 * 3_600_000  # of a day's session, UTC
HOLD_OUT_STREAM, SPREAD_STREAM = 1, 2  # one generator each: another hold-out does not move the listens' draws

Ints = npt.NDArray[np.int64]


def listens_of_plays(plays: npt.ArrayLike) -> Ints:
    """Number of listens that stand for a number of plays.

    Examples
    --------
    >>> listens_of_plays([1, 2, 260, 352_698]).tolist()
    [2, 3, 16, 37]
    """
    counts: Ints = np.rint(2 * np.log2(1 + np.asarray(plays, dtype=np.float64))).astype(np.int64)
    return counts


def hold_out(pairs: pd.DataFrame, seed: int) -> pd.Series[bool]:
    """Mask of a seeded fifth of each listener's artists.

    A listener with n artists gives round(n / 5), at least one of two or more, never the only one.

    Parameters
    ----------
    pairs : columns user and artist, each pair once.
    """
    order = pairs.sort_values(["user", "artist"]).index  # the draw must not depend on the rows' order
    draw = pd.Series(np.random.default_rng([seed, HOLD_OUT_STREAM]).random(len(order)), index=order)
    rank = draw.groupby(pairs["user"]).rank(method="first")
    artists = pairs.groupby("user")["artist"].transform("size")
    held = np.floor(artists * HELD_OUT_SHARE + 0.5).clip(lower=1).where(artists > 1, 0)
    mask: pd.Series[bool] = rank.reindex(pairs.index) <= held
    return mask


def spread(pairs: pd.DataFrame, tracks: pd.DataFrame, until: date, seed: int) -> pd.DataFrame:
    """Simulated listens of `pairs`, sorted by start, listener and track.

    Parameters
    ----------
    pairs : user, artist, plays.
    tracks : track_id, artist, duration_ms (nullable, milliseconds); at least one for every artist of `pairs`.
    until : first UTC day after the listens.

    Returns
    -------
    user, track_id, started_at (datetime64[us, UTC]), ms_played (int64, milliseconds).
    """
    rng = np.random.default_rng([seed, SPREAD_STREAM])
    pairs = pairs.sort_values(["user", "artist"], ignore_index=True)
    times = listens_of_plays(pairs["plays"])
    pair = np.repeat(np.arange(len(pairs)), times)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(times) - times, times)  # 0 .. n-1 within the pair
    day = ((place + rng.random(len(pair))) / times[pair] * DAYS).astype(np.int64)
    track = _draw_tracks(pairs["artist"].to_numpy()[pair], tracks, rng)
    user = pairs["user"].to_numpy()[pair]
    ms_played = tracks["duration_ms"].fillna(NOMINAL_MS).to_numpy(dtype=np.int64)[track]
    start = _starts(user, day, ms_played, rng)
    first = datetime.combine(until, time(), UTC) - timedelta(days=DAYS)
    started_at = pd.Timestamp(first).as_unit("us") + pd.to_timedelta(start, unit="ms").as_unit("us")
    listens = pd.DataFrame({"user": user, "track_id": tracks["track_id"].to_numpy()[track], "started_at": started_at})
    listens["ms_played"] = ms_played
    return listens.sort_values(["started_at", "user", "track_id"], ignore_index=True)


def _draw_tracks(artist: Ints, tracks: pd.DataFrame, rng: np.random.Generator) -> Ints:
    """One row of `tracks` per listen of an artist: int64 [listens], by Zipf's law over the artist's shuffled tracks."""
    shuffled = np.lexsort((rng.random(len(tracks)), tracks["artist"].to_numpy()))
    artists, first, count = np.unique(tracks["artist"].to_numpy()[shuffled], return_index=True, return_counts=True)
    slot = np.searchsorted(artists, artist)
    # Inverse of the truncated zeta distribution, for all artists at once: where u * H(n) falls among the sums H(1..n).
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, count.max() + 1))])
    rank = np.searchsorted(harmonic, rng.random(len(artist)) * harmonic[count[slot]], side="right") - 1
    chosen: Ints = shuffled[first[slot] + rank]
    return chosen


def _starts(user: Ints, day: Ints, ms_played: Ints, rng: np.random.Generator) -> Ints:
    """Start of each listen in ms since the first day: one session per listener and day, in random order within it."""
    order = np.lexsort((rng.random(len(user)), day, user))
    new = np.r_[True, (user[order][1:] != user[order][:-1]) | (day[order][1:] != day[order][:-1])]
    session = np.cumsum(new) - 1
    length = np.maximum(ms_played[order] + GAP_MS, MIN_SPACING_MS)
    ends = np.cumsum(length)
    before = np.r_[0, ends[:-1]]
    total = np.bincount(session, weights=length).astype(np.int64)
    if total.max() > DAY_MS:
        busy = user[order][new][total.argmax()]
        raise LandingError(f"listener {busy} would listen {total.max() / 3_600_000:.0f} hours on one day; too many artists")
    draw = rng.integers(FIRST_START_MS, LAST_START_MS, len(total))
    begin = np.minimum(draw, DAY_MS - total)  # a long session starts earlier, so that it ends within its day
    start = np.empty(len(user), dtype=np.int64)
    start[order] = day[order] * DAY_MS + begin[session] + before - before[new][session]
    return start
