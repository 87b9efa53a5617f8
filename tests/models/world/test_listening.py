from __future__ import annotations

import numpy as np
import pytest

from models.world import SIZES, World, build_world, modes, with_numbers
from models.world.dirt import concatenate
from models.world.listening import Listens, mix
from models.world.playback import REASONS, hear, skip_probability
from models.world.sessions import DAY_MS


def test_threads_do_not_change_a_byte() -> None:
    world = build_world(with_numbers(SIZES["tiny"], listeners=2_500, audio=0), seed=4)  # three blocks
    alone = list(world.listens(threads=1))
    together = list(world.listens(threads=3))
    for one, other in zip(alone, together, strict=True):
        for name in Listens.__annotations__:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_nothing_plays_before_its_release_or_outside_its_countries(world: World, listens: Listens) -> None:
    catalogue = world.catalogue
    assert (listens.start_ms >= catalogue.release_day[listens.track].astype(np.int64) * DAY_MS).all()
    assert catalogue.allowed[listens.track, world.listeners.country[listens.listener]].all()


def test_all_listens_start_within_the_world(world: World, listens: Listens) -> None:
    assert listens.start_ms.min() >= 0
    assert listens.start_ms.max() < world.days * DAY_MS
    assert listens.arrival_ms.max() < world.days * DAY_MS


def test_no_natural_collision_of_listener_track_and_start(listens: Listens) -> None:
    order = np.lexsort((listens.start_ms, listens.track, listens.listener))
    rows = listens.take(order)
    same = (np.diff(rows.listener) == 0) & (np.diff(rows.track) == 0)
    # not within a session, and sessions lie 31 minutes apart
    assert np.diff(rows.start_ms)[same].min() > 30 * 60_000


def test_plays_of_a_listener_never_overlap(listens: Listens) -> None:
    same = np.diff(listens.listener) == 0
    end = listens.start_ms + listens.ms_played
    assert (listens.start_ms[1:] - end[:-1])[same].min() > 0


def test_sessions_have_one_mode_and_lie_more_than_half_an_hour_apart(listens: Listens) -> None:
    same_listener, same_session = np.diff(listens.listener) == 0, np.diff(listens.session) == 0
    gap = listens.start_ms[1:] - (listens.start_ms + listens.ms_played)[:-1]
    assert gap[same_listener & ~same_session].min() > 30 * 60_000
    assert gap[same_session].max() < 5_000
    assert (np.diff(listens.mode)[same_session] == 0).all()
    assert (np.diff(listens.device)[same_session] == 0).all()


def test_nobody_listens_more_than_a_day_a_day(demo: World, demo_block: Listens) -> None:
    block, world = demo_block, demo
    per_day = np.bincount(block.listener * world.days + block.start_ms // DAY_MS, block.ms_played)
    assert per_day.max() < 24 * 3_600_000


def test_the_end_of_a_play_fits_what_was_played(world: World, listens: Listens) -> None:
    duration = world.catalogue.duration_ms[listens.track]
    done = listens.reason == REASONS.index("trackdone")
    assert (listens.ms_played[done] == duration[done]).all()
    assert (listens.ms_played[~done] < duration[~done]).all()
    assert listens.ms_played.min() > 0


def test_skips_grow_as_affinity_falls(world: World, listens: Listens) -> None:
    slot = (world.listeners.mode[listens.listener] == listens.mode[:, None]).argmax(axis=1)
    fit = (world.listeners.taste[listens.listener, slot] * world.catalogue.taste[listens.track]).sum(axis=1)
    skipped = np.isin(listens.reason, (1, 2))
    low, high = np.quantile(fit, (0.25, 0.75))
    assert skipped[fit < low].mean() > skipped[fit > high].mean() + 0.15


@pytest.mark.parametrize(("fit", "impatience"), [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0)])
def test_a_known_track_is_skipped_less(fit: float, impatience: float) -> None:
    assert skip_probability(fit, impatience, True) < skip_probability(fit, impatience, False)


def test_hear_skips_early_and_finishes_whole() -> None:
    draws = np.full(18, 0.1, np.float32)
    assert hear(200_000, 0.0, False, draws) == (200_000, 0)
    ms, reason = hear(200_000, 1.0, False, draws)  # cut draw 0.1: within the first five seconds
    assert reason == 1
    assert ms < 5_000


def test_ids_are_unique_and_a_twentieth_is_missing(listens: Listens) -> None:
    with_id = listens.key[listens.key != 0]
    assert len(np.unique(with_id)) == len(with_id)
    assert 0.03 < (listens.key == 0).mean() < 0.07


def test_mix_is_one_to_one() -> None:
    assert len(np.unique(mix(np.arange(10_000, dtype=np.uint64)))) == 10_000


def test_late_rows_come_one_to_five_days_later(listens: Listens) -> None:
    days = (listens.arrival_ms - listens.start_ms) // DAY_MS
    assert set(days.tolist()) == {0, 1, 2, 3, 4, 5}
    assert 0.01 < (days > 0).mean() < 0.03


@pytest.mark.parametrize("listeners", [1, 3])
def test_the_smallest_worlds_can_be_played(listeners: int) -> None:
    world = build_world(with_numbers(SIZES["tiny"], listeners=listeners, audio=0), seed=1)
    assert concatenate(list(world.listens())).listener.max(initial=0) < listeners


def test_a_childs_mode_plays_childrens_music(demo: World, demo_block: Listens) -> None:
    block, world = demo_block, demo
    child = block.mode == modes.NAMES.index("child")
    fit = world.catalogue.taste[block.track] @ world.catalogue.genre_taste[13]
    assert fit[child].mean() > fit[~child].mean() + 0.3


def test_a_large_share_of_a_late_week_is_discovery(demo: World, demo_block: Listens) -> None:
    block, world = demo_block, demo
    pair = block.listener.astype(np.int64) * world.size.tracks + block.track
    first = np.zeros(len(block), bool)
    first[np.unique(pair, return_index=True)[1]] = True
    last_week = block.start_ms >= (world.days - 7) * DAY_MS
    assert 0.2 < first[last_week].mean() < 0.4
