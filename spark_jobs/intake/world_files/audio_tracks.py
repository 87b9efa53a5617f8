"""World -> the tracks that have audio: several an artist, those that many hear and those that nobody can have heard yet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.world import World
from models.world.streams import stream

TRACKS_AN_ARTIST = 5  # on average
MOST_AN_ARTIST = 8  # before every other artist has had a turn
NEW_DAYS = 28


def chosen_tracks(world: World, n: int) -> NDArray[np.int32]:
    """Return the rows of the tracks that have audio, int32 [min(n, tracks)], ascending.

    Artists are drawn with their popularity; of each come, in turn, the tracks most heard and those out in the last four weeks
    or not yet: content must carry what is new to the listeners of what is known.
    """
    catalogue = world.catalogue
    heat = world.trends.track.mean(axis=0)
    rank = _order_within(catalogue.track_artist, heat, catalogue.release_day > world.days - NEW_DAYS)
    mass = np.bincount(catalogue.track_artist, np.exp(heat), world.size.artists)
    keys = 0.5 * np.log(mass) + stream(world.seed, "tracks with audio").gumbel(size=world.size.artists)
    artist_place = np.empty(world.size.artists, np.int64)
    artist_place[np.argsort(-keys, kind="stable")] = np.arange(world.size.artists)
    place = artist_place[catalogue.track_artist]
    group = place // max(1, n // TRACKS_AN_ARTIST)
    order = np.lexsort((place, rank, group, rank >= MOST_AN_ARTIST))
    return np.sort(order[:n]).astype(np.int32)


def _order_within(artist: NDArray[np.int32], heat: NDArray[np.float32], new: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rank of each track among its artist's: most heard and new ones take turns."""
    by_heat = 2 * _rank(artist, -heat)
    by_news = np.where(new, 2 * _rank(artist, np.where(new, -heat, np.inf)) + 1, 2 * len(artist))
    return _rank(artist, np.minimum(by_heat, by_news))


def _rank(group: NDArray[np.int32], key: NDArray[np.generic]) -> NDArray[np.int64]:
    """Rank of each row by `key` within its group, 0 first."""
    order = np.lexsort((key, group))
    starts = np.searchsorted(group[order], group[order])
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - starts
    return rank
