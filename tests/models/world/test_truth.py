from __future__ import annotations

import numpy as np

from models.world import SIZES, World, modes
from models.world.listening import Listens
from models.world.sessions import DAY_MS, WEEK_MS
from models.world.truth import demand, enjoyment, taste_at

LAST_WEEK = SIZES["demo"].weeks - 1


def test_enjoyment_is_a_chance_and_follows_own_taste(demo: World) -> None:
    rows = np.arange(50)
    judged = enjoyment(demo.listeners, demo.shelf, rows, LAST_WEEK)
    assert judged.dtype == np.float32
    assert judged.shape == (50, demo.size.tracks)
    assert 0 < judged.min() < judged.max() < 1
    fit = taste_at(demo.listeners, rows, 0, LAST_WEEK / demo.size.weeks) @ demo.catalogue.taste.T
    assert np.mean([np.corrcoef(fit[i], judged[i])[0, 1] for i in range(50)]) > 0.8


def test_a_childs_mode_does_not_count_as_enjoyment(demo: World) -> None:
    child = modes.NAMES.index("child")
    parents = np.flatnonzero(demo.listeners.mode[:, 2] == child)[:20]
    own = taste_at(demo.listeners, parents, 0, 0) @ demo.catalogue.taste.T
    foreign = taste_at(demo.listeners, parents, 2, 0) @ demo.catalogue.taste.T
    judged = enjoyment(demo.listeners, demo.shelf, parents, 0)
    for i in range(len(parents)):
        assert np.corrcoef(judged[i], own[i])[0, 1] > np.corrcoef(judged[i], foreign[i])[0, 1]


def test_taste_drifts(demo: World) -> None:
    start, end = (taste_at(demo.listeners, np.arange(100), 0, t) for t in (0.0, 1.0))
    np.testing.assert_allclose(end - start, demo.listeners.drift[:100], atol=1e-6)


def test_plays_are_finished_as_often_as_enjoyment_says(demo: World, demo_block: Listens) -> None:
    block, n = demo_block, demo.size.listeners
    single = (demo.listeners.mode[:, 1] < 0)[block.listener]  # one mode only: no question which taste applies
    recent = single & (block.start_ms >= LAST_WEEK * WEEK_MS)
    judged = enjoyment(demo.listeners, demo.shelf, np.arange(n), LAST_WEEK)[block.listener[recent], block.track[recent]]
    finished = ~np.isin(block.reason[recent], (1, 2))
    # known tracks are skipped a little less than first plays, hence the one-sided tolerance
    assert -0.02 < finished.mean() - judged.mean() < 0.12
    low, high = np.quantile(judged, (0.25, 0.75))
    assert finished[judged > high].mean() > finished[judged < low].mean() + 0.1


def test_demand_puts_next_weeks_discoveries_ahead_of_popularity(demo: World, demo_block: Listens) -> None:
    block = demo_block
    cut = LAST_WEEK * 7 * DAY_MS
    heard = np.zeros((demo.size.listeners, demo.size.tracks), bool)
    past, week = block.start_ms < cut, block.start_ms >= cut
    heard[block.listener[past], block.track[past]] = True
    found = week & ~heard[block.listener, block.track] & (block.reason == 0)
    hits = np.zeros_like(heard)
    hits[block.listener[found], block.track[found]] = True
    rows = np.flatnonzero(hits.any(axis=1))
    popularity = np.bincount(block.track[past], minlength=demo.size.tracks).astype(float)

    def recall(scores: np.ndarray) -> float:
        top = np.argsort(-np.where(heard[rows], -np.inf, scores), axis=1)[:, :30]
        return float(np.take_along_axis(hits[rows], top, axis=1).sum() / hits[rows].sum())

    best, popular = recall(demand(demo.listeners, demo.shelf, rows, LAST_WEEK)), recall(np.tile(popularity, (len(rows), 1)))
    assert best > 2.5 * popular


def test_demand_is_zero_where_a_track_cannot_be_played(demo: World) -> None:
    wanted = demand(demo.listeners, demo.shelf, np.arange(30), LAST_WEEK)
    country = demo.listeners.country[:30]
    assert (wanted[~demo.catalogue.allowed.T[country]] == 0).all()
    assert (wanted[:, demo.catalogue.release_day > demo.days] == 0).all()
    assert wanted.sum(axis=1).max() <= 1
