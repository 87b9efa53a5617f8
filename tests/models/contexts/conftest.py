"""Planted sessions: commuters of two tastes, half of them with children's hours at weekends, a few with sounds to sleep by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from conf.contexts import DEVICES, PLAYLIST_CONTEXTS, TrainContexts
from models.contexts import MODES, ContextModel, Sound
from models.listening import MINUTE_US, Listening

HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
# Monday, 1 June 2026.
MONDAY = 20_605 * DAY_US
PER_STYLE = 10
ROCK, JAZZ, KIDS, AMBIENT = range(4)


@dataclass(frozen=True)
class Planted:
    listening: Listening
    sound: Sound
    modes: list[int]


def tracks_of(style: int, rng: np.random.Generator, n: int) -> np.ndarray:
    return style * PER_STYLE + rng.integers(0, PER_STYLE, n)


def sound() -> Sound:
    """Forty tracks of four styles; the words know two of them."""
    rng = np.random.default_rng(3)
    meaning = np.repeat(np.eye(4, 8), PER_STYLE, axis=0) + 0.05 * rng.normal(size=(40, 8))
    words = np.zeros((40, len(MODES)), np.float32)
    words[KIDS * PER_STYLE : AMBIENT * PER_STYLE, MODES.index("child")] = 1.0
    words[AMBIENT * PER_STYLE :, MODES.index("sleep")] = 1.0
    return Sound(meaning.astype(np.float32), words=words)


def block(sessions: list[tuple[int, int, str, np.ndarray]], listeners: int) -> Listening:
    """(listener, start on the wall clock, device, tracks) -> plays of three minutes."""
    sessions = sorted(sessions, key=lambda one: one[:2])
    lengths = [len(tracks) for *_, tracks in sessions]
    of_play = np.repeat(np.arange(len(sessions)), lengths)
    place = np.concatenate([np.arange(n) for n in lengths]) if lengths else np.empty(0, int)
    at = np.array([start for _, start, _, _ in sessions], np.int64)[of_play] + place * 3 * MINUTE_US
    n = len(of_play)
    return Listening(
        listeners, np.array([who for who, *_ in sessions], np.int64)[of_play],
        np.concatenate([tracks for *_, tracks in sessions] or [np.empty(0)]).astype(np.int32), at, at, np.full(n, 180_000),
        np.ones(n, bool), np.zeros(n, bool), np.array([DEVICES.index(d) for _, _, d, _ in sessions], np.int8)[of_play],
        np.full(n, PLAYLIST_CONTEXTS.index("own_playlist"), np.int8), of_play,
    )  # fmt: skip


@pytest.fixture(scope="session")
def planted() -> Planted:
    rng = np.random.default_rng(5)
    sessions, truth = [], {}

    def add(who: int, mode: str, day: int, hour: float, device: str, style: int) -> None:
        start = MONDAY + day * DAY_US + int((hour + rng.normal() * 0.3) * HOUR_US)
        truth[(who, start)] = MODES.index(mode)
        sessions.append((who, start, device, tracks_of(style, rng, 6)))

    for who in range(12):
        for day in range(28):
            taste = ROCK if who % 2 else JAZZ
            if day % 7 < 5:
                add(who, "commute", day, 7.9, "phone", taste)
            elif who % 2:
                add(who, "child", day, 15.5, "tablet", KIDS)
            if who % 4 == 0 and day % 2:
                add(who, "sleep", day, 22.9, "speaker", AMBIENT)
    listening = block(sessions, 12)
    modes = [truth[one[:2]] for one in sorted(sessions, key=lambda one: one[:2])]
    return Planted(listening, sound(), modes)


@pytest.fixture(scope="session")
def model(planted: Planted) -> ContextModel:
    return ContextModel.fit(planted.listening, planted.sound, TrainContexts(styles=4))
