from __future__ import annotations

import numpy as np
import pytest

from models.world import World
from models.world.dirt import LEAST, REASONS, Dirt, plant, sample_for_dirt
from models.world.listening import Listens
from models.world.sessions import DAY_MS


@pytest.fixture(scope="module")
def dirt(world: World, listens: Listens) -> Dirt:
    return plant(world, sample_for_dirt(world, listens, 0), len(listens))


def of(dirt: Dirt, reason: str) -> Listens:
    return dirt.rows.take(dirt.reason == REASONS.index(reason))


def test_every_kind_of_dirt_is_there(dirt: Dirt) -> None:
    assert min(dirt.counts().values()) >= LEAST
    assert sum(dirt.counts().values()) == len(dirt.rows)


def test_only_duplicates_by_id_share_a_key(dirt: Dirt, listens: Listens) -> None:
    repeated = np.isin(dirt.rows.key, listens.key)
    assert (repeated == (dirt.reason == REASONS.index("duplicate_id"))).all()
    assert (dirt.rows.key != 0).all()
    assert len(np.unique(dirt.rows.key)) == len(dirt.rows)


def test_duplicates_by_id_are_exact_and_come_with_or_after_their_original(dirt: Dirt, listens: Listens) -> None:
    copies = of(dirt, "duplicate_id")
    original = listens.take([int(np.flatnonzero(listens.key == key)[0]) for key in copies.key])
    for name in ("listener", "track", "start_ms", "ms_played", "device", "reason"):
        np.testing.assert_array_equal(getattr(copies, name), getattr(original, name))
    days = copies.arrival_ms // DAY_MS - original.arrival_ms // DAY_MS
    assert days.min() == 0
    assert days.max() > 0


def test_duplicate_plays_start_within_ten_seconds_of_one_genuine_play(dirt: Dirt, listens: Listens) -> None:
    for row in range(len(copies := of(dirt, "duplicate_play"))):
        same = (listens.listener == copies.listener[row]) & (listens.track == copies.track[row])
        away = copies.start_ms[row] - listens.start_ms[same]
        assert ((away > 0) & (away < 10_000)).sum() == 1


def test_clocks_are_far_off(world: World, dirt: Dirt) -> None:
    epoch = -(world.first_day.toordinal() - 719_163) * DAY_MS
    assert (of(dirt, "ancient").start_ms - epoch < DAY_MS).all()
    assert (of(dirt, "future").start_ms >= (world.days + 2) * DAY_MS).all()
    assert (of(dirt, "future").arrival_ms // DAY_MS == world.days - 1).all()


def test_bots_play_more_than_a_day_on_every_day_they_have(world: World, dirt: Dirt) -> None:
    bots = of(dirt, "impossible_day")
    assert bots.listener.min() == world.size.listeners
    per_day = np.bincount((bots.listener - world.size.listeners) * world.days + bots.start_ms // DAY_MS, bots.ms_played)
    assert per_day[per_day > 0].min() > 24 * 3_600_000
    assert np.diff(bots.start_ms).min() > 10_000
