"""The matrix's loops over what a listener heard and what is listed, compiled: one listener at a time over their candidates.

Scratch is as long as the catalogue, and what a listener left in it is wiped before the next one comes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.selection import jit

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
# Plays of neither completion nor skip that an affinity is mixed with.
PRIOR_PLAYS = 5.0


@jit
def fill_lists(
    first: Int64s,
    track: Int32s,
    ids: Int32s,
    worth: Float32s,
    bounds: Int64s,
    tracks: int,
    x: Float32s,
    sources: int,
    lists: int,
) -> None:
    """Fill the groups `sources` (first column `sources`) and, of `lists`, how many lists name a candidate and its best rank.

    Parameters
    ----------
    first : int64 [n + 1], listener i owns candidates first[i] to first[i + 1]; track : int32 [m].
    ids, worth : [n, total], the sources' lists side by side; source s owns columns bounds[s] to bounds[s + 1].
    """
    place = np.full(tracks, -1, np.int64)
    count = len(bounds) - 1
    for row in range(len(first) - 1):
        for at in range(first[row], first[row + 1]):
            place[track[at]] = at
            for s in range(count):
                x[at, sources + 3 * s], x[at, sources + 3 * s + 1], x[at, sources + 3 * s + 2] = 0.0, np.nan, 1.0
            x[at, lists + 2], x[at, lists + 3] = 0.0, np.inf
        for s in range(count):
            for column in range(bounds[s], bounds[s + 1]):
                item = ids[row, column]
                if item < 0:
                    break
                at = place[item]
                if at < 0:
                    continue
                rank = np.float32(np.log1p(np.float64(column - bounds[s])))
                x[at, sources + 3 * s] = worth[row, column]
                x[at, sources + 3 * s + 1] = rank
                x[at, sources + 3 * s + 2] = 0.0
                x[at, lists + 2] += 1.0
                x[at, lists + 3] = min(x[at, lists + 3], rank)
        for at in range(first[row], first[row + 1]):
            place[track[at]] = -1


@jit
def fill_artists(
    indptr: Int64s, heard: Int32s, plays: Int32s, completions: Int32s, skips: Int32s, last_day: Int32s, weight: Float32s,
    cut_day: int, artist: Int32s, artists: int, first: Int64s, track: Int32s, x: Float32s, column: int,
) -> None:  # fmt: skip
    """Fill the group `artist` from the history rows."""
    sums, newest = np.zeros((artists, 6)), np.full(artists, -(1 << 30), np.int64)
    for row in range(len(first) - 1):
        total = 0.0
        for h in range(indptr[row], indptr[row + 1]):
            total += weight[h]
            mine = artist[heard[h]]
            if mine < 0:
                continue
            age = max(np.float64(cut_day - last_day[h]), 0.5)
            sums[mine, 0] += plays[h]
            sums[mine, 1] += completions[h]
            sums[mine, 2] += skips[h]
            sums[mine, 3] += 1.0
            sums[mine, 4] += weight[h]
            sums[mine, 5] += plays[h] / np.sqrt(age)
            newest[mine] = max(newest[mine], last_day[h])
        for at in range(first[row], first[row + 1]):
            mine = artist[track[at]]
            if mine < 0 or sums[mine, 0] == 0.0:
                x[at, column : column + 5] = 0.0
                x[at, column + 5], x[at, column + 6] = np.nan, np.nan
                continue
            x[at, column] = np.log1p(sums[mine, 0])
            x[at, column + 1] = np.log1p(sums[mine, 1])
            x[at, column + 2] = np.log1p(sums[mine, 3])
            x[at, column + 3] = (sums[mine, 1] - sums[mine, 2]) / (sums[mine, 0] + PRIOR_PLAYS)
            x[at, column + 4] = sums[mine, 4] / total if total > 0.0 else 0.0
            x[at, column + 5] = cut_day - newest[mine]
            x[at, column + 6] = np.log(sums[mine, 5])
        for h in range(indptr[row], indptr[row + 1]):
            mine = artist[heard[h]]
            if mine >= 0:
                sums[mine] = 0.0
                newest[mine] = -(1 << 30)


@jit
def fill_genres(
    indptr: Int64s, heard: Int32s, plays: Int32s, completions: Int32s, skips: Int32s, weight: Float32s,
    start: Int64s, genre: Int32s, genres: int, first: Int64s, track: Int32s, x: Float32s, column: int,
) -> None:  # fmt: skip
    """Fill the group `genre` from the history rows."""
    sums = np.zeros((genres, 4))
    for row in range(len(first) - 1):
        sums[:] = 0.0
        total = 0.0
        for h in range(indptr[row], indptr[row + 1]):
            total += weight[h]
            for g in range(start[heard[h]], start[heard[h] + 1]):
                sums[genre[g], 0] += plays[h]
                sums[genre[g], 1] += completions[h]
                sums[genre[g], 2] += skips[h]
                sums[genre[g], 3] += weight[h]
        for at in range(first[row], first[row + 1]):
            own = start[track[at] + 1] - start[track[at]]
            if own == 0:
                x[at, column], x[at, column + 1] = np.nan, np.nan
                continue
            share, adjusted = 0.0, 0.0
            for g in range(start[track[at]], start[track[at] + 1]):
                mine = genre[g]
                share += sums[mine, 3] / total if total > 0.0 else 0.0
                adjusted += (sums[mine, 1] - sums[mine, 2]) / (sums[mine, 0] + PRIOR_PLAYS)
            x[at, column] = share / own
            x[at, column + 1] = adjusted / own
