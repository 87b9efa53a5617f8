"""What a model of contexts says of sessions, and what is said of them where there is no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.contexts.modes import ANY, MODES, OWN_MODES

Float32s = npt.NDArray[np.float32]


class Judged(Protocol):
    """Sessions of a block by their number; models.contexts.Judged is one.

    modes : float32 [sessions, modes], probabilities. contexts : float32 [sessions, contexts], what is foreign counts as `any`.
    own : float32 [sessions], that the listener's own taste plays.
    """

    @property
    def modes(self) -> Float32s:
        """Probability of each of MODES."""

    @property
    def contexts(self) -> Float32s:
        """Probability of each of CONTEXTS."""

    @property
    def own(self) -> Float32s:
        """Probability that nobody else's taste plays."""


@dataclass(frozen=True)
class Unjudged:
    """What is said of sessions without a model: any context, and the listener's own taste."""

    modes: Float32s

    @classmethod
    def of(cls, sessions: int) -> Unjudged:
        """So many sessions of which nothing is known."""
        modes = np.zeros((sessions, len(MODES)), np.float32)
        modes[:, ANY] = 1
        return cls(modes)

    @property
    def contexts(self) -> Float32s:
        """All `any`."""
        return self.modes[:, :OWN_MODES]

    @property
    def own(self) -> Float32s:
        """All 1."""
        return np.ones(len(self.modes), np.float32)
