"""The music of the world: scenes, artists and tracks with their latent vectors.

A scene is a group of about ten artists with overlapping audiences; an artist lies near the centre of its scene in a taste
space of 16 dimensions, a track near its artist. Sound is the genre's sound plus a linear image of the taste vector plus
noise: close in sound is often, not always, close in taste, so content helps with new tracks yet does not replace listening.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.world.genres import GENRES
from models.world.places import COUNTRIES
from models.world.sizes import WorldSize
from models.world.sound import SOUND_DIMS
from models.world.streams import stream

TASTE_DIMS = 16
COLLABORATION_SHARE = 0.12
NEW_RELEASE_SHARE = 0.12
FUTURE_RELEASE_SHARE = 0.01
COUNTRY_LIMIT_SHARE = 0.03
BLOCKED_SHARE = 0.004
KEY_DIM = 8


@dataclass(frozen=True)
class WorldCatalogue:
    """Latent and visible columns of scenes, artists and tracks; row numbers are the dense indices of the world.

    Attributes
    ----------
    genre_taste : float32 [genres, 16], unit vectors
    scene_genre, scene_taste : int32 [scenes], float32 [scenes, 16]
    artist_scene, artist_taste, artist_second : int32, float32 [artists, 16], int32 (second genre, -1 none)
    track_artist, track_guest : int32 [tracks], main artist and collaborator (-1 none)
    track_scene : int32 [tracks], the main artist's scene
    taste, sound : float32 [tracks, 16]
    appeal : float32 [tracks], log popularity before trends
    duration_ms : int64 [tracks]
    release_day : int32 [tracks], days since the first day of the world; negative: released before it
    explicit, blocked : bool [tracks]
    allowed : bool [tracks, countries], where the track may be played
    """

    genre_taste: NDArray[np.float32]
    scene_genre: NDArray[np.int32]
    scene_taste: NDArray[np.float32]
    artist_scene: NDArray[np.int32]
    artist_taste: NDArray[np.float32]
    artist_second: NDArray[np.int32]
    track_artist: NDArray[np.int32]
    track_guest: NDArray[np.int32]
    track_scene: NDArray[np.int32]
    taste: NDArray[np.float32]
    sound: NDArray[np.float32]
    appeal: NDArray[np.float32]
    duration_ms: NDArray[np.int64]
    release_day: NDArray[np.int32]
    explicit: NDArray[np.bool_]
    blocked: NDArray[np.bool_]
    allowed: NDArray[np.bool_]

    @property
    def track_genre(self) -> NDArray[np.int32]:
        """Genre of each track's scene, int32 [tracks]."""
        return self.scene_genre[self.track_scene]


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return float32 rows scaled to length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def build_catalogue(size: WorldSize, seed: int) -> WorldCatalogue:
    """Draw scenes, artists and tracks."""
    rng = stream(seed, "catalogue")
    genre_taste, scene_genre, scene_taste = _scenes(rng, size.scenes)
    artist_scene, artist_taste, artist_second = _artists(rng, size, scene_genre, scene_taste)
    track_artist, track_guest = _credits(rng, size, artist_scene)
    taste = unit(artist_taste[track_artist] + rng.normal(0, 0.55 / TASTE_DIMS**0.5, (size.tracks, TASTE_DIMS)))
    scene = artist_scene[track_artist]
    genre = scene_genre[scene]
    return WorldCatalogue(
        genre_taste, scene_genre, scene_taste, artist_scene, artist_taste, artist_second,
        track_artist, track_guest, scene, taste,
        sound=_sound(rng, genre, taste, track_artist, size.artists),
        appeal=_appeal(rng, track_artist, size.artists),
        duration_ms=_durations(rng, genre),
        release_day=_release_days(rng, size),
        explicit=rng.random(size.tracks) < np.where(genre == 2, 0.45, 0.08),
        blocked=rng.random(size.tracks) < BLOCKED_SHARE,
        allowed=_allowed(rng, size.tracks),
    )  # fmt: skip


def _scenes(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    genre_taste = unit(rng.normal(size=(len(GENRES), TASTE_DIMS)))
    weights = np.array([g.weight for g in GENRES])
    # every genre gets a scene, so that the modes that need it (sleep, child) find music in the smallest world
    rest = rng.choice(len(GENRES), n - len(GENRES), p=weights / weights.sum())
    genre = np.concatenate([np.arange(len(GENRES)), rest]).astype(np.int32)
    return genre_taste, genre, unit(genre_taste[genre] + rng.normal(0, 0.7 / TASTE_DIMS**0.5, (n, TASTE_DIMS)))


def _artists(
    rng: np.random.Generator, size: WorldSize, scene_genre: NDArray[np.int32], scene_taste: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]:
    n, scenes = size.artists, len(scene_genre)
    scene = rng.permutation(np.arange(n) % scenes).astype(np.int32)
    taste = unit(scene_taste[scene] + rng.normal(0, 0.5 / TASTE_DIMS**0.5, (n, TASTE_DIMS)))
    second = np.where(rng.random(n) < 0.4, rng.integers(0, len(GENRES), n), -1)
    return scene, taste, np.where(second == scene_genre[scene], -1, second).astype(np.int32)


def _credits(
    rng: np.random.Generator, size: WorldSize, artist_scene: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    # every artist has a track; the others go to few productive artists (log-normal)
    productivity = rng.lognormal(0, 0.8, size.artists)
    rest = rng.choice(size.artists, size.tracks - size.artists, p=productivity / productivity.sum())
    main = rng.permutation(np.concatenate([np.arange(size.artists), rest])).astype(np.int32)
    # guests come from the same scene where it has two artists: order artists by scene and take the neighbour
    order = np.argsort(artist_scene, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(size.artists)
    guest = order[(rank[main] + rng.integers(1, 4, size.tracks)) % size.artists]
    guest[(rng.random(size.tracks) >= COLLABORATION_SHARE) | (guest == main)] = -1
    return main, guest.astype(np.int32)


def _sound(
    rng: np.random.Generator,
    genre: NDArray[np.int32],
    taste: NDArray[np.float32],
    artist: NDArray[np.int32],
    artists: int,
) -> NDArray[np.float32]:
    centre = np.zeros((len(GENRES), SOUND_DIMS))
    centre[:, [0, 1, 2, 3, 4, 5, 6, 7, 11]] = [g[3:] for g in GENRES]
    image = rng.normal(0, 0.7, (TASTE_DIMS, SOUND_DIMS))
    own = rng.normal(0, 0.35, (artists, SOUND_DIMS))[artist]
    sound = centre[genre] + taste @ image + own + rng.normal(0, 0.35, (len(genre), SOUND_DIMS))
    sound[:, KEY_DIM] = rng.uniform(-1, 1, len(genre))  # a key says nothing about taste
    return sound.astype(np.float32)


def _appeal(rng: np.random.Generator, artist: NDArray[np.int32], artists: int) -> NDArray[np.float32]:
    return (rng.normal(0, 1.3, artists)[artist] + rng.normal(0, 1.0, len(artist))).astype(np.float32)


def _durations(rng: np.random.Generator, genre: NDArray[np.int32]) -> NDArray[np.int64]:
    median = np.array([g.median_seconds for g in GENRES], float)[genre]
    seconds = np.clip(median * rng.lognormal(0, 0.22, len(genre)), 62, 660)
    interlude = rng.random(len(genre)) < 0.01  # under a minute: half of the track decides what a listen is
    seconds[interlude] = rng.uniform(24, 56, int(interlude.sum()))
    return (seconds * 1000).astype(np.int64)


def _release_days(rng: np.random.Generator, size: WorldSize) -> NDArray[np.int32]:
    days = size.weeks * 7
    release = -np.ceil(rng.gamma(1.2, 2200, size.tracks)) - 1
    draw = rng.random(size.tracks)
    new, future = draw < NEW_RELEASE_SHARE, draw > 1 - FUTURE_RELEASE_SHARE
    release[new] = rng.integers(0, days, int(new.sum()))
    release[future] = days + rng.integers(1, 30, int(future.sum()))
    return np.asarray(np.maximum(release, -365 * 60), np.int32)


def _allowed(rng: np.random.Generator, tracks: int) -> NDArray[np.bool_]:
    allowed = np.ones((tracks, len(COUNTRIES)), bool)
    limited = rng.random(tracks) < COUNTRY_LIMIT_SHARE
    some = rng.random((int(limited.sum()), len(COUNTRIES))) < 0.4
    some[:, 0] |= ~some.any(axis=1)
    allowed[limited] = some
    return allowed
