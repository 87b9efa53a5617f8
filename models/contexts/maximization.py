"""What each table of the model of contexts becomes when sessions, with their modes' probabilities, have their say.

`weight` is the part of the say that the prior keeps, however long the log: see models/contexts/learning.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from conf.contexts import TrainContexts
from models.contexts.facts import SLOTS, Facts, first_plays
from models.contexts.kernels import scatter_sums, sure_sums
from models.contexts.modes import OWN_MODES
from models.contexts.personal import Personal, design_effect
from models.contexts.tables import Tables
from models.listening import Listening

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
# Sessions that the prior is worth on top: of few sessions, little is learned.
PSEUDO = 20.0
# Half hours over which counts of starts are smoothed (standard deviation).
SMOOTH = 1.0


def counts(value: Int64s, modes: Float64s, size: int) -> Float64s:
    """Expected sessions of each mode by `value`, float64 [k, size]."""
    return np.stack([np.bincount(value, weights=share, minlength=size) for share in modes.T])


def mixed(counted: Float64s, prior: Float64s, weight: float) -> Float64s:
    """Shares from counts, of which the prior keeps its part, float64 as `prior`, rows sum to 1.

    >>> mixed(np.array([[80.0, 0.0]]), np.array([[0.5, 0.5]]), weight=0.0).tolist()
    [[0.9, 0.1]]
    """
    return held(counted, counted.sum(axis=-1, keepdims=True), prior, weight)


def held(total: Float64s, said: Float64s, prior: Float64s, weight: float) -> Float64s:
    """`total` over what was `said`, of which the prior keeps its part."""
    return np.asarray((1.0 - weight) * ((total + PSEUDO * prior) / (said + PSEUDO)) + weight * prior)


def at_home(prior: Float64s, counted: npt.NDArray[Any], shares: Float64s) -> Float64s:
    """What modes are expected to use of what this log's listeners use at all, float64 as `prior`.

    Where nobody's device is known, its absence must not speak against a mode that was expected in the car.

    >>> at_home(np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([1e9, 0.0]), np.array([0.5, 0.5])).round(2).tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """
    usual = shares @ prior
    here = prior * mixed(np.asarray(counted, np.float64)[None], usual[None], 0.0) / usual
    return np.asarray(here / here.sum(axis=1, keepdims=True))


def hours(said: Facts, modes: Float64s, prior: Float64s, weight: float) -> Float64s:
    """Shares of half hours on weekdays and at weekends, smoothed around the clock, float64 [k, 2, 48]."""
    by_day = np.stack([counts(said.slot, modes * (said.weekend == w)[:, None], SLOTS) for w in (0, 1)], axis=1)
    off = np.minimum(np.arange(SLOTS), SLOTS - np.arange(SLOTS))
    bell = np.exp(-0.5 * (off / SMOOTH) ** 2)
    smooth = np.fft.irfft(np.fft.rfft(by_day, axis=-1) * np.fft.rfft(bell / bell.sum()), n=SLOTS, axis=-1)
    return mixed(np.maximum(smooth, 0.0), prior, weight)


def stops(said: Facts, modes: Float64s, prior: Float64s, weight: float) -> Float64s:
    """Probability that a play is the last, float64 [k]."""
    sessions, plays = modes.sum(axis=0), modes.T @ said.plays
    length = (plays + PSEUDO / prior) / (sessions + PSEUDO)
    return np.asarray(1.0 / ((1.0 - weight) * length + weight / prior)).clip(1e-3, 1 - 1e-3)


def skips(
    said: Facts, listener_odds: Float64s, modes: Float64s, now: Float64s, prior: Float64s, params: TrainContexts
) -> Float64s:
    """Log odds of a skip against the listener's own, one Newton step, float64 [k]."""
    effective = design_effect(said.plays, params.icc)
    rate = 1.0 / (1.0 + np.exp(-(listener_odds[said.listener][:, None] + now)))
    plays = (effective * said.plays)[:, None]
    slope = (modes * ((effective * said.skips)[:, None] - plays * rate)).sum(axis=0)
    bend = (modes * plays * rate * (1.0 - rate)).sum(axis=0)
    pull = PSEUDO + params.prior_weight * bend
    return np.asarray(now + (slope - pull * (now - prior)) / (bend + pull)).clip(-3, 3)


def within_sessions(listening: Listening, said: Facts, of_tracks: Float64s, prior: Float64s) -> Float64s:
    """Variance of the plays of one session, float64 [d]."""
    first = first_plays(listening.session)
    of_play = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(listening))))
    scatter = np.zeros(len(prior))
    unknown = np.full((1, len(prior)), np.nan)
    rows = np.append(of_tracks, unknown, axis=0)
    for start in range(0, len(listening), 65_536):
        piece = slice(start, start + 65_536)
        track = np.minimum(listening.track_idx[piece], len(of_tracks))  # the last row is for tracks that nobody knows
        off = rows[track] - said.mean[of_play[piece]]
        scatter += np.nansum(off**2, axis=0)
    freedom = np.maximum(said.count - 1.0, 0.0).sum(axis=0)
    return np.asarray((scatter + PSEUDO * prior) / (freedom + PSEUDO))


def readings(said: Facts, modes: Float64s, tables: Tables, beforehand: Tables, weight: float) -> dict[str, Float64s]:
    """Means and variances of the modes' readings, `centre` and `spread` float64 [k, 7]."""
    sure, total, known, scatter = (np.zeros_like(tables.centre) for _ in range(4))
    sure_sums(said.mean, said.count, modes, tables.spread, tables.within, sure, total)
    centre = held(total, sure, beforehand.centre, weight)
    scatter_sums(said.mean, said.count, modes, centre, tables.spread, tables.within, known, scatter)
    return {"centre": centre, "spread": held(scatter, known, beforehand.spread, weight)}


def styles(said: Facts, told: Personal, modes: Float64s, beforehand: Tables, params: TrainContexts) -> dict[str, Float64s]:
    """How modes tilt the choice of styles: played against what tastes (everybody's, in foreign modes) make expected."""
    weight = modes * design_effect(said.plays, params.icc)[:, None]
    played = weight.T @ said.styles
    plays = np.zeros((len(told), modes.shape[1]))
    np.add.at(plays, said.listener, weight * said.styles.sum(axis=1, keepdims=True))
    expected = plays.sum(axis=0)[:, None] * beforehand.typical
    expected[:OWN_MODES] = plays[:, :OWN_MODES].T @ told.own_styles
    pull = PSEUDO * beforehand.typical + params.prior_weight * expected
    tilt = (played + pull * beforehand.tilt) / (expected + pull)
    return {"tilt": tilt / np.maximum((tilt * beforehand.typical).sum(axis=1, keepdims=True), 1e-300)}
