from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.errors import ContractError
from conf.trainers import TrainSocial
from models.sources.base import Catalogue, Circle, Exclusions, Listeners, Reason
from models.sources.social import Social
from models.sources.taste_circles import charts, clusters

PARAMS = TrainSocial(dimensions=4, circles=2, near=1, k_listeners=3, k_friends=2, friends_weight=0.5, lift=0.0)
# Forty listeners play tracks 0 to 9, forty others 10 to 19; each has heard some seven of its ten.
SIDE = np.repeat([0, 1], 40)
CATALOGUE = Catalogue(np.arange(20, dtype=np.int32)[::-1].copy(), np.ones(20, bool))


def tastes() -> Any:
    return (np.repeat([0, 1], 10) == SIDE[:, None]) & (np.random.default_rng(0).random((80, 20)) < 0.7)


def crowd(make_histories: Any, heard: Any, circle: Circle | None = None) -> Listeners:
    return Listeners(make_histories(heard), pa.nulls(len(heard), pa.string()), circle)


def circle_of(n: int, listener: int, *loves: tuple[int, int, float]) -> Circle:
    """Friends of one listener alone: (track, friends, weight)."""
    tracks, friends, weight = zip(*loves, strict=True)
    indptr = np.where(np.arange(n + 1) > listener, len(loves), 0).astype(np.int64)
    return Circle(indptr, np.array(tracks, np.int32), np.array(friends, np.int32), np.array(weight, np.float32))


def proposals(source: Social, block: Listeners, k: int) -> Any:
    return source.recommend(block, k, Exclusions(block.log.indptr, block.log.track_idx))


def test_ones_own_kind_is_followed(make_histories: Any) -> None:
    block = crowd(make_histories, tastes())
    found = proposals(Social.fit(block.log, CATALOGUE, PARAMS), block, 3)
    there = found.ids >= 0
    assert there[:, 0].mean() > 0.9
    assert ((found.ids // 10 == SIDE[:, None]) | ~there).all()
    assert (found.because == -1).all()


def test_what_too_few_of_a_circle_love_is_never_told(make_histories: Any) -> None:
    heard = tastes()
    heard[:40, 9] = np.arange(40) < 2
    few = Social.fit(make_histories(heard), CATALOGUE, PARAMS)
    assert 9 not in few.circles.ids
    heard[2, 9] = True
    enough = Social.fit(make_histories(heard), CATALOGUE, PARAMS)
    assert enough.circles.members[enough.circles.ids == 9].tolist() == [3]


def test_friends_loves_are_told_from_k_friends_on(make_histories: Any) -> None:
    friends = circle_of(80, 0, (11, 1, 9.0), (12, 2, 4.0), (13, 3, 2.0))
    block = crowd(make_histories, tastes(), friends)
    source = Social.fit(block.log, CATALOGUE, PARAMS)
    found = proposals(source, block, 20)
    told = found.ids[0][found.ids[0] >= 10].tolist()
    assert told == [12, 13], "one friend's love would tell who it is"
    scores = dict(zip(found.ids[0].tolist(), found.scores[0].tolist(), strict=True))
    assert scores[12] == pytest.approx(0.5)  # friends_weight times the largest of 1
    assert scores[13] == pytest.approx(0.25)
    assert not (found.ids[1:40] >= 10).any(), "nobody else has these friends"


def test_without_friends_the_circles_speak_alone(make_histories: Any) -> None:
    heard = tastes()
    source = Social.fit(make_histories(heard), CATALOGUE, PARAMS)
    alone = proposals(source, crowd(make_histories, heard), 10)
    empty = Circle(np.zeros(81, np.int64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    with_none = proposals(source, crowd(make_histories, heard, empty), 10)
    assert alone.ids.tobytes() == with_none.ids.tobytes()


def test_reasons_count_people(make_histories: Any) -> None:
    heard = tastes()
    heard[0, 5] = False
    block = crowd(make_histories, heard, circle_of(80, 0, (5, 4, 1.0), (12, 2, 1.0)))
    source = Social.fit(block.log, CATALOGUE, PARAMS)
    both = source.explain(block.rows(0, 1), 5)
    members = int(heard[:40, 5].sum())
    assert sorted((reason.kind, reason.what) for reason in both) == [("friends", 4), ("friends", members)]
    assert sum(reason.share for reason in both) == pytest.approx(1.0)
    assert source.explain(block.rows(0, 1), 12) == (Reason("friends", 2, 1.0),)
    assert source.explain(block.rows(1, 2), 12) == ()


def test_a_block_gives_the_bits_of_the_whole(make_histories: Any) -> None:
    block = crowd(make_histories, tastes(), circle_of(80, 33, (12, 2, 3.0), (13, 2, 0.3)))
    source = Social.fit(block.log, CATALOGUE, PARAMS)
    whole = proposals(source, block, 6)
    for start, stop in ((0, 1), (30, 40), (33, 34), (79, 80)):
        part = proposals(source, block.rows(start, stop), 6)
        assert part.ids.tobytes() == whole.ids[start:stop].tobytes()
        assert part.scores.tobytes() == whole.scores[start:stop].tobytes()


def test_newer_loves_weigh_more(make_histories: Any) -> None:
    heard = np.zeros((8, 20), bool)
    heard[:, :3] = True
    log = make_histories(heard)
    log.last_day[log.track_idx == 1] -= 28
    log.last_day[log.track_idx == 2] -= PARAMS.days + 1
    indptr, ids, weights, members = charts(log, np.zeros(8, np.int32), 1, CATALOGUE, PARAMS)
    assert (indptr.tolist(), ids.tolist(), members.tolist()) == ([0, 2], [0, 1], [8, 8])
    assert weights.tolist() == pytest.approx([1.0, 0.5])  # half-life is 28 days


def test_lift_takes_down_what_everybody_loves(make_histories: Any) -> None:
    heard = np.zeros((80, 20), bool)
    heard[:, 0] = True
    heard[:30, 1] = True
    log, side = make_histories(heard), SIDE.astype(np.int32)
    _, ids, weights, _ = charts(log, side, 2, CATALOGUE, PARAMS.model_copy(update={"lift": 1.0}))
    # circle 0: track 0 is loved by 40 of its members out of 80 everywhere, track 1 by 30 out of 30
    assert ids.tolist() == [0, 1, 0]
    assert weights.tolist() == pytest.approx([0.5, 1.0, 1.0])


def test_charts_keep_the_heaviest_and_ties_go_to_the_first_id(make_histories: Any) -> None:
    log = make_histories(np.arange(20) < np.array([[6]] * 8))
    params = PARAMS.model_copy(update={"depth": 2})
    assert charts(log, np.zeros(8, np.int32), 1, CATALOGUE, params)[1].tolist() == [4, 5]  # ids are in reverse order


def test_like_points_share_a_cluster() -> None:
    points = np.eye(3)[np.array([0, 1, 2, 0, 1, 2, 0])]
    points[6] = 0.0
    centroids, cluster = clusters(points, 10, seed=7)
    assert len(centroids) == 3, "there are no more clusters than different points"
    assert cluster[:3].tolist() == cluster[3:6].tolist()
    assert len(set(cluster[:3])) == 3
    assert cluster[6] == -1


def test_the_catalogue_may_grow_but_not_shrink(make_histories: Any) -> None:
    block = crowd(make_histories, tastes())
    source = Social.fit(block.log, CATALOGUE, PARAMS)
    more = Catalogue(np.arange(21, dtype=np.int32), np.ones(21, bool))
    assert (proposals(replace(source, catalogue=more), block, 3).ids < 20).all()
    less = Catalogue(np.arange(5, dtype=np.int32), np.ones(5, bool))
    with pytest.raises(ContractError, match="20 tracks, 5 in the catalogue"):
        proposals(replace(source, catalogue=less), block, 3)
