"""What a listener plays in each context, and what each session of the last week was for."""

from __future__ import annotations

import numpy as np
import pytest

from conf.contexts import CONTEXTS
from conf.feature_jobs import BuildListenerFeatures
from models.contexts.modes import MODES
from models.listening import DAY_US
from models.ranking.features.judged import Unjudged
from models.ranking.features.sessions import context_features, session_features
from tests.models.ranking.features.conftest import CUT, Play, block_of, drawn

PARAMS = BuildListenerFeatures()
VECTORS = np.array([[3, 0], [0, 2], [0, 0]], np.float32)


def judged(*rows: dict[str, float]) -> Unjudged:
    modes = np.array([[row.get(mode, 0.0) for mode in MODES] for row in rows], np.float32)
    return Unjudged(modes.reshape(len(rows), len(MODES)))


def test_a_context_has_its_share_its_sessions_and_the_taste_completed_in_it() -> None:
    plays = [Play(0, 0, 5.0), Play(0, 1, 5.0 - 0.003), Play(0, 1, 5.0 - 0.006, heard_s=2.0), Play(0, 1, 3.0)]
    made = context_features(block_of(plays, 2), CUT, judged({"party": 1.0}, {"focus": 1.0}), VECTORS, PARAMS)
    assert made.listener.tolist() == [0, 0]
    assert [CONTEXTS[at] for at in made.context] == ["focus", "party"]
    assert made.share.tolist() == [0.25, 0.75]
    assert made.sessions.tolist() == [1.0, 1.0]
    assert made.embedding is not None
    assert made.embedding[0].tolist() == [0.0, 1.0]
    assert made.embedding[1] == pytest.approx([3 / 13**0.5, 2 / 13**0.5])


def test_a_context_that_is_hardly_ever_meant_has_no_row() -> None:
    made = context_features(block_of([Play(0, 0, 5.0)], 1), CUT, judged({"party": 0.7, "focus": 0.3}), None, PARAMS)
    assert [CONTEXTS[at] for at in made.context] == ["party"]
    assert made.share.tolist() == pytest.approx([0.7])
    assert made.embedding is None


def test_sessions_of_the_last_seven_days_are_shown() -> None:
    plays = [
        Play(0, 0, 7.0 + 1e-3),
        Play(0, 1, 7.0 - 1e-3),
        Play(0, 0, 2.0),
        Play(0, 1, 2.0 - 0.003, heard_s=2.0),
        Play(1, 2, 1.0),
    ]
    said = judged({"party": 1.0}, {"child": 0.6, "any": 0.4}, {"commute": 0.75, "sleep": 0.25})
    made = session_features(block_of(plays, 2), CUT, said, VECTORS)
    assert made.listener.tolist() == [0, 1], "one began before those days"
    assert made.started_at.tolist() == [CUT - 2 * DAY_US, CUT - DAY_US]
    assert made.plays.tolist() == [2, 1]
    assert [MODES[at] for at in made.mode] == ["child", "commute"]
    assert [CONTEXTS[at] for at in made.context] == ["any", "commute"]
    assert made.embedding is not None
    assert made.embedding.tolist() == [[1.0, 0.0], [0.0, 0.0]], "the skipped track says nothing, the last one has no factors"


def test_a_session_that_reaches_beyond_the_cut_ends_there() -> None:
    block = block_of([Play(0, 0, 0.001), Play(0, 1, -0.001), Play(0, 1, -0.5)], 1)
    made = session_features(block, CUT, None, VECTORS)
    assert made.plays.tolist() == [1]
    before = context_features(block_of([Play(0, 0, 0.001)], 1), CUT, None, VECTORS, PARAMS)
    after = context_features(block, CUT, None, VECTORS, PARAMS)
    assert after.embedding is not None and before.embedding is not None
    assert (after.embedding.tobytes(), after.share.tobytes()) == (before.embedding.tobytes(), before.share.tobytes())


def test_a_track_that_the_vectors_do_not_know_adds_nothing() -> None:
    made = session_features(block_of([Play(0, 0, 1.0), Play(0, 9, 1.0 - 0.003)], 1), CUT, None, VECTORS)
    assert made.embedding is not None
    assert made.embedding.tolist() == [[1.0, 0.0]]


def test_a_listener_alone_has_the_same_bytes() -> None:
    plays = drawn(5)
    whole = block_of(plays, 4)
    vectors = np.random.default_rng(1).standard_normal((12, 7)).astype(np.float32)
    together = context_features(whole, CUT, None, vectors, PARAMS)
    assert together.embedding is not None
    for who in range(4):
        alone = context_features(
            block_of([Play(**(vars(p) | {"who": 0})) for p in plays if p.who == who], 1), CUT, None, vectors, PARAMS
        )
        assert alone.embedding is not None
        assert together.embedding[together.listener == who].tobytes() == alone.embedding.tobytes()


def test_an_empty_block_has_no_rows() -> None:
    assert len(context_features(block_of([], 3), CUT, None, VECTORS, PARAMS).listener) == 0
    made = session_features(block_of([], 3), CUT, None, VECTORS)
    assert (len(made.listener), made.contexts.shape) == (0, (0, len(CONTEXTS)))
