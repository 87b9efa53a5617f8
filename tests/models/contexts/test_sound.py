"""Styles part what lies apart; facts of sessions are sums."""

from __future__ import annotations

import numpy as np
import pytest

from conf.audio import READINGS
from conf.contexts import PLAYLIST_CONTEXTS, TrainContexts
from models.contexts.facts import facts, first_plays
from models.contexts.modes import MODES
from models.contexts.personal import strangers
from models.contexts.prior import GUESSES, devices, hours, playlists, shares, weekdays
from models.contexts.sound import Sound, Styles, Tracks
from models.contexts.tables import Tables
from models.contexts.words import WORDS, words
from tests.models.contexts.conftest import HOUR_US, MONDAY, PER_STYLE, block, sound


def test_styles_part_what_lies_apart() -> None:
    styles = Styles.learn(sound().meaning, np.ones(40), 4)
    style = styles.of(sound()).style
    assert len(styles) == 4
    assert sorted(set(style.tolist())) == [0, 1, 2, 3]
    assert all(len(set(style[at : at + PER_STYLE].tolist())) == 1 for at in range(0, 40, PER_STYLE))


@pytest.mark.parametrize("plays", [np.zeros(40), np.zeros(0)])
def test_no_plays_no_styles(plays: np.ndarray) -> None:
    assert len(Styles.learn(sound().meaning, plays, 4)) == 0
    assert len(Styles.learn(None, np.ones(40), 4)) == 0


def test_more_styles_than_tracks_are_the_tracks() -> None:
    assert len(Styles.learn(sound().meaning, np.append(np.ones(3), np.zeros(37)), 24)) == 3


def test_a_session_is_the_sum_of_its_plays() -> None:
    readings = np.full((3, len(READINGS)), np.nan)
    readings[0, 0], readings[1, 0] = 1.0, 3.0
    tracks = Tracks(np.array([1, 1, -1]), readings)
    heard = block([(0, MONDAY + 9 * HOUR_US, "car", np.array([0, 1, 2, 7])), (1, MONDAY, "tv", np.array([2]))], 2)
    told = facts(heard, tracks, styles=2)
    assert told.plays.tolist() == [4.0, 1.0]
    assert told.styles.tolist() == [[0.0, 2.0], [0.0, 0.0]]
    assert (told.count[:, 0].tolist(), told.mean[:, 0].tolist()) == ([2.0, 0.0], [2.0, 0.0])
    assert told.playlist[:, PLAYLIST_CONTEXTS.index("own_playlist")].tolist() == [4.0, 1.0]
    assert told.weekday.tolist() == [0, 6]  # midnight of Monday is Sunday's listening
    assert told.slot.tolist() == [18, 0]


def test_session_numbers_may_have_gaps() -> None:
    assert first_plays(np.array([3, 3, 7, 9, 9])).tolist() == [0, 2, 3]
    assert first_plays(np.empty(0, np.int64)).tolist() == []


def test_what_is_known_beforehand_is_shares() -> None:
    for table in (hours(), weekdays(), devices(), playlists(), shares()):
        np.testing.assert_allclose(table.sum(axis=-1), 1.0)
        assert (table > 0).all()
    assert tuple(GUESSES) == MODES


def test_a_stranger_has_everybodys_habits() -> None:
    tables = Tables.expected(np.full(2, 0.5), np.ones((len(MODES), 2)))
    one = strangers(tables, 1, TrainContexts())
    np.testing.assert_allclose(one.styles[0], 0.5)
    assert not one.sessions.any()


def test_words_speak_in_any_case_and_null_is_silent() -> None:
    told = words(np.array([0, 1, 2]), [["SLEEP music"], None, ["Deep House", "rock"]], tracks=4)
    assert told[0, MODES.index("sleep")] == 1.0
    assert told[2, MODES.index("party")] == 0.5
    assert not told[[1, 3]].any()
    assert set(WORDS) <= set(MODES)
    assert Sound(words=told).meaning is None
