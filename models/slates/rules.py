"""What may stand on a list: the catalogue's side of the rules, as arrays by track_idx, and the checks one track must pass.

The checks are compiled one by one and inlined into each surface's kernel, so every surface keeps the same rules.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from models.slates.ragged import Ragged

EVERYWHERE = -1


class Rules(NamedTuple):
    """The catalogue as the rules see it.

    Attributes
    ----------
    servable : bool [tracks], in the catalogue, not blocked by it, and out on the Monday served.
    recording : int32 [tracks], versions of one recording share a number; at most one of them stands on a list.
    artists : artist numbers of each track, collaborators included; none for a track without artists.
    countries : country numbers where a track may be played; none means everywhere.
    """

    servable: npt.NDArray[np.bool_]
    recording: npt.NDArray[np.int32]
    artists: Ragged
    countries: Ragged


class Ledger(NamedTuple):
    """Scratch of one kernel run; a number equal to the listener's row marks an entry as theirs, so nothing is ever cleared.

    Attributes
    ----------
    gone : int64 [recordings], last listener for whom the recording is heard, blocked or listed.
    owner, listed : int64 [artists], whose count it is, and how many listed tracks count for the artist.
    """

    gone: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]
    listed: npt.NDArray[np.int64]


def new_ledger(rules: Rules) -> Ledger:
    """Empty scratch for a catalogue."""
    artists = int(rules.artists.values.max(initial=-1)) + 1
    recordings = int(rules.recording.max(initial=-1)) + 1
    return Ledger(np.full(recordings, -1, np.int64), np.full(artists, -1, np.int64), np.zeros(artists, np.int64))


@numba.njit(nogil=True, cache=True)
def rule_out(tracks, row, rules, ledger):  # type: ignore[no-untyped-def]
    """Strike `tracks`, and every version of them, for listener `row`."""
    for track in tracks:
        ledger.gone[rules.recording[track]] = row


@numba.njit(nogil=True, cache=True)
def close_artists(artists, row, limit, ledger):  # type: ignore[no-untyped-def]
    """Strike whole artists for listener `row`: they count as listed `limit` times already."""
    for artist in artists:
        if artist < ledger.owner.size:
            ledger.owner[artist] = row
            ledger.listed[artist] = limit


@numba.njit(nogil=True, cache=True)
def playable(track, country, rules):  # type: ignore[no-untyped-def]
    """Whether the track may be played in `country`; a listener of unknown country gets unrestricted tracks only."""
    first, last = rules.countries.start[track], rules.countries.start[track + 1]
    if first == last:
        return True
    for i in range(first, last):
        if rules.countries.values[i] == country:
            return country != EVERYWHERE
    return False


@numba.njit(nogil=True, cache=True)
def may_list(track, row, country, limit, rules, ledger):  # type: ignore[no-untyped-def]
    """Whether `track` may join the list of listener `row` as it stands."""
    if not rules.servable[track] or ledger.gone[rules.recording[track]] == row:
        return False
    if not playable(track, country, rules):
        return False
    for i in range(rules.artists.start[track], rules.artists.start[track + 1]):
        artist = rules.artists.values[i]
        if ledger.owner[artist] == row and ledger.listed[artist] >= limit:
            return False
    return True


@numba.njit(nogil=True, cache=True)
def enter(track, row, rules, ledger):  # type: ignore[no-untyped-def]
    """Book a listed track: its recording is gone, each of its artists counts one more."""
    ledger.gone[rules.recording[track]] = row
    for i in range(rules.artists.start[track], rules.artists.start[track + 1]):
        artist = rules.artists.values[i]
        if ledger.owner[artist] != row:
            ledger.owner[artist] = row
            ledger.listed[artist] = 0
        ledger.listed[artist] += 1


@numba.njit(nogil=True, cache=True)
def share_artist(a, b, rules):  # type: ignore[no-untyped-def]
    """Whether two tracks have an artist in common, collaborators included."""
    for i in range(rules.artists.start[a], rules.artists.start[a + 1]):
        for j in range(rules.artists.start[b], rules.artists.start[b + 1]):
            if rules.artists.values[i] == rules.artists.values[j]:
                return True
    return False
