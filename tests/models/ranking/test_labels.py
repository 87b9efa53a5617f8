"""Labels: what each kind of meeting is worth, and how far they look."""

from __future__ import annotations

import numpy as np
import pytest

from conf.ranking import GRADES
from models.listening import DAY_US
from models.ranking.labels import COMPLETED, UNMET, After, grades, picks
from models.ranking.matrix import Pairs


def after(*plays: tuple[int, int, float, bool, bool, int], saved: tuple[tuple[int, int], ...] = ()) -> After:
    """Plays are (listener, track, day, completed, skipped, session); day d of odd sessions is a commute, of even ones any."""
    columns = [np.array(column) for column in zip(*plays, strict=True)] if plays else [np.empty(0, int)] * 6
    listener, track, day, completed, skipped, session = columns
    contexts = np.stack([session % 2 == 1, session % 2 == 0], axis=1).astype(np.float32) if plays else None
    who, what = (np.array([one[at] for one in saved], int) for at in (0, 1))
    return After(
        listener.astype(np.int64), track.astype(np.int32), (day * DAY_US).astype(np.int64), completed.astype(bool),
        skipped.astype(bool), session.astype(np.int64), contexts, who.astype(np.int64), what.astype(np.int32),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("plays", "saved", "grade"),
    [
        ([(0, 5, 1, True, False, 1)], [], "completed"),
        ([(0, 5, 1, False, True, 1)], [], "skipped"),
        ([(0, 5, 1, False, False, 1)], [], "unmet"),  # broken off without a button: says nothing
        ([(0, 5, 1, False, True, 1), (0, 5, 2, True, False, 2)], [], "completed"),
        ([(0, 5, 1, True, False, 1), (0, 5, 20, True, False, 2)], [], "repeated"),
        ([(0, 5, 1, True, False, 1), (0, 5, 1.1, True, False, 1)], [], "completed"),  # twice in one sitting
        ([(0, 5, 1, True, False, 1), (0, 5, 29, True, False, 2)], [], "completed"),  # after 28 days
        ([(0, 5, 1, False, True, 1)], [(0, 5)], "saved"),
    ],
)
def test_the_best_that_happened_is_the_grade(plays: list, saved: list, grade: str) -> None:
    made = picks(after(*plays, saved=tuple(saved)), contexts=2)
    assert [GRADES[each] for each in made.grade] == [grade]


def test_what_comes_after_the_week_alone_is_no_pick() -> None:
    made = picks(after((0, 5, 8, True, False, 1), (1, 5, 6, True, False, 1)), contexts=2)
    assert made.listener.tolist() == [1]


def test_nothing_happened() -> None:
    made = picks(after(), contexts=2)
    assert len(made.track) == 0
    pairs = Pairs(
        np.array([0, 1]), np.array([5], np.int32), *[np.empty(1, np.int32)] * 2, ("mf",), np.empty((1, 0), np.float32)
    )
    assert grades(pairs, made).tolist() == [UNMET]


def test_a_context_takes_what_was_picked_there() -> None:
    made = picks(after((0, 5, 1, True, False, 1), (0, 6, 2, True, False, 2), (1, 6, 2, True, False, 1)), contexts=2)
    first, track = np.array([0, 3, 4]), np.array([6, 5, 9, 6], np.int32)
    pairs = Pairs(first, track, track, track.astype(np.int8), ("mf",), np.empty((4, 0), np.float32))
    assert (grades(pairs, made) == COMPLETED).tolist() == [True, True, False, True]
    assert (grades(pairs, made, context=0) == COMPLETED).tolist() == [False, True, False, True]
