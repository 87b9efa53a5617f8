"""The sides of the matrix: what nobody made keeps its room, so that views of listeners and tracks meet their own kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conf.features.listener import EMBEDDED
from models.ranking.sides import known, listener_side
from tests.models.ranking import planted as p


def test_without_factors_meanings_still_meet_meanings() -> None:
    """A week whose factorization failed: the store keeps zeros in the place of its view, and the tracks have no factors."""
    side = replace(p.tracks(), taste=known(None, p.TRACKS, EMBEDDED["mf"]))
    usual = p.listeners(p.tracks())
    n, meaning = len(usual), usual.meaning
    embedding = np.concatenate([np.zeros((n, EMBEDDED["mf"]), np.float32), meaning], axis=1)
    made = listener_side(usual.log, 20_000, {}, usual.country, embedding, usual.share, usual.modes, side)
    np.testing.assert_array_equal(made.meaning, meaning)
    assert not made.taste.any()


def test_track_sides_without_vectors_keep_the_width_of_the_listeners_views() -> None:
    side = p.tracks(taste=None)
    assert side.taste.shape == (p.TRACKS, EMBEDDED["mf"]) and not side.taste.any()
