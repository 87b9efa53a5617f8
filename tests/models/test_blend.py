from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.blend import _Choices, blend, learn, worths
from models.sources.base import TopK

TRACKS = 40
TIES = np.arange(TRACKS, dtype=np.int32)[::-1].copy()


def top(ids: Any, scores: Any, because: Any = None) -> TopK:
    tracks = np.asarray(ids, np.int32)
    return TopK(
        tracks, np.asarray(scores, np.float32), np.asarray(np.full_like(tracks, -1) if because is None else because, np.int32)
    )


def lists(seed: int, n: int, k: int, sources: int) -> dict[str, TopK]:
    rng = np.random.default_rng(seed)
    made = {}
    for s in range(sources):
        ids = np.argsort(rng.random((n, TRACKS)), axis=1)[:, :k].astype(np.int32)
        scores = -np.sort(-rng.normal(size=(n, k)).astype(np.float32), axis=1)
        held = rng.integers(0, k + 1, n)
        gone = np.arange(k) >= held[:, None]
        ids[gone], scores[gone] = -1, -np.inf
        made[f"s{s}"] = TopK(ids, scores, np.where(gone, -1, (ids + 1) % TRACKS).astype(np.int32))
    return made


def test_the_unit_of_a_source_does_not_count_and_its_shape_does() -> None:
    scores = np.array([[9.0, 5.0, 1.0]])
    assert worths(top([[4, 5, 6]], scores * 1000)).tolist() == worths(top([[4, 5, 6]], scores)).tolist()
    moved = worths(top([[4, 5, 6]], scores - 20))  # what a full list's zero is nobody knows
    assert moved[0].tolist() == pytest.approx(worths(top([[4, 5, 6]], scores))[0].tolist())
    ahead = worths(top([[4, 5, 6]], [[9.0, 2.0, 1.0]]))
    assert ahead[0, 0] > moved[0, 0] and ahead[0, 1] < moved[0, 1]


def test_a_list_that_ends_early_leads_over_zero_and_one_of_equal_scores_is_told_apart_by_rank() -> None:
    rank = [1.0, 0.5, 1 - np.log(3) / np.log(4)]
    short = worths(top([[4, -1, -1]], [[0.2, -np.inf, -np.inf]]))
    assert short[0].tolist() == pytest.approx([(1 + np.log(2) / np.log(4)) / 2, 0, 0])
    equal = worths(top([[4, 5, 6]], [[7.0, 7.0, 7.0]]))
    assert equal[0].tolist() == pytest.approx([r / 2 for r in rank])
    assert worths(top([[-1, -1, -1]], [[-np.inf] * 3])).tolist() == [[0, 0, 0]]


def test_scores_add_up_and_the_strongest_source_is_named() -> None:
    a, b = top([[1, 2, 3]], [[9, 5, 1]], [[7, 8, 9]]), top([[3, 2, 4]], [[1, 0.5, 0]])
    made = blend({"a": a, "b": b}, {"b": 3.0, "a": 1.0}, TIES, 4)
    assert made.ids.tolist() == [[3, 2, 1, 4]]
    (a1, a2, a3), (b3, b2, b4) = worths(a)[0].astype(float), worths(b)[0].astype(float)
    np.testing.assert_allclose(made.scores, [[a3 + 3 * b3, a2 + 3 * b2, a1, 3 * b4]], rtol=1e-6)
    assert made.source.tolist() == [[0, 0, 1, 0]]
    assert made.because.tolist() == [[9, 8, 7, -1]]  # b names no heard track, so a's stands


def test_a_source_without_weight_and_one_that_failed_change_nothing() -> None:
    a, b = top([[1, 2]], [[2, 1]]), top([[5, 1]], [[2, 1]])
    alone = blend({"a": a}, {"a": 1.0}, TIES, 3)
    for made in (blend({"a": a, "b": b}, {"a": 1.0, "b": 0.0}, TIES, 3), blend({"a": a}, {"a": 1.0, "b": 1.0}, TIES, 3)):
        assert made.ids.tolist() == alone.ids.tolist() == [[1, 2, -1]]


def test_equal_scores_go_by_external_id() -> None:
    made = blend({"a": top([[3, 9]], [[2, 1]]), "b": top([[9, 3]], [[2, 1]])}, {"a": 1.0, "b": 1.0}, TIES, 2)
    assert made.ids.tolist() == [[9, 3]]  # ids in reverse order of numbers


@given(seed=st.integers(0, 1000), k=st.integers(1, 12), wanted=st.integers(1, 40))
def test_it_equals_a_plain_sum(seed: int, k: int, wanted: int) -> None:
    named = lists(seed, 5, k, 3)
    weights = {"s0": 0.5, "s2": 0.3, "s1": 0.2}
    made = blend(named, weights, TIES, wanted)
    for row in range(5):
        total: dict[int, float] = {}
        for name in weights:
            for track, value in zip(named[name].ids[row], worths(named[name])[row], strict=True):
                if track >= 0:
                    total[int(track)] = total.get(int(track), 0.0) + weights[name] * float(value)
        ranked = sorted(total, key=lambda t: (-np.float32(total[t]), TIES[t]))[:wanted]
        assert made.ids[row].tolist() == ranked + [-1] * (wanted - len(ranked))


def test_a_listeners_list_does_not_depend_on_the_block() -> None:
    named = lists(3, 20, 10, 3)
    weights = {"s0": 0.2, "s1": 0.5, "s2": 0.3}
    whole = blend(named, weights, TIES, 15)
    for at in (0, 7, 19):
        one = blend({n: TopK(t.ids[[at]], t.scores[[at]], t.because[[at]]) for n, t in named.items()}, weights, TIES, 15)
        assert one.ids.tobytes() == whole.ids[at].tobytes()
        assert one.scores.tobytes() == whole.scores[at].tobytes()


def test_the_source_that_foresaw_the_picks_gets_the_weight() -> None:
    named = lists(5, 300, 20, 2)
    rng = np.random.default_rng(1)
    row = np.arange(300)
    liked = named["s1"].ids[row, np.minimum(rng.geometric(0.5, 300) - 1, 19)]  # near the top of s1's lists
    there = liked >= 0
    weights = learn(named, row[there], liked[there])
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["s1"] > 0.9
    assert list(weights) == ["s0", "s1"]


def test_a_source_that_is_always_wrong_gets_nothing() -> None:
    good = lists(6, 200, 20, 1)["s0"]
    wrong = TopK(good.ids[:, ::-1].copy(), np.tile(np.arange(20, 0, -1, np.float32), (200, 1)), good.because)
    full = (good.ids >= 0).all(axis=1)
    pair = {n: TopK(t.ids[full], t.scores[full], t.because[full]) for n, t in {"good": good, "wrong": wrong}.items()}
    assert learn(pair, np.arange(full.sum()), pair["good"].ids[:, 0])["wrong"] == 0.0


def test_without_a_pick_on_any_list_all_weigh_the_same() -> None:
    named = {"a": top([[1, 2]], [[2, 1]]), "b": top([[3, 1]], [[2, 1]])}
    none = np.empty(0, np.int64), np.empty(0, np.int32)
    assert learn(named, *none) == learn(named, np.array([0]), np.array([39], np.int32)) == {"a": 0.5, "b": 0.5}


def test_the_gradient_is_the_slope() -> None:
    named = lists(8, 50, 10, 3)
    row, track = np.arange(50), named["s2"].ids[:, 0]
    problem = _Choices.of(named, row[track >= 0], track[track >= 0])
    assert problem is not None
    w = np.array([0.3, 1.0, 0.7])
    _, slope = problem.loss(w)
    for axis in range(3):
        step = 1e-5 * np.eye(3)[axis]
        assert slope[axis] == pytest.approx((problem.loss(w + step)[0] - problem.loss(w - step)[0]) / 2e-5, rel=1e-5)
