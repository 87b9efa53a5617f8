from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.trainers import TrainPopularity
from models.sources.base import Catalogue, Exclusions, Listeners
from models.sources.popularity import Popularity, Tally

ALL = Catalogue(np.arange(4, dtype=np.int32), np.ones(4, bool))


def tally(make_histories: Any, countries: list[str | None], heard: Any, cut_day: int = 10, half_life: float = 5) -> Tally:
    counts = Tally(4, cut_day, half_life)
    counts.add(Listeners(make_histories(heard), pa.array(countries, pa.string())))
    return counts


def test_a_listener_counts_once_and_half_after_a_half_life(make_histories: Any) -> None:
    counts = tally(make_histories, ["DE", "DE"], [[1, 0, 0, 0], [1, 1, 0, 0]])
    counts.add(Listeners(make_histories([[0, 1, 0, 0]], last_day=5), pa.array(["DE"])))
    made = Popularity.of(counts, ALL, TrainPopularity(country_prior=0))
    # track 0: two listeners today; track 1: one today and one a half-life ago
    np.testing.assert_allclose(made.shares, np.array([2, 1.5, 0, 0]) / 3.5, rtol=1e-6)
    assert made.top[0].tolist() == [0, 1, 2, 3]


def test_countries_are_shrunk_to_the_world(make_histories: Any) -> None:
    heard = [[1, 0, 0, 0]] * 6 + [[0, 1, 0, 0]] * 2
    counts = tally(make_histories, ["DE"] * 6 + ["FR"] * 2, heard)
    own = Popularity.of(counts, ALL, TrainPopularity(country_prior=0))
    assert own.countries.tolist() == ["", "DE", "FR"]
    assert own.top[:, 0].tolist() == [0, 0, 1]
    # world: 6/8 and 2/8; France with prior 2: (0 + 2 * 6/8) / 4 and (2 + 2 * 2/8) / 4
    shrunk = Popularity.of(counts, ALL, TrainPopularity(country_prior=2))
    np.testing.assert_allclose(shrunk.top_shares[2, :2], [2.5 / 4, 1.5 / 4])
    swamped = Popularity.of(counts, ALL, TrainPopularity(country_prior=1000))
    assert swamped.top[2, 0] == 0


def test_unknown_countries_get_the_world(make_histories: Any) -> None:
    counts = tally(make_histories, ["DE", "FR", None], [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1]])
    source = Popularity.of(counts, ALL, TrainPopularity(country_prior=0))
    block = Listeners(make_histories(np.zeros((3, 4))), pa.array([None, "XX", "FR"], pa.string()))
    found = source.recommend(block, 2, Exclusions(np.zeros(4, np.int64), np.empty(0, np.int32)))
    assert found.ids.tolist() == [[0, 1], [0, 1], [1, 0]]


def test_order_of_blocks_does_not_change_a_bit(make_histories: Any) -> None:
    rng = np.random.default_rng(0)
    blocks = [
        Listeners(make_histories(rng.random((40, 4)) < 0.5, last_day=day), pa.array(rng.choice(["DE", "FR"], 40)))
        for day in (1, 3, 9)
    ]
    saved = []
    for order in (blocks, blocks[::-1]):
        counts = Tally(4, 10, 3.3)
        for block in order:
            counts.add(block)
        saved.append(Popularity.of(counts, ALL, TrainPopularity()).save().arrays)
    assert all(saved[0][name].tobytes() == saved[1][name].tobytes() for name in saved[0])


@pytest.mark.parametrize("completions", [0, 1])
def test_a_skipped_track_is_not_popular(make_histories: Any, completions: int) -> None:
    log = make_histories([[0, 0, 1, 0]])
    log.completions[:] = completions
    assert Popularity.fit(log, ALL, TrainPopularity()).top[0, 0] == (2 if completions else 0)


def test_a_context_has_its_own_chart_shrunk_to_the_world(make_histories: Any) -> None:
    counts = tally(make_histories, ["DE"] * 4, [[1, 0, 0, 0]] * 3 + [[0, 1, 0, 0]])
    counts.add_context("sleep", np.array([2, 1, 2], np.int32), np.array([3, 1, 3]))
    counts.add_context("morning", np.array([3], np.int32), np.array([0.5]))
    source = Popularity.of(counts, ALL, TrainPopularity(context_prior=1))
    assert source.contexts.tolist() == ["morning", "sleep"]
    ids, shares = source.chart("sleep")
    # world: 3/4 and 1/4; sleep with prior 1: (0 + 3/4) / 8, (1 + 1/4) / 8, 6 / 8
    assert ids.tolist() == [2, 1, 0, 3]
    np.testing.assert_allclose(shares, np.array([6, 1.25, 0.75, 0]) / 8)
    assert source.chart("morning")[0].tolist() == [0, 3, 1, 2], "half a listener barely moves the world's chart"


def test_an_unknown_context_gets_the_world_and_no_context_changes_it(make_histories: Any) -> None:
    plain = tally(make_histories, ["DE", "FR"], [[1, 1, 0, 0], [0, 1, 0, 0]])
    before = Popularity.of(plain, ALL, TrainPopularity())
    plain.add_context("sleep", np.array([3], np.int32), np.array([50]))
    after = Popularity.of(plain, ALL, TrainPopularity())
    assert after.chart("gym")[0].tolist() == after.top[0].tolist() == before.top[0].tolist()
    assert after.top_shares.tobytes() == before.top_shares.tobytes()


def test_a_saved_context_chart_is_read_back_without_what_is_blocked_since(make_histories: Any) -> None:
    counts = tally(make_histories, ["DE"], [[1, 0, 0, 0]])
    counts.add_context("sleep", np.array([1, 2], np.int32), np.array([9, 5]))
    saved = Popularity.of(counts, ALL, TrainPopularity(context_prior=1)).save()
    loaded = Popularity.load(saved.arrays, saved.params, replace(ALL, allowed=np.array([True, False, True, True])))
    assert loaded.chart("sleep")[0].tolist() == [2, 0, 3]


def test_an_artefact_of_before_contexts_still_serves(make_histories: Any) -> None:
    saved = Popularity.of(tally(make_histories, ["DE"], [[1, 0, 0, 0]]), ALL, TrainPopularity()).save()
    older = {name: values for name, values in saved.arrays.items() if "context" not in name}
    assert Popularity.load(older, saved.params, ALL).chart("sleep")[0].tolist() == [0, 1, 2, 3]
