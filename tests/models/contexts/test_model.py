"""Planted sessions are found, names stay, and each listener's answer is their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.contexts import CONTEXTS, DEVICES, PLAYLIST_CONTEXTS, TrainContexts
from conf.errors import ContractError
from models.contexts import FOREIGN, MODES, ContextModel, Play, Sound
from tests.models.contexts.conftest import HOUR_US, KIDS, MONDAY, PER_STYLE, Planted, block, sound, tracks_of


def judged(model: ContextModel, planted: Planted) -> list[int]:
    return model.judge(planted.listening, planted.sound).modes.argmax(axis=1).tolist()


def test_planted_modes_are_found_without_labels(model: ContextModel, planted: Planted) -> None:
    right = np.array(judged(model, planted)) == planted.modes
    assert right.mean() > 0.97
    own = model.judge(planted.listening, planted.sound).own < 0.5
    assert (own == (np.array(planted.modes) >= MODES.index(FOREIGN[0]))).all()


def test_without_any_sound_hours_and_devices_still_speak(planted: Planted) -> None:
    deaf = ContextModel.fit(planted.listening, Sound(), TrainContexts())
    found = deaf.judge(planted.listening, Sound()).modes.argmax(axis=1)
    assert len(deaf.styles) == 0
    assert (found == planted.modes).mean() > 0.9


def test_contexts_and_own_are_what_the_modes_say(model: ContextModel, planted: Planted) -> None:
    told = model.judge(planted.listening, planted.sound)
    assert told.modes.dtype == told.contexts.dtype == told.own.dtype == np.float32
    np.testing.assert_allclose(told.modes.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(told.contexts.sum(axis=1), 1.0, rtol=1e-5)
    foreign = told.own < 0.1
    assert foreign.any()
    assert (told.contexts[foreign].argmax(axis=1) == CONTEXTS.index("any")).all()
    assert told.of_plays(told.own).shape == (len(planted.listening),)
    assert (planted.listening.session[told.first] == np.arange(len(planted.modes))).all()
    assert (planted.listening.listener[told.first] == told.listener).all()


def test_a_listener_is_judged_by_their_own_plays_alone(model: ContextModel, planted: Planted) -> None:
    tracks = model.tracks(planted.sound)
    among = model.judge(planted.listening, tracks)
    for who in (0, 5):
        alone = model.judge(replace(planted.listening.where(planted.listening.listener == who)), tracks)
        np.testing.assert_array_equal(alone.modes, among.modes[among.listener == who])


def test_the_same_log_gives_the_same_bytes_and_saving_keeps_them(model: ContextModel, planted: Planted) -> None:
    again = ContextModel.fit(planted.listening, planted.sound, TrainContexts(styles=4)).save()
    saved = model.save()
    for name, values in saved.arrays.items():
        np.testing.assert_array_equal(values, again.arrays[name])
    loaded = ContextModel.load(saved.arrays, saved.params)
    np.testing.assert_array_equal(
        loaded.judge(planted.listening, planted.sound).modes, model.judge(planted.listening, planted.sound).modes
    )


def test_an_empty_log_knows_what_is_known_beforehand(planted: Planted) -> None:
    empty = planted.listening.where(np.zeros(len(planted.listening), bool))
    model = ContextModel.fit(replace(empty, listeners=0), Sound(), TrainContexts())
    assert model.judge(empty, Sound()).modes.shape == (0, len(MODES))
    morning = block([(0, MONDAY + 8 * HOUR_US, "car", np.arange(8))], 1)
    assert MODES[model.judge(morning, Sound()).modes[0].argmax()] == "commute"
    party = block([(0, MONDAY + (5 * 24 + 23) * HOUR_US, "speaker", np.arange(30))], 1)
    assert MODES[model.judge(party, Sound()).modes[0].argmax()] == "party"


def test_modes_that_a_log_lacks_keep_their_names(model: ContextModel, planted: Planted) -> None:
    tracks = model.tracks(Sound())
    for mode, day, hour, device, plays in (
        ("focus", 1, 10, "desktop", 20), ("wind_down", 2, 20.5, "tv", 8),
    ):  # fmt: skip
        session = block([(0, MONDAY + int((day * 24 + hour) * HOUR_US), device, np.arange(plays))], 1)
        assert MODES[model.judge(session, tracks).modes[0].argmax()] == mode


def test_silence_about_sound_and_device_is_no_error(model: ContextModel) -> None:
    holes = sound()
    assert holes.meaning is not None
    holes.meaning[5:15] = np.nan
    holes.meaning[20] = 0.0
    unknown_track = block([(0, MONDAY, "other", np.array([39, 40, 5000]))], 1)
    modes = model.judge(unknown_track, holes).modes
    assert np.isfinite(modes).all()


def test_readings_tell_sleep_from_an_evening(planted: Planted) -> None:
    calm, loud = [0.1, 0.9, 0.9, -0.8, 0.0, 60.0, -22.0], [0.8, 0.1, 0.1, 0.7, 0.4, 128.0, -7.0]
    readings = np.array([calm, loud, [np.nan] * 7], np.float32)
    model = ContextModel.fit(block([], 0), Sound(readings=readings), TrainContexts())
    sleep = MODES.index("sleep")
    chance = []
    for track in range(3):
        session = block([(0, MONDAY + 22 * HOUR_US, "speaker", np.full(5, track))], 1)
        chance.append(model.judge(session, Sound(readings=readings)).modes[0, sleep])
    assert chance[0] > 1.5 * chance[2] > 3 * chance[1]


def test_meaning_of_another_week_is_refused(model: ContextModel, planted: Planted) -> None:
    with pytest.raises(ContractError, match="3 dimensions"):
        model.judge(planted.listening, Sound(np.ones((40, 3), np.float32)))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_stream_ends_where_the_batch_does(model: ContextModel, planted: Planted, data: st.DataObject) -> None:
    who = data.draw(st.integers(0, 11))
    plays = data.draw(st.integers(1, 12))
    start = MONDAY + 30 * 24 * HOUR_US + data.draw(st.integers(0, 7 * 24 * 60)) * HOUR_US // 60
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    heard = block([(who, start, data.draw(st.sampled_from(DEVICES)), rng.integers(0, 45, plays))], 12)
    heard = replace(
        heard, skipped=rng.random(plays) < 0.4, playlist=rng.integers(0, len(PLAYLIST_CONTEXTS), plays).astype(np.int8)
    )
    tracks, personal = model.tracks(planted.sound), model.personal(planted.listening, planted.sound)
    state = model.start(personal.row(who))
    for i in range(plays):
        known = heard.track_idx[i] < len(tracks)
        state = model.update(
            state,
            Play(
                int(heard.local_at[i]), bool(heard.skipped[i]), int(heard.device[i]), int(heard.playlist[i]),
                int(tracks.style[heard.track_idx[i]]) if known else -1,
                tracks.readings[heard.track_idx[i]] if known else None,
            ),
        )  # fmt: skip
    expected = model.judge(heard, tracks, personal).modes[0]
    np.testing.assert_allclose(model.modes(state, ended=True), expected, rtol=1e-6, atol=1e-9)


def test_a_stream_begins_with_the_listeners_habits(model: ContextModel, planted: Planted) -> None:
    personal = model.personal(planted.listening, planted.sound)
    habits, stranger = (model.modes(model.start(one)) for one in (personal.row(0), None))
    commute, child = MODES.index("commute"), MODES.index("child")
    np.testing.assert_allclose([habits.sum(), stranger.sum()], 1.0, rtol=1e-5)
    assert habits[commute] > 0.5
    assert stranger[commute] > 0.05
    assert habits[child] < 0.02  # listener 0 has no child


def test_a_childs_song_in_the_stream_raises_the_childs_hour(model: ContextModel, planted: Planted) -> None:
    tracks, child = model.tracks(planted.sound), MODES.index("child")
    state, seen = model.start(), []
    for track in tracks_of(KIDS, np.random.default_rng(0), 3):
        start = MONDAY + (5 * 24 + 15) * HOUR_US
        state = model.update(state, Play(start, False, DEVICES.index("tablet"), 0, int(tracks.style[track])))
        seen.append(float(model.modes(state)[child]))
    assert seen[0] > 0.3
    assert seen[2] > 0.9
    assert int(tracks.style[KIDS * PER_STYLE]) >= 0
