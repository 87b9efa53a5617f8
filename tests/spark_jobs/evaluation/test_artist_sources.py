"""The sources over artists: even listeners play even artists, and friends tell the rest."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from conf.settings import RankArtists
from conf.trainers import TrainMf
from models.artists import tag_histories
from models.histories import Histories
from models.sources.base import Catalogue, Exclusions, Listeners
from spark_jobs.evaluation.artist_sources import ArtistTaste

LISTENERS, ARTISTS = 60, 40
CUT = date(2026, 9, 6)


@pytest.fixture
def taste() -> ArtistTaste:
    """Each listener plays 14 of the 20 artists of their kind; tags name the kinds."""
    rng = np.random.default_rng(0)
    played = [np.sort(rng.permutation(np.arange(kind % 2, ARTISTS, 2))[:14]) for kind in range(LISTENERS)]
    artist = np.concatenate(played).astype(np.int32)
    counts = np.ones(len(artist), np.int32)
    days = np.full(len(artist), (CUT - date(1970, 1, 1)).days - 1, np.int32)
    ids = pa.array([f"u{n:02d}" for n in range(LISTENERS)])
    log = Histories(
        ids, np.arange(LISTENERS + 1) * 14, artist, counts, counts, counts * 0, days, np.ones(len(artist), np.float32)
    )
    kind = pa.array([f"{'odd' if n % 2 else 'even'}" for n in range(ARTISTS)])
    tags = tag_histories(np.arange(ARTISTS, dtype=np.int32), kind, np.ones(ARTISTS, np.float32), 3)
    nobody = np.empty(0, np.int64)
    return ArtistTaste(
        Listeners(log, pa.nulls(LISTENERS, pa.string())), Catalogue.of_size(ARTISTS), tags, (nobody, nobody), CUT
    )


def test_unknown_artists_of_the_own_kind_come_first_and_known_ones_never(taste):
    log = taste.listeners.log
    found = taste.best(Exclusions(log.indptr, log.track_idx), 6, RankArtists())
    for listener, row in enumerate(found):
        own = set(log.track_idx[log.indptr[listener] : log.indptr[listener + 1]].tolist())
        assert set(row.tolist()) == set(range(listener % 2, ARTISTS, 2)) - own


def test_tags_tell_of_an_artist_whom_nobody_plays_yet(taste):
    unheard = 0
    taste = replace(
        taste, listeners=replace(taste.listeners, log=taste.listeners.log.where(taste.listeners.log.track_idx != unheard))
    )
    log = taste.listeners.log
    params = RankArtists(mf=TrainMf(dimensions=8, alpha0=0.03, reg=0.02, inputs="share"))
    lists = taste._lists(log, Exclusions(log.indptr, log.track_idx), params)
    for name in ("mf", "gfcf", "ease"):
        place = [row.tolist().index(unheard) for row in lists[name].ids[::2]]
        assert max(place) < 8, name  # of 26: among the six or seven unknown artists of the even kind


def test_friends_are_asked_where_there_are_any(taste):
    everybody = np.arange(2, LISTENERS)
    follows = (np.concatenate([everybody, everybody]), np.concatenate([everybody % 2, (everybody + 2) % LISTENERS]))
    log = taste.listeners.log
    known = Exclusions(log.indptr, log.track_idx)
    assert "friends" not in taste._lists(log, known, RankArtists())
    friends = replace(taste, follows=follows)._lists(log, known, RankArtists())["friends"]
    assert (friends.ids[:2] == -1).all()  # they follow nobody
    assert (friends.ids[2:] >= 0).any()
