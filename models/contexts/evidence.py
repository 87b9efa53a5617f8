"""facts, tables, personal -> posterior: how well each mode explains a session.

Of plays that say the same thing again (another skip, another play from the charts) each counts for less, by the design
effect of clustered samples (Kish 1965): m of them count as m / (1 + (m - 1) icc).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conf.contexts import TrainContexts
from models.contexts.facts import Facts
from models.contexts.kernels import reading_scores, style_scores
from models.contexts.personal import Personal, design_effect, log_shares
from models.contexts.tables import Tables

Float64s = npt.NDArray[np.float64]


def posterior(
    facts: Facts, personal: Personal, tables: Tables, params: TrainContexts, counted: Float64s | None = None, ended: bool = True
) -> Float64s:
    """Probability of each mode, float64 [s, k].

    Parameters
    ----------
    counted : float64 [s, k], with which probabilities the sessions themselves stand in `personal`; None: they do not.
    ended : no play follows, which says how long the session was.
    """
    counted = np.zeros((len(facts), len(tables.shares))) if counted is None else counted
    sessions = np.maximum(personal.sessions[facts.listener] - counted, 0.0)
    score = evidence(facts, personal, tables, params, counted, ended)
    return softmax(score + log_shares(tables, sessions, params.concentration))


def evidence(
    facts: Facts, personal: Personal, tables: Tables, params: TrainContexts, counted: Float64s, ended: bool
) -> Float64s:
    """Log likelihood of each session in each mode, float64 [s, k]."""
    heard = sounds(facts, personal, tables, params, counted)
    return circumstances(facts, tables) + manner(facts, personal, tables, params, ended) + heard


def circumstances(facts: Facts, tables: Tables) -> Float64s:
    """When it began, and on what, float64 [s, k]."""
    when = np.log(tables.hours[:, facts.weekend, facts.slot]) + np.log(tables.weekdays[:, facts.weekday])
    return np.asarray((when + np.log(tables.devices[:, facts.device])).T)


def manner(facts: Facts, personal: Personal, tables: Tables, params: TrainContexts, ended: bool) -> Float64s:
    """How long, from where, and how impatiently was listened, float64 [s, k]."""
    effective = design_effect(facts.plays, params.icc)[:, None]
    odds = personal.skip[facts.listener][:, None] + tables.skips
    skips = -facts.skips[:, None] * np.logaddexp(0.0, -odds) - (facts.plays - facts.skips)[:, None] * np.logaddexp(0.0, odds)
    # Summed by hand: a matrix product has other last bits in other blocks.
    lists = sum((of[:, None] * said for of, said in zip(facts.playlist.T, np.log(tables.playlists).T, strict=True)), 0.0)
    lasting = (facts.plays - 1)[:, None] * np.log1p(-tables.stops)
    if ended:
        lasting = lasting + np.log(tables.stops)
    return np.asarray(lasting + effective * (skips + lists))


def sounds(facts: Facts, personal: Personal, tables: Tables, params: TrainContexts, counted: Float64s) -> Float64s:
    """What played, float64 [s, k]."""
    out = np.zeros((len(facts), len(tables.shares)))
    if facts.count.any():
        reading_scores(facts.mean, facts.count, tables.centre, tables.spread, tables.within, out)
    weight = counted * design_effect(facts.plays, params.icc)[:, None]
    style_scores(facts.listener, facts.styles, weight, personal.styles, personal.style_weight, params.burst, out)
    return out


def softmax(score: Float64s) -> Float64s:
    """Probabilities from log odds, row by row.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    weight = np.exp(score - score.max(axis=1, keepdims=True, initial=-np.inf)) if len(score) else score
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
