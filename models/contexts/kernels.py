"""Compiled loops of the model of contexts: sessions against what each mode plays, and sessions into what modes play.

A session's mean readings lie around its mode's centre by what its sessions differ, plus what its few plays leave unsure.
Its styles are drawn as from an urn that returns each with more of its kind (Dirichlet-multinomial): who hears one lullaby hears
the next, so a second one tells less than the first.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.selection import jit

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]
_SHORT = 32
_LOG_2PI = math.log(2 * math.pi)


@jit
def reading_scores(
    mean: Float64s, count: Float64s, centre: Float64s, spread: Float64s, within: Float64s, out: Float64s
) -> None:
    """Fill `out` float64 [s, k] with the log density of each session's mean readings in each mode.

    Parameters
    ----------
    mean, count : float64 [s, d]. centre, spread : float64 [k, d], mean and variance of the sessions of a mode.
    within : float64 [d], variance of the plays of one session.
    """
    for s in range(mean.shape[0]):
        for k in range(centre.shape[0]):
            score = 0.0
            for d in range(mean.shape[1]):
                if count[s, d] > 0:
                    variance = spread[k, d] + within[d] / count[s, d]
                    off = mean[s, d] - centre[k, d]
                    score -= 0.5 * (off * off / variance + math.log(variance) + _LOG_2PI)
            out[s, k] = score


@jit
def style_scores(
    listener: Int64s, styles: Float32s, counted: Float64s, expected: Float64s, weight: Float64s, burst: float, out: Float64s
) -> None:
    """Add to `out` float64 [s, k] the log probability of each session's styles in each mode.

    Parameters
    ----------
    styles : float32 [s, c], plays.
    counted : float64 [s, k], with which weight each of its plays already stands in `expected`: it must not be its own witness.
    expected : float64 [n, k, c], shares. weight : float64 [n, k], plays that the shares stand on.
    burst : size of the urn; small: one style a session.
    """
    for s in range(styles.shape[0]):
        u = listener[s]
        plays = 0.0
        for c in range(styles.shape[1]):
            plays += styles[s, c]
        if plays == 0:
            continue
        lost = math.lgamma(burst) - math.lgamma(burst + plays)
        for k in range(out.shape[1]):
            rest = max(weight[u, k] - counted[s, k] * plays, 1e-9)
            score = lost
            for c in range(styles.shape[1]):
                x = styles[s, c]
                if x > 0:
                    share = (expected[u, k, c] * weight[u, k] - counted[s, k] * x) / rest
                    start = burst * max(share, 1e-6)
                    # Gamma(start + x) / Gamma(start), by hand where it is short: a logarithm costs a tenth of two lgamma.
                    rising = start
                    for more in range(1, min(int(x), _SHORT)):
                        rising *= start + more
                    score += math.log(rising)
                    if x > _SHORT:
                        score += math.lgamma(start + x) - math.lgamma(start + _SHORT)
            out[s, k] += score


@jit
def add_styles(listener: Int64s, styles: Float32s, weight: Float64s, out: Float64s) -> None:
    """Add to `out` float64 [n, k, c] each session's styles, times `weight` float64 [s, k]."""
    for s in range(styles.shape[0]):
        u = listener[s]
        for c in range(styles.shape[1]):
            if styles[s, c] > 0:
                for k in range(weight.shape[1]):
                    out[u, k, c] += weight[s, k] * styles[s, c]


@jit
def gain_of(spread: float, within: float, count: float) -> float:
    """Share of how far a session's mean lies off that is the session's own; the rest is what its `count` plays leave unsure."""
    return spread / (spread + within / count)


@jit
def sure_sums(
    mean: Float64s, count: Float64s, modes: Float64s, spread: Float64s, within: Float64s, sure: Float64s, total: Float64s
) -> None:
    """Add to `sure` float64 [k, d] how much each session's mean readings say of its mode, and to `total` what they say.

    A session of few plays lies far off by chance: its say is what its plays leave sure. `modes` float64 [s, k]; the rest as in
    `reading_scores`.
    """
    for s in range(mean.shape[0]):
        for k in range(spread.shape[0]):
            for d in range(mean.shape[1]):
                if count[s, d] > 0:
                    say = modes[s, k] * gain_of(spread[k, d], within[d], count[s, d])
                    sure[k, d] += say
                    total[k, d] += say * mean[s, d]


@jit
def scatter_sums(
    mean: Float64s,
    count: Float64s,
    modes: Float64s,
    centre: Float64s,
    spread: Float64s,
    within: Float64s,
    known: Float64s,
    out: Float64s,
) -> None:
    """Add to `out` float64 [k, d] the variance that each session lends its mode around `centre`, and its say to `known`."""
    for s in range(mean.shape[0]):
        for k in range(spread.shape[0]):
            for d in range(mean.shape[1]):
                if count[s, d] > 0:
                    gain = gain_of(spread[k, d], within[d], count[s, d])
                    off = mean[s, d] - centre[k, d]
                    known[k, d] += modes[s, k]
                    out[k, d] += modes[s, k] * (gain * gain * (off * off) + (1.0 - gain) * spread[k, d])
