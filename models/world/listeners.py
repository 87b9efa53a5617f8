"""Listeners: where they live, what they like in which mode, how their taste drifts and how they listen."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from models.world import genres, modes, places
from models.world.catalogue import TASTE_DIMS, WorldCatalogue, unit
from models.world.sizes import WorldSize
from models.world.streams import stream

MEAN_LISTENS_PER_WEEK = 60.0  # drawn; about 55 remain, because overlapping sessions are put off, some past the end
SPREAD_OF_LISTENS = 1.0  # standard deviation of the log
MOST_LISTENS_PER_WEEK = 900.0
TOURIST_SHARE = 0.04  # one to three listens in all
FIRST_WEEK_SHARE = 0.55
SECOND_MODE_SHARE = 0.7
THIRD_MODE_SHARE = 0.45
FOREIGN_MODE_SHARE = 0.3  # of third modes: a child's or sleep
PULL_OF_MODE = 0.45


@dataclass(frozen=True)
class Listeners:
    """Columns of listeners; row numbers are the dense indices of the world.

    Attributes
    ----------
    place : int32 [n], row of `places.PLACES`; country : int32 [n], index into `places.COUNTRIES`
    taste : float32 [n, 3, 16], unit vector of each mode slot at the start of the world
    drift : float32 [n, 16], added to own modes by the end of the world (linear in time)
    mode : int32 [n, 3], row of `modes.MODES`, -1 for an empty slot
    mode_share : float32 [n, 3], share of sessions, sums to 1
    per_week : float32 [n], listens per active week
    first_week : int32 [n]
    tourist : int32 [n], total number of listens of somebody who only looks in, else 0
    repeat : float32 [n], probability of reaching for a known track
    charts : float32 [n], share of new tracks that come from the charts
    impatience : float32 [n], added to the log odds of a skip
    """

    place: NDArray[np.int32]
    country: NDArray[np.int32]
    taste: NDArray[np.float32]
    drift: NDArray[np.float32]
    mode: NDArray[np.int32]
    mode_share: NDArray[np.float32]
    per_week: NDArray[np.float32]
    first_week: NDArray[np.int32]
    tourist: NDArray[np.int32]
    repeat: NDArray[np.float32]
    charts: NDArray[np.float32]
    impatience: NDArray[np.float32]

    def block(self, start: int, stop: int) -> Listeners:
        """Return rows `start` to `stop`."""
        return Listeners(**{f.name: getattr(self, f.name)[start:stop] for f in fields(self)})

    @property
    def own_slot(self) -> NDArray[np.float32]:
        """1 where a mode slot plays the listener's own taste, else 0; float32 [n, 3]."""
        return np.where(self.mode >= 0, modes.OWN[self.mode], False).astype(np.float32)


def build_listeners(catalogue: WorldCatalogue, size: WorldSize, seed: int) -> Listeners:
    """Draw all listeners."""
    rng, n = stream(seed, "listeners"), size.listeners
    shares = np.array([p.share for p in places.PLACES])
    place = rng.choice(len(places.PLACES), n, p=shares / shares.sum()).astype(np.int32)
    country = np.array([places.COUNTRIES.index(p.country) for p in places.PLACES], np.int32)[place]
    mode, share = _mode_slots(rng, n)
    own, drift = _own_taste(rng, catalogue, country)
    mu = np.log(MEAN_LISTENS_PER_WEEK) - SPREAD_OF_LISTENS**2 / 2
    later = rng.integers(1, size.weeks, n)
    return Listeners(
        place, country, _mode_taste(rng, catalogue, own, mode), drift, mode, share,
        per_week=np.minimum(rng.lognormal(mu, SPREAD_OF_LISTENS, n), MOST_LISTENS_PER_WEEK).astype(np.float32),
        first_week=np.where(rng.random(n) < FIRST_WEEK_SHARE, 0, later).astype(np.int32),
        tourist=np.where(rng.random(n) < TOURIST_SHARE, rng.integers(1, 4, n), 0).astype(np.int32),
        repeat=rng.beta(6.5, 3.5, n).astype(np.float32),
        charts=rng.beta(1.5, 8.5, n).astype(np.float32),
        impatience=rng.normal(0, 0.5, n).astype(np.float32),
    )  # fmt: skip


def _mode_slots(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    mode = np.full((n, modes.MAX_MODES), -1, np.int32)
    own = np.flatnonzero(modes.OWN)
    first_two = np.argsort(rng.random((n, len(own))), axis=1)[:, :3]
    mode[:, 0] = own[first_two[:, 0]]
    second = rng.random(n) < SECOND_MODE_SHARE
    mode[second, 1] = own[first_two[second, 1]]
    third = second & (rng.random(n) < THIRD_MODE_SHARE)
    foreign = rng.choice(np.flatnonzero(~modes.OWN), n)
    mode[third, 2] = np.where(rng.random(n) < FOREIGN_MODE_SHARE, foreign, own[first_two[:, 2]])[third]
    share = np.where(mode >= 0, rng.gamma(2.0, 1.0, mode.shape) + 0.2, 0) * np.array([1.6, 1.0, 0.7])
    return mode, (share / share.sum(axis=1, keepdims=True)).astype(np.float32)


def _own_taste(
    rng: np.random.Generator, catalogue: WorldCatalogue, country: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each listener's own taste and its drift: a mixture of three scenes, leaning to what the country likes."""
    n, scenes = len(country), len(catalogue.scene_genre)
    lean = rng.normal(0, 0.5, (len(places.COUNTRIES), len(genres.GENRES)))[:, catalogue.scene_genre]
    # Gumbel top-3 = three scenes without replacement, in proportion to exp(lean)
    scene = np.argsort(-(lean[country] + rng.gumbel(size=(n, scenes))), axis=1)[:, :4]
    weight = rng.dirichlet([1.2, 1.2, 1.2], n)
    taste = (weight[:, :, None] * catalogue.scene_taste[scene[:, :3]]).sum(axis=1)
    taste = unit(unit(taste) + rng.normal(0, 0.3 / TASTE_DIMS**0.5, (n, TASTE_DIMS)))
    speed = rng.beta(1.5, 4.0, n)[:, None]
    return taste, (speed * (catalogue.scene_taste[scene[:, 3]] - taste)).astype(np.float32)


def _mode_taste(
    rng: np.random.Generator, catalogue: WorldCatalogue, own: NDArray[np.float32], mode: NDArray[np.int32]
) -> NDArray[np.float32]:
    pull = np.zeros((len(modes.MODES), TASTE_DIMS))
    for row, m in enumerate(modes.MODES):
        if m.pull:
            pull[row] = unit(catalogue.genre_taste[[genres.NAMES.index(g) for g in m.pull]].sum(axis=0))
    noise = rng.normal(0, 0.25 / TASTE_DIMS**0.5, (*mode.shape, TASTE_DIMS))
    bent = own[:, None, :] + PULL_OF_MODE * pull[mode]
    return unit(np.where(modes.OWN[mode][:, :, None], bent, pull[mode]) + noise)
