from __future__ import annotations

import numpy as np

from models.world import World, company, genres
from models.world.listening import Listens


def test_friendship_is_mutual_and_between_likes(world: World) -> None:
    pairs = company.friendships(world)
    both = set(zip(pairs.user.tolist(), pairs.followed.tolist(), strict=True))
    assert all((b, a) in both and a != b for a, b in both)
    assert len(both) == len(pairs.user)
    taste = world.listeners.taste[:, 0]
    friends = (taste[pairs.user] * taste[pairs.followed]).sum(axis=1).mean()
    assert friends > (taste @ taste.T).mean() + 0.1


def test_most_tags_name_the_genre(world: World) -> None:
    tags = company.tags_of(world, "track")
    genre = np.array(genres.NAMES)[world.catalogue.track_genre[tags.entity]]
    assert 0.45 < (tags.tag == genre).mean() < 0.8
    assert len(set(zip(tags.entity.tolist(), tags.tag.tolist(), strict=True))) == len(tags.tag)
    assert tags.weight.min() >= 1


def test_playlists_hold_what_their_owner_saved(world: World, listens: Listens) -> None:
    lists = company.playlists(world, listens, 0)
    assert lists
    for playlist in lists:
        saved = listens.track[(listens.listener == playlist.listener) & (listens.feedback == company.SAVE)]
        assert len(playlist.tracks) >= 4
        assert len(set(playlist.tracks.tolist())) == len(playlist.tracks)
        assert np.isin(playlist.tracks, saved).all()


def test_exposures_carry_the_chance_with_which_they_were_drawn(world: World) -> None:
    shown = company.exposures(world)
    assert len(shown.track) > 0
    assert ((shown.propensity > 0) & (shown.propensity <= 1)).all()
    assert world.catalogue.allowed[shown.track, world.listeners.country[shown.listener]].all()
