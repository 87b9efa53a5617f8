"""sessions of a listener -> what their modes are: how often each happens, and what plays in it.

Few listeners have every mode, and one's focus is another's party: shares lie around everybody's (a Dirichlet of few
pseudo-sessions, so that modes without evidence fade), styles of own modes around the listener's taste, tilted as that mode
tilts everybody's, and styles of foreign modes around everybody's alone. All by variational steps from where nothing is known
of the listener, so the same sessions give the same answer; a session is never counted for itself, which is collapsed
variational inference to zeroth order (Asuncion, Welling, Smyth & Teh 2009, https://arxiv.org/abs/1205.2662).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conf.contexts import TrainContexts
from models.contexts.facts import Facts
from models.contexts.kernels import add_styles
from models.contexts.modes import OWN_MODES
from models.contexts.tables import Tables

Float64s = npt.NDArray[np.float64]
# Plays of everybody's skip rate that a listener's own is mixed with.
_SKIP_PRIOR = 20.0


@dataclass(frozen=True)
class Personal:
    """What is known of n listeners.

    Attributes
    ----------
    sessions : float64 [n, k], how many of each mode are expected to have been.
    skip : float64 [n], log odds of a skip.
    own_styles : float64 [n, c], share of styles in own modes. styles : float64 [n, k, c], in each mode.
    style_weight : float64 [n, k], plays that `styles` stands on, the prior's among them.
    """

    sessions: Float64s
    skip: Float64s
    own_styles: Float64s
    styles: Float64s
    style_weight: Float64s

    def __len__(self) -> int:
        return len(self.skip)

    def row(self, listener: int) -> Personal:
        """One listener's."""
        return Personal(**{name: value[listener : listener + 1] for name, value in vars(self).items()})


def strangers(tables: Tables, n: int, params: TrainContexts) -> Personal:
    """What is expected of listeners of whom nothing is known."""
    skip = np.full(n, logit(tables.skip_rate[0]))
    sessions = np.zeros((n, len(tables.shares)))
    played = style_shares(tables, np.zeros((n, *tables.tilt.shape)), params)
    return Personal(sessions, skip, *played)


def skip_odds(facts: Facts, n: int, tables: Tables) -> Float64s:
    """Log odds of a skip of each listener, float64 [n], shrunk to everybody's."""
    rate = tables.skip_rate[0]
    skips = np.bincount(facts.listener, weights=facts.skips, minlength=n) + _SKIP_PRIOR * rate
    plays = np.bincount(facts.listener, weights=facts.plays, minlength=n) + _SKIP_PRIOR
    return np.asarray(logit(skips / plays))


def known(facts: Facts, modes: Float64s, skip: Float64s, tables: Tables, params: TrainContexts) -> Personal:
    """What sessions with probabilities `modes` float64 [s, k] say about their listeners; `skip` float64 [n]."""
    n = len(skip)
    played = np.zeros((n, *tables.tilt.shape))
    add_styles(facts.listener, facts.styles, modes * design_effect(facts.plays, params.icc)[:, None], played)
    sessions = np.stack([np.bincount(facts.listener, weights=share, minlength=n) for share in modes.T], axis=1).astype(
        np.float64
    )
    return Personal(sessions, skip, *style_shares(tables, played, params))


def style_shares(tables: Tables, played: Float64s, params: TrainContexts) -> tuple[Float64s, Float64s, Float64s]:
    """(share of styles in own modes [n, c], in each mode [n, k, c], plays behind these [n, k]) of effective plays."""
    own = played[:, :OWN_MODES].sum(axis=1) + params.taste_prior * tables.typical
    own /= np.maximum(own.sum(axis=1, keepdims=True), 1e-300)
    expected = np.repeat((tables.typical * tables.tilt)[None], len(played), axis=0)
    expected[:, :OWN_MODES] = own[:, None] * tables.tilt[:OWN_MODES]
    expected /= np.maximum(expected.sum(axis=2, keepdims=True), 1e-300)
    shares = played + params.mode_prior * expected
    weight = shares.sum(axis=2)
    return own, shares / np.maximum(weight, 1e-300)[:, :, None], weight


def design_effect(plays: Float64s, icc: float) -> Float64s:
    """What each of m plays counts where a second repeats part of the first (Kish 1965), float64.

    >>> design_effect(np.array([1.0, 11.0]), icc=0.1).tolist()
    [1.0, 0.5]
    """
    return np.asarray(1.0 / (1.0 + (np.maximum(plays, 1.0) - 1.0) * icc))


def log_shares(tables: Tables, sessions: Float64s, concentration: float) -> Float64s:
    """Log of the expected share of each mode under a Dirichlet around everybody's shares, float64 [n, k]."""
    counted = sessions + concentration * tables.shares
    return np.asarray(np.log(counted / counted.sum(axis=1, keepdims=True)))


def logit(share: Float64s | float) -> Float64s:
    """Log odds.

    >>> float(logit(0.5))
    0.0
    """
    return np.asarray(np.log(share) - np.log1p(-np.asarray(share)))
