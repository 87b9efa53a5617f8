from __future__ import annotations

import numpy as np
import pytest

from models.world import SIZES, World, names
from models.world.catalogue import build_catalogue
from models.world.sound import READINGS, SOUND_DIMS, read
from models.world.streams import stream


def test_taste_vectors_are_unit_vectors_near_their_artist(demo: World) -> None:
    catalogue = demo.catalogue
    np.testing.assert_allclose(np.linalg.norm(catalogue.taste, axis=1), 1, atol=1e-5)
    own = (catalogue.taste * catalogue.artist_taste[catalogue.track_artist]).sum(axis=1).mean()
    other = (catalogue.taste * np.roll(catalogue.artist_taste[catalogue.track_artist], 17, axis=0)).sum(axis=1).mean()
    assert own > 0.8
    assert abs(other) < 0.15


def test_every_artist_has_a_track_and_collaborators_are_other_artists(demo: World) -> None:
    catalogue = demo.catalogue
    assert len(np.unique(catalogue.track_artist)) == demo.size.artists
    guests = catalogue.track_guest >= 0
    assert 0.10 < guests.mean() < 0.14
    assert (catalogue.track_guest != catalogue.track_artist).all()
    same_scene = catalogue.artist_scene[catalogue.track_guest[guests]] == catalogue.track_scene[guests]
    assert same_scene.mean() > 0.7


def test_some_tracks_come_out_during_the_world_and_some_after_it(demo: World) -> None:
    release, days = demo.catalogue.release_day, demo.days
    assert 0.10 < ((release >= 0) & (release < days)).mean() < 0.14
    assert 0.005 < (release > days).mean() < 0.02


def test_limits_leave_at_least_one_country(demo: World) -> None:
    limited = ~demo.catalogue.allowed.all(axis=1)
    assert 0.02 < limited.mean() < 0.04
    assert demo.catalogue.allowed.any(axis=1).all()
    assert demo.catalogue.blocked.any()


def test_popularity_is_heavy_tailed(demo: World) -> None:
    mass = np.sort(np.exp(demo.catalogue.appeal))[::-1]
    assert mass[: len(mass) // 100].sum() / mass.sum() > 0.1


def test_trends_move_the_charts_and_new_releases_jump(demo: World) -> None:
    assert not np.allclose(demo.trends.scene[0], demo.trends.scene[-1], atol=0.2)
    new = np.flatnonzero((demo.catalogue.release_day > 14) & (demo.catalogue.release_day < 21))
    week = 3
    assert (demo.trends.track[week, new] > demo.trends.track[week + 6, new]).mean() > 0.9
    unborn = demo.catalogue.release_day > 7 * (week + 2)
    shares = np.diff(demo.trends.chart[week], prepend=0)
    assert shares[unborn].sum() == 0


def test_metal_is_faster_and_louder_than_ambient(demo: World) -> None:
    genre = demo.catalogue.track_genre
    tempo, energy = read(demo.catalogue.sound, "tempo"), read(demo.catalogue.sound, "energy")
    metal, ambient = genre == 8, genre == 12
    assert tempo[metal].mean() > tempo[ambient].mean() + 20
    assert energy[metal].mean() > energy[ambient].mean() + 0.4


@pytest.mark.parametrize("name", READINGS)
def test_readings_stay_in_their_domain(demo: World, name: str) -> None:
    values, reading = read(demo.catalogue.sound, name), READINGS[name]
    assert values.min() >= reading.low
    assert values.max() <= reading.high
    assert values.std() > 0


def test_readings_cover_each_coordinate_once() -> None:
    assert sorted(r.dim for r in READINGS.values()) == list(range(SOUND_DIMS))


def test_the_seed_decides() -> None:
    size = SIZES["tiny"]
    first, again, other = build_catalogue(size, 1), build_catalogue(size, 1), build_catalogue(size, 2)
    np.testing.assert_array_equal(first.sound, again.sound)
    assert not np.array_equal(first.sound, other.sound)


def test_artist_names_differ() -> None:
    assert len(set(names.artist_names(stream(1, "names"), 500))) == 500
