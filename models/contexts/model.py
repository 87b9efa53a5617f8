"""The model of session contexts: a mixture over sessions whose parts have names.

A session has one mode. Its half hour, weekday and device, its length, skips and playlists, and what plays in it are
independent given the mode and the listener (naive Bayes); what a listener's modes are is itself inferred (models/contexts/
personal.py). Everything is learned without labels, from priors that say what the names mean (EM, Dempster, Laird & Rubin
1977, https://doi.org/10.1111/j.2517-6161.1977.tb01600.x).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from conf.contexts import TrainContexts
from models.contexts import learning
from models.contexts.evidence import posterior, softmax
from models.contexts.facts import Facts, facts, first_plays
from models.contexts.modes import ANY, OWN_MODES
from models.contexts.personal import Personal, log_shares, strangers
from models.contexts.sound import Sound, Styles, Tracks
from models.contexts.streaming import Play, State
from models.contexts.tables import Tables
from models.listening import Listening
from models.sources.base import Saved

Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """What s sessions are for.

    Attributes
    ----------
    modes : float32 [s, 7], probability of each of MODES.
    first : int64 [s], position of each session's first play. listener : int64 [s].
    of_play : int64 [m], row of each play's session.
    """

    modes: Float32s
    first: Int64s
    listener: Int64s
    of_play: Int64s

    @property
    def contexts(self) -> Float32s:
        """Probability of each of CONTEXTS, float32 [s, 5].

        What is foreign counts as `any`: it fits no context of the listener's own, and dividing by the little that is left for
        own modes would make noise look certain.
        """
        contexts: Float32s = self.modes[:, :OWN_MODES].copy()
        contexts[:, ANY] += self.modes[:, OWN_MODES:].sum(axis=1)
        return contexts

    @property
    def own(self) -> Float32s:
        """Probability that the listener's own taste plays, float32 [s]."""
        return np.asarray(np.clip(self.modes[:, :OWN_MODES].sum(axis=1), 0.0, 1.0))

    def of_plays(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Each play's row of `values` [s, ...]."""
        return np.asarray(values[self.of_play])


@dataclass(frozen=True)
class ContextModel:
    """What sessions look like in each mode.

    Attributes
    ----------
    tables : what was learned. styles : kinds of music. params : the settings that made it.
    """

    tables: Tables
    styles: Styles
    params: TrainContexts

    @classmethod
    def fit(cls, listening: Listening, sound: Sound, params: TrainContexts) -> Self:
        """Learn from sessions of whole listeners; of none, what is known beforehand is all."""
        plays = np.bincount(listening.track_idx).astype(np.float64) if len(listening) else np.zeros(0)
        styles = Styles.learn(sound.meaning, plays, params.styles)
        tracks = styles.of(sound)
        plays = np.append(plays, np.zeros(max(len(tracks) - len(plays), 0)))[: len(tracks)]
        beforehand = learning.expected(tracks, len(styles), plays, sound.words)
        if not len(listening):
            return cls(beforehand, styles, params)
        return cls(learning.refined(listening, tracks, beforehand, params), styles, params)

    def judge(self, listening: Listening, sound: Sound | Tracks, personal: Personal | None = None) -> Judged:
        """What every session of a block of whole listeners is for.

        Each is judged by what is known of its listener from `personal`; None: from the listener's other sessions in the block.
        """
        said, first = self.facts(listening, sound), first_plays(listening.session)
        if personal is None:
            modes = learning.judged(said, listening.listeners, self.tables, self.params)[0]
        else:
            modes = posterior(said, personal, self.tables, self.params)
        of_play = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(listening))))
        return Judged(modes.astype(np.float32), first, listening.listener[first], of_play)

    def personal(self, listening: Listening, sound: Sound | Tracks) -> Personal:
        """What the sessions of a block say about its listeners: what `start` and `judge` take for the sessions to come."""
        return learning.judged(self.facts(listening, sound), listening.listeners, self.tables, self.params)[1]

    def facts(self, listening: Listening, sound: Sound | Tracks) -> Facts:
        """What the sessions say."""
        tracks = sound if isinstance(sound, Tracks) else self.tracks(sound)
        return facts(listening, tracks, len(self.styles))

    def tracks(self, sound: Sound) -> Tracks:
        """What the model looks at in each track; whoever judges many blocks finds it once and gives it instead of the sound."""
        return self.styles.of(sound)

    def start(self, listener: Personal | None = None) -> State:
        """A session before its first play; `listener` is a row of `personal`, None for a stranger."""
        return State(listener or strangers(self.tables, 1, self.params))

    def update(self, state: State, play: Play) -> State:
        """The session after one more play."""
        return state.with_play(play, len(self.styles))

    def modes(self, state: State, ended: bool = False) -> Float32s:
        """Probability of each of MODES, float32 [7]; `ended`: the session is over, as `judge` takes it to be."""
        if state.facts is None:
            modes = softmax(log_shares(self.tables, state.personal.sessions, self.params.concentration))
        else:
            modes = posterior(state.facts, state.personal, self.tables, self.params, ended=ended)
        return np.asarray(modes[0], np.float32)

    def save(self) -> Saved:
        """Arrays of the artefact `contexts`."""
        arrays = {**vars(self.tables), "centres": self.styles.centres}
        return Saved(arrays, self.params.model_dump())

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any]) -> Self:
        """The model of a saved artefact."""
        styles = Styles(np.asarray(arrays["centres"], np.float64))
        return cls(Tables.load(arrays), styles, TrainContexts.model_validate(dict(params)))
