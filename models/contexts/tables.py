"""Everything that the model of contexts has learned, as arrays: what each mode looks like, whoever listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.audio import READINGS
from models.contexts import prior
from models.contexts.modes import MODES

Float64s = npt.NDArray[np.float64]
# Variance of readings in standard units before the log has its say: of the plays of one session, of the sessions of one mode.
WITHIN, SPREAD = 0.5, 0.6


@dataclass(frozen=True)
class Tables:
    """Parameters; k = 7 modes, c styles.

    Attributes
    ----------
    hours : float64 [k, 2, 48], share of starts by half hour, on weekdays and at weekends.
    weekdays, devices, playlists : float64 [k, 7], [k, 9], [k, 7], shares.
    stops : float64 [k], probability that a play is the session's last.
    skips : float64 [k], log odds against the listener's own rate. skip_rate : float64 [1], of all plays.
    shares : float64 [k], of sessions.
    centre, spread : float64 [k, 7], mean and variance of the readings of a mode's sessions. within : float64 [7], variance of a
        session's plays.
    typical : float64 [c], share of each style in all plays. tilt : float64 [k, c], how many times as often as in the listener's
        plays a style comes up in an own mode; in foreign modes, as in everybody's.
    """

    hours: Float64s
    weekdays: Float64s
    devices: Float64s
    playlists: Float64s
    stops: Float64s
    skips: Float64s
    skip_rate: Float64s
    shares: Float64s
    centre: Float64s
    spread: Float64s
    within: Float64s
    typical: Float64s
    tilt: Float64s

    @classmethod
    def expected(cls, typical: Float64s, tilt: Float64s) -> Tables:
        """What is believed before the log has its say."""
        ones = np.ones((len(MODES), len(READINGS)))
        return cls(
            hours=prior.hours(), weekdays=prior.weekdays(), devices=prior.devices(), playlists=prior.playlists(),
            stops=prior.stops(), skips=prior.skips(), skip_rate=np.array([0.3]), shares=prior.shares(), centre=prior.readings(),
            spread=ones * SPREAD, within=ones[0] * WITHIN, typical=typical, tilt=tilt,
        )  # fmt: skip

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Tables:
        """Saved tables."""
        return cls(**{field.name: np.asarray(arrays[field.name], np.float64) for field in fields(cls)})
