"""candidates -> slates: thirty tracks that the listener never heard.

Candidates are taken best first, then the popular tracks of the listener's country, then those of everywhere; what breaks a
rule is passed over. The order is the order of taking, except that two tracks of one artist are pulled apart. Nothing is
drawn at random: the list is a function of its inputs, and each exposure's propensity is 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from conf.errors import ContractError
from models.slates.ragged import Ragged, read_only
from models.slates.rules import Rules, close_artists, enter, may_list, new_ledger, rule_out, share_artist

FROM_SOURCE, FROM_COUNTRY, FROM_EVERYWHERE, EMPTY = 0, 1, 2, -1
GLOBAL_ROW = 0


class Asked(NamedTuple):
    """A block of n listeners who want a list.

    Attributes
    ----------
    wishes : candidate tracks, best first.
    heard : every track ever heard; versions of a heard recording are no discovery either.
    blocked_tracks, blocked_artists : what the listener blocked.
    country : int32 [n], number of the country in Rules.countries, EVERYWHERE where unknown.
    chart : int32 [n], row of the country's popular tracks in the charts, GLOBAL_ROW where it has none.
    """

    wishes: Ragged
    heard: Ragged
    blocked_tracks: Ragged
    blocked_artists: Ragged
    country: npt.NDArray[np.int32]
    chart: npt.NDArray[np.int32]


class Slates(NamedTuple):
    """n lists of up to `length` tracks.

    Attributes
    ----------
    track : int32 [n, length], track_idx, -1 pads.
    origin : int8 [n, length], FROM_SOURCE, FROM_COUNTRY, FROM_EVERYWHERE or EMPTY.
    place : int64 [n, length], position in `wishes.values` or in `charts.values`, where the score stands; -1 pads.
    """

    track: npt.NDArray[np.int32]
    origin: npt.NDArray[np.int8]
    place: npt.NDArray[np.int64]

    @property
    def filled(self) -> npt.NDArray[np.int32]:
        """Tracks of each list that came from a popular list, int32 [n]."""
        return np.asarray((self.origin > FROM_SOURCE).sum(axis=1), np.int32)


def choose(asked: Asked, rules: Rules, charts: Ragged, *, length: int, per_artist: int) -> Slates:
    """Lists for a block of listeners; charts row GLOBAL_ROW is everywhere's, row 1 and on are countries'.

    Raises
    ------
    ContractError
        Where a track lies outside the catalogue of `rules`.
    """
    for name, part in (("candidates", asked.wishes), ("histories", asked.heard), ("charts", charts)):
        _within_catalogue(name, part.values, len(rules.servable))
    _within_catalogue("blocks", asked.blocked_tracks.values, len(rules.servable))
    shape = (len(asked.country), length)
    slates = Slates(np.full(shape, -1, np.int32), np.full(shape, EMPTY, np.int8), np.full(shape, -1, np.int64))
    asked, rules, charts = read_only((asked, rules, charts))
    _choose(asked, rules, charts, per_artist, new_ledger(rules), slates)
    return slates


def _within_catalogue(name: str, tracks: npt.NDArray[np.int32], size: int) -> None:
    if len(tracks) and not (tracks.min() >= 0 and tracks.max() < size):
        raise ContractError(
            f"{name} name track_idx {tracks.min()} to {tracks.max()}, the catalogue has 0 to {size - 1}: "
            "run the week again so that both come from one version of tracks"
        )


@numba.njit(nogil=True, cache=True)
def _choose(asked: Any, rules: Any, charts: Any, per_artist: int, ledger: Any, slates: Any) -> None:
    for row in range(asked.country.size):
        _strike(asked, row, rules, per_artist, ledger)
        wishes, chart = asked.wishes.start, asked.chart[row]
        span = (asked.wishes.values, wishes[row], wishes[row + 1])
        size = _take(span, FROM_SOURCE, 0, row, asked, rules, per_artist, ledger, slates)
        if chart != GLOBAL_ROW:
            span = (charts.values, charts.start[chart], charts.start[chart + 1])
            size = _take(span, FROM_COUNTRY, size, row, asked, rules, per_artist, ledger, slates)
        span = (charts.values, charts.start[GLOBAL_ROW], charts.start[GLOBAL_ROW + 1])
        size = _take(span, FROM_EVERYWHERE, size, row, asked, rules, per_artist, ledger, slates)
        _pull_apart(row, size, rules, slates)


@numba.njit(nogil=True, cache=True)
def _strike(asked, row, rules, per_artist, ledger):  # type: ignore[no-untyped-def]
    heard, tracks, artists = asked.heard, asked.blocked_tracks, asked.blocked_artists
    rule_out(heard.values[heard.start[row] : heard.start[row + 1]], row, rules, ledger)
    rule_out(tracks.values[tracks.start[row] : tracks.start[row + 1]], row, rules, ledger)
    close_artists(artists.values[artists.start[row] : artists.start[row + 1]], row, per_artist, ledger)


@numba.njit(nogil=True, cache=True)
def _take(span, origin, size, row, asked, rules, per_artist, ledger, slates):  # type: ignore[no-untyped-def]
    """Append what the rules allow of values[first:last] until the list is full; returns the list's new size."""
    values, first, last = span
    for place in range(first, last):
        if size == slates.track.shape[1]:
            break
        track = values[place]
        if may_list(track, row, asked.country[row], per_artist, rules, ledger):
            enter(track, row, rules, ledger)
            slates.track[row, size], slates.origin[row, size], slates.place[row, size] = track, origin, place
            size += 1
    return size


@numba.njit(nogil=True, cache=True)
def _pull_apart(row, size, rules, slates):  # type: ignore[no-untyped-def]
    """Let no two neighbours share an artist where another order can avoid it.

    Each slot takes the best remaining track that does not share an artist with the slot before. Where only such tracks
    remain, they move up to the nearest gap between two strangers; without one they stay.
    """
    tracks = slates.track[row]
    for slot in range(1, size):
        other = slot
        while other < size and share_artist(tracks[slot - 1], tracks[other], rules):
            other += 1
        if other < size:
            _move(row, other, slot, slates)
            continue
        gap = slot - 1
        while gap > 0 and (
            share_artist(tracks[gap - 1], tracks[slot], rules) or share_artist(tracks[gap], tracks[slot], rules)
        ):
            gap -= 1
        if gap > 0:
            _move(row, slot, gap, slates)


@numba.njit(nogil=True, cache=True)
def _move(row, source, target, slates):  # type: ignore[no-untyped-def]
    """Put entry `source` at `target` <= source; those between move back by one."""
    track, origin, place = slates.track[row, source], slates.origin[row, source], slates.place[row, source]
    for slot in range(source, target, -1):
        slates.track[row, slot] = slates.track[row, slot - 1]
        slates.origin[row, slot] = slates.origin[row, slot - 1]
        slates.place[row, slot] = slates.place[row, slot - 1]
    slates.track[row, target], slates.origin[row, target], slates.place[row, target] = track, origin, place
