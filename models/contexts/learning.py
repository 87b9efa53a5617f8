"""sessions -> tables: expectation and maximization, held to what the modes' names mean.

Each round asks which mode every session probably was, given its listener, and lets the sessions say what the modes look like.
In every table the prior keeps a part of the say that does not shrink as the log grows: with a million sessions the data alone
would drift to whatever seven groups explain them best, and the names would mean nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.contexts import DEVICES, TrainContexts
from models.contexts import maximization as m
from models.contexts.evidence import posterior
from models.contexts.facts import Facts, facts
from models.contexts.modes import FOREIGN, MODES, OWN_MODES
from models.contexts.personal import Personal, known, skip_odds, strangers
from models.contexts.sound import Tracks
from models.contexts.tables import Tables
from models.listening import Listening

Float64s = npt.NDArray[np.float64]
Words = npt.NDArray[np.float32] | None
# How many times more often a style comes up in a mode if all its genres speak for it, at first.
OWN_BEND, FOREIGN_BEND = 1.0, 50.0


def expected(tracks: Tracks, styles: int, plays: Float64s, words: Words) -> Tables:
    """What is believed before the log has its say; `plays` float64 [tracks]."""
    known_tracks = tracks.style >= 0
    style, weight = tracks.style[known_tracks], np.sqrt(plays[known_tracks])
    typical = np.bincount(style, weights=plays[known_tracks], minlength=styles) + 1.0
    tilt = np.ones((len(MODES), styles))
    if words is not None and styles:
        said = np.zeros((len(tracks), len(MODES)))
        said[: len(words)] = words[: len(tracks)]
        total = np.bincount(style, weights=weight, minlength=styles) + 1.0
        spoken = np.stack([np.bincount(style, weights=weight * of, minlength=styles) for of in said[known_tracks].T])
        tilt += np.array([OWN_BEND] * OWN_MODES + [FOREIGN_BEND] * len(FOREIGN))[:, None] * spoken / total
    return Tables.expected(np.asarray(typical / max(typical.sum(), 1.0)), tilt)


def judged(said: Facts, listeners: int, tables: Tables, params: TrainContexts) -> tuple[Float64s, Personal]:
    """(probability of each mode [s, k], what is known of the listeners), from a few variational steps.

    They begin with everybody's habits. A session is judged by what the listener's other sessions are.
    """
    skip = skip_odds(said, listeners, tables)
    stranger = replace(strangers(tables, listeners, params), skip=skip)
    modes = posterior(said, stranger, tables, params)
    told = known(said, modes, skip, tables, params)
    for _ in range(params.steps):
        modes = posterior(said, told, tables, params, counted=modes)
        told = known(said, modes, skip, tables, params)
    return modes, told


def refined(listening: Listening, tracks: Tracks, beforehand: Tables, params: TrainContexts) -> Tables:
    """`beforehand`, after the log has had its say."""
    said = facts(listening, tracks, len(beforehand.typical))
    within = m.within_sessions(listening, said, tracks.readings, beforehand.within)
    rate = (said.skips.sum() + 10.0) / (said.plays.sum() + 20.0)
    beforehand = replace(
        beforehand,
        devices=m.at_home(beforehand.devices, np.bincount(said.device, minlength=len(DEVICES)), beforehand.shares),
        playlists=m.at_home(beforehand.playlists, said.playlist.sum(axis=0), beforehand.shares),
    )
    tables = replace(beforehand, within=within, skip_rate=np.array([rate]))
    modes, told = judged(said, listening.listeners, tables, params)
    for _ in range(params.rounds):
        tables = maximized(said, told, modes, tables, beforehand, params)
        modes = posterior(said, told, tables, params, counted=modes)
        told = known(said, modes, told.skip, tables, params)
    return tables


def maximized(
    said: Facts, told: Personal, modes: Float64s, tables: Tables, beforehand: Tables, params: TrainContexts
) -> Tables:
    """Tables that explain the sessions best, given how probable each mode is."""
    w = params.prior_weight
    changed: dict[str, Any] = {
        "hours": m.hours(said, modes, beforehand.hours, w),
        "weekdays": m.mixed(m.counts(said.weekday, modes, 7), beforehand.weekdays, w),
        "devices": m.mixed(m.counts(said.device, modes, beforehand.devices.shape[1]), beforehand.devices, w),
        "playlists": m.mixed(modes.T @ said.playlist, beforehand.playlists, w),
        "stops": m.stops(said, modes, beforehand.stops, w),
        "skips": m.skips(said, told.skip, modes, tables.skips, beforehand.skips, params),
        "shares": m.mixed(modes.sum(axis=0)[None], beforehand.shares[None], w)[0],
    }
    return replace(
        tables,
        **changed,
        **m.readings(said, modes, tables, beforehand, w),
        **m.styles(said, told, modes, beforehand, params),
    )
