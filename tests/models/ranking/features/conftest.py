"""Plays of a handful of listeners, planted or drawn, as blocks of `Listening`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from conf.contexts import DEVICES, PLAYLIST_CONTEXTS
from conf.values import ListenRule
from models.listening import DAY_US, Listening, listening
from models.plays import Plays

# Sunday 2026-09-06 00:00 UTC, in microseconds.
CUT = 20_702 * DAY_US


@dataclass(frozen=True)
class Play:
    """One play, `days` before the cut; tracks last 200 s."""

    who: int
    track: int
    days: float
    heard_s: float = 200.0
    device: str = "phone"
    playlist: str = "album"


def block_of(plays: list[Play], listeners: int, zone: str | None = "UTC", gap_minutes: float = 30.0) -> Listening:
    rows = sorted(plays, key=lambda play: (play.who, -play.days))
    columns = Plays(
        np.array([p.who for p in rows], np.int64),
        np.array([p.track for p in rows], np.int32),
        np.array([CUT - round(p.days * DAY_US) for p in rows], np.int64),
        np.array([round(p.heard_s * 1000) for p in rows], np.int64),
        np.full(len(rows), 200_000, np.int64),
        np.zeros(len(rows), bool),
    )
    device = np.array([DEVICES.index(p.device) for p in rows], np.int8)
    playlist = np.array([PLAYLIST_CONTEXTS.index(p.playlist) for p in rows], np.int8)
    zones = pa.array([zone] * listeners, pa.string())
    return listening(columns, listeners, zones, device, playlist, ListenRule(), gap_minutes)


def drawn(seed: int, listeners: int = 4, plays: int = 60, tracks: int = 12) -> list[Play]:
    rng = np.random.default_rng(seed)
    return [
        Play(
            int(rng.integers(listeners)),
            int(rng.integers(tracks)),
            float(rng.uniform(0.001, 100.0)),
            float(rng.choice([3.0, 200.0])),
            DEVICES[rng.integers(len(DEVICES))],
            PLAYLIST_CONTEXTS[rng.integers(len(PLAYLIST_CONTEXTS))],
        )
        for _ in range(plays)
    ]


@pytest.fixture
def block() -> Callable[..., Listening]:
    return block_of
