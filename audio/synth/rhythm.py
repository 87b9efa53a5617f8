"""Where in a bar players play: steps weighed by their place in the metre, drawn without replacement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio.synth.plan import Metre, Plan
from audio.synth.song import Song

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Notes:
    """Notes of one part, in no order.

    Attributes
    ----------
    start, seconds : float64 [m], seconds; a start may lie before the clip.
    midi : float64 [m], semitones, 69 = A4; the tuning comes later.
    velocity : float64 [m], about 0.2 to 1.2.
    """

    start: Float64s
    seconds: Float64s
    midi: Float64s
    velocity: Float64s


@dataclass(frozen=True)
class Player:
    """How far a player is off the grid: always `lag_s` late, and scattered by `jitter_s` (standard deviations of seconds)."""

    lag_s: float
    jitter_s: float


def player_of(rng: np.random.Generator, song: Song) -> Player:
    """Machines are within 1 ms, people within 9."""
    human = 0.001 + 0.008 * song.acousticness
    return Player(float(rng.normal(0, human)), human)


def scattered(rng: np.random.Generator, plan: Plan, player: Player, step: npt.ArrayLike) -> Float64s:
    """Seconds at which a player plays what the grid has at `step`, any shape."""
    on_grid = plan.seconds_at(step)
    return np.asarray(on_grid + player.lag_s + rng.normal(0, player.jitter_s, on_grid.shape))


def metrical_weights(metre: Metre) -> Float64s:
    """How strong each step of a bar is, float64 [steps of a bar]: downbeat 1, beat .8, half a beat .45, quarter .15.

    Examples
    --------
    >>> from audio.synth.plan import METRES
    >>> metrical_weights(METRES["6/8"]).tolist()
    [1.0, 0.15, 0.45, 0.15, 0.45, 0.15, 0.8, 0.15, 0.45, 0.15, 0.45, 0.15]
    """
    weights = np.full(metre.bar, 0.15)
    weights[::2] = 0.45
    weights[:: metre.steps] = 0.8
    weights[0] = 1.0
    return weights


# Steps of a bar of sixteenths in groups of three: what makes machines, and people for a moment, count 4 for 3.
DOTTED = ((0, 3, 6, 9, 12), (0, 3, 6, 8, 11, 14), (0, 3, 6, 10, 12), (0, 6, 12), (0, 3, 6, 9, 12, 14))
_DOTTED_SHARE = 0.25


def onset_steps(rng: np.random.Generator, metre: Metre, count: int, syncopation: float) -> list[int]:
    """Draw `count` different steps of a bar, ascending; syncopation in [0, 1] moves weight from beats to off-beats.

    A quarter of the parts in 4/4 play groups of three instead, where one has about as many notes: as latin, electronic and pop
    music do.
    """
    alike = [steps for steps in DOTTED if abs(len(steps) - count) <= 1]
    if metre.bar == 16 and alike and rng.random() < _DOTTED_SHARE:
        return list(alike[rng.integers(len(alike))])
    weights = metrical_weights(metre)
    off_beat = np.where(weights >= 0.8, 0.3, np.where(weights > 0.4, 1.0, 0.35))
    mixed = (1 - syncopation) * weights + syncopation * off_beat
    keys = 2.5 * np.log(mixed) + rng.gumbel(size=metre.bar)
    keys[0] += 2.0 * (1 - syncopation)
    return sorted(np.argsort(-keys)[: max(1, min(count, metre.bar))].tolist())


def steps_per_bar(plan: Plan, notes_per_second: float) -> int:
    """How many notes of a bar make that many a second, at least 1."""
    return int(np.clip(round(notes_per_second * plan.bar_s), 1, plan.metre.bar))
