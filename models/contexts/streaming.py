"""One play at a time: the sums of a running session, and the same posterior as of whole blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from conf.audio import READINGS
from conf.contexts import PLAYLIST_CONTEXTS
from models.contexts.facts import Facts, moments
from models.contexts.personal import Personal

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Play:
    """One play.

    Attributes
    ----------
    local_at : start on the listener's wall clock, microseconds since 1970-01-01 local time.
    skipped : as build_histories counts it. device, playlist : places in conf.contexts.DEVICES and PLAYLIST_CONTEXTS.
    style, readings : the track's rows of `ContextModel.tracks`; -1 and None where it is not known.
    """

    local_at: int
    skipped: bool
    device: int
    playlist: int
    style: int = -1
    readings: Float64s | None = None


@dataclass(frozen=True)
class State:
    """A session so far: facts of one session, None before its first play, and what is known of the listener."""

    personal: Personal
    facts: Facts | None = None

    def with_play(self, play: Play, styles: int) -> State:
        """The state after one more play; `styles` is c."""
        return replace(self, facts=_first(play, styles) if self.facts is None else _more(self.facts, play))


def _first(play: Play, styles: int) -> Facts:
    weekday, slot = moments(np.array([play.local_at]))
    nothing = np.zeros(1)
    start = Facts(
        np.zeros(1, np.int64), weekday, slot, np.array([play.device], np.int64), nothing, nothing,
        np.zeros((1, len(PLAYLIST_CONTEXTS))), np.zeros((1, styles), np.float32), np.zeros((1, len(READINGS))),
        np.zeros((1, len(READINGS))),
    )  # fmt: skip
    return _more(start, play)


def _more(facts: Facts, play: Play) -> Facts:
    sound = np.full(len(READINGS), np.nan) if play.readings is None else play.readings
    heard = np.isfinite(sound)
    playlist = facts.playlist.copy()
    playlist[0, play.playlist] += 1.0
    styles = facts.styles.copy()
    if 0 <= play.style < styles.shape[1]:
        styles[0, play.style] += 1.0
    return replace(
        facts, plays=facts.plays + 1.0, skips=facts.skips + float(play.skipped), playlist=playlist,
        styles=styles, count=facts.count + heard, total=facts.total + np.where(heard, sound, 0.0),
    )  # fmt: skip
