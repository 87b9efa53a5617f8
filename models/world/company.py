"""What surrounds the listens: friendships by likeness, tags, listeners' own playlists, and foreign exposures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.world import genres, modes, names
from models.world.listening import Listens
from models.world.playback import FEEDBACK
from models.world.sessions import DAY_MS, WEEK_MS
from models.world.streams import stream
from models.world.world import World

CIRCLE = 500  # listeners among whom friends are found
MEAN_FRIENDS_MADE = 4.0  # each made friendship counts for both, so eight on average
NOISE_TAGS = ("favourites", "seen live", "chill", "summer", "female vocals", "driving", "workout", "2020s", "love", "cover")
TAGGED_SHARE = 0.8
EXPOSED_SHARE = 0.05  # of listener-weeks in which another system showed a track and logged it
SAVE = FEEDBACK.index("save")


class Friendships(NamedTuple):
    """Symmetric pairs: a row for each direction. user, followed : int32 [n]."""

    user: NDArray[np.int32]
    followed: NDArray[np.int32]


class Exposures(NamedTuple):
    """What another system showed. propensity is the chance with which its chart shelf drew the track."""

    listener: NDArray[np.int32]
    track: NDArray[np.int32]
    shown_ms: NDArray[np.int64]
    position: NDArray[np.int64]
    propensity: NDArray[np.float64]


class Playlist(NamedTuple):
    """One list that a listener put together in one mode."""

    listener: int
    name: str
    tracks: NDArray[np.int32]
    updated_ms: int


class Tags(NamedTuple):
    """Tags of tracks or artists. entity : int32 [n], row; tag : str [n]; weight : int64 [n], how many people set it."""

    entity: NDArray[np.int32]
    tag: NDArray[np.str_]
    weight: NDArray[np.int64]


def friendships(world: World) -> Friendships:
    """Draw friends within circles of 500, likelier the nearer their tastes are."""
    rng, n = stream(world.seed, "friends"), world.size.listeners
    order, pairs = rng.permutation(n), [np.empty((0, 2), np.int64)]
    for start in range(0, n, CIRCLE):
        circle = order[start : start + CIRCLE]
        taste = world.listeners.taste[circle, 0]
        score = 4.0 * (taste @ taste.T) + rng.gumbel(size=(len(circle), len(circle)))
        np.fill_diagonal(score, -np.inf)
        rank = np.argsort(np.argsort(-score, axis=1), axis=1)
        made = np.minimum(rng.geometric(1 / (MEAN_FRIENDS_MADE + 1), len(circle)) - 1, len(circle) - 1)
        friend = rank < made[:, None]
        pairs.append(circle[np.argwhere(friend | friend.T)])
    user, followed = np.concatenate(pairs).T
    order = np.lexsort((followed, user))
    return Friendships(user[order].astype(np.int32), followed[order].astype(np.int32))


def tags_of(world: World, entity: str) -> Tags:
    """Draw the tags of all tracks or artists: mostly the genre, sometimes another, sometimes a word that says little."""
    rng, catalogue = stream(world.seed, "tags", entity), world.catalogue
    scene = catalogue.track_scene if entity == "track" else catalogue.artist_scene
    genre, n = catalogue.scene_genre[scene], len(scene)
    vocabulary = np.array([*genres.NAMES, *NOISE_TAGS])
    wrong = np.where(rng.random(n) < 0.06, rng.integers(0, len(genres.NAMES), n), genre)
    noise = len(genres.NAMES) + rng.integers(0, len(NOISE_TAGS), n)
    picks = np.stack([wrong, rng.integers(0, len(genres.NAMES), n), noise], axis=1)
    kept = (rng.random((n, 3)) < [1.0, 0.15, 0.45]) & (rng.random(n) < TAGGED_SHARE)[:, None]
    kept[:, 1] &= picks[:, 1] != picks[:, 0]
    row, column = np.nonzero(kept)
    weight = 1 + rng.poisson(np.array([12.0, 2.0, 3.0])[column])
    return Tags(row.astype(np.int32), vocabulary[picks[row, column]], weight)


def playlists(world: World, block: Listens, number: int) -> list[Playlist]:
    """Collect each listener's saved tracks of a mode into a playlist, where there are at least four."""
    rng = stream(world.seed, "playlists", number)
    saved = np.flatnonzero(block.feedback == SAVE)
    if not len(saved):
        return []
    group = block.listener[saved].astype(np.int64) * len(modes.MODES) + block.mode[saved]
    order = np.argsort(group, kind="stable")
    keys, starts = np.unique(group[order], return_index=True)
    lists = []
    for key, rows in zip(keys.tolist(), np.split(saved[order], starts[1:]), strict=True):
        tracks, first = np.unique(block.track[rows], return_index=True)
        if len(tracks) < 4 or rng.random() < 0.4:
            continue
        listener, mode = divmod(key, len(modes.MODES))
        tracks = tracks[np.argsort(first, kind="stable")][:40]
        name = f"{names.word(rng, 2)} {modes.NAMES[mode]}"
        lists.append(Playlist(listener, name, tracks, int(block.start_ms[rows[-1]] + block.ms_played[rows[-1]])))
    return lists


def exposures(world: World) -> Exposures:
    """Draw what another system's chart shelf showed, with the probability of each draw."""
    rng, size = stream(world.seed, "exposures"), world.size
    listener, week = np.nonzero(rng.random((size.listeners, size.weeks)) < EXPOSED_SHARE)
    chart = world.trends.chart
    track = np.array([np.searchsorted(chart[w], d, side="right") for w, d in zip(week, rng.random(len(week)), strict=True)])
    track = np.minimum(track, size.tracks - 1).astype(np.int32)
    shown = week * WEEK_MS + rng.integers(0, 7 * DAY_MS, len(week))
    chance = np.diff(chart, axis=1, prepend=0)[week, track]
    out = (world.catalogue.release_day[track] * DAY_MS <= shown) & (chance > 0)
    out &= world.catalogue.allowed[track, world.listeners.country[listener]]
    position = rng.integers(1, 11, len(week))
    columns = (listener.astype(np.int32), track, shown, position, chance)
    return Exposures(*(column[out] for column in columns))
