"""judged sessions -> what a listener plays in each context, and what each session of the last week was for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conf.contexts import CONTEXTS
from conf.feature_jobs import BuildListenerFeatures
from models.listening import DAY_US, Listening
from models.ranking.features.embeddings import mean_vectors
from models.ranking.features.judged import Judged, Unjudged

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ContextFeatures:
    """Features of r (listener, context) pairs, in order of both.

    Attributes
    ----------
    listener : int64 [r]. context : int64 [r], place in CONTEXTS.
    share, sessions : float32 [r]. embedding : float32 [r, d]; None where there are no vectors.
    """

    listener: Int64s
    context: Int64s
    share: Float32s
    sessions: Float32s
    embedding: Float32s | None


@dataclass(frozen=True)
class SessionFeatures:
    """Features of s sessions, in order of (listener, start).

    Attributes
    ----------
    listener : int64 [s]. started_at : int64 [s], microseconds since 1970-01-01 UTC. plays : int32 [s].
    context : int64 [s], place in CONTEXTS. mode : int64 [s], place in models.contexts.MODES; the most probable ones.
    contexts : float32 [s, contexts]. own : float32 [s]. embedding : float32 [s, d]; None where there are no factors.
    """

    listener: Int64s
    started_at: Int64s
    plays: Int32s
    context: Int64s
    mode: Int64s
    contexts: Float32s
    own: Float32s
    embedding: Float32s | None


def context_features(
    listening: Listening, cut_us: int, judged: Judged | None, vectors: Float32s | None, params: BuildListenerFeatures
) -> ContextFeatures:
    """What each listener plays in each context of which `params.min_sessions` are expected before the cut.

    vectors : float32 [tracks, d], what words and sound of a track stand for (content).
    """
    said: Judged = Unjudged.of(listening.sessions) if judged is None else judged
    plays, contexts = listening.within(cut_us, params.days), said.contexts
    n, size = plays.listeners, len(CONTEXTS)
    weight = contexts[plays.session].astype(np.float64)
    new = _changes(plays.session)
    in_context, sessions = _sums(plays.listener, weight, n), _sums(plays.listener[new], weight[new], n)
    listener, context = np.nonzero(sessions >= max(params.min_sessions, 1e-9))
    share = in_context / np.maximum(in_context.sum(axis=1, keepdims=True), 1e-300)
    embedding = None
    if vectors is not None:
        completed = weight * plays.completed[:, None]
        embedding = mean_vectors(plays.listener, n, plays.track_idx, completed, vectors)[listener * size + context]
    there = listener, context
    return ContextFeatures(listener, context, share[there].astype(np.float32), sessions[there].astype(np.float32), embedding)


def session_features(
    listening: Listening, cut_us: int, judged: Judged | None, factors: Float32s | None, days: int = 7
) -> SessionFeatures:
    """What each session that began in the `days` before the cut was for.

    factors : float32 [tracks, d], of matrix factorization.
    """
    said: Judged = Unjudged.of(listening.sessions) if judged is None else judged
    before = listening.where(listening.started_at < cut_us)
    first = np.flatnonzero(_changes(before.session))
    recent = first[before.started_at[first] >= cut_us - days * DAY_US]
    number = before.session[recent]
    kept = np.zeros(before.sessions, bool)
    kept[number] = True
    plays = before.where(kept[before.session])
    row = np.cumsum(_changes(plays.session)) - 1
    embedding = None
    if factors is not None:
        embedding = mean_vectors(row, len(recent), plays.track_idx, ~plays.skipped[:, None], factors)
    contexts, modes = said.contexts[number], said.modes[number]
    return SessionFeatures(
        before.listener[recent], before.started_at[recent], np.bincount(row, minlength=len(recent)).astype(np.int32),
        contexts.argmax(axis=1), modes.argmax(axis=1), contexts, said.own[number], embedding,
    )  # fmt: skip


def _changes(session: Int64s) -> npt.NDArray[np.bool_]:
    """True at each session's first play."""
    new = np.ones(len(session), bool)
    new[1:] = session[1:] != session[:-1]
    return new


def _sums(listener: Int64s, weight: npt.NDArray[np.float64], listeners: int) -> npt.NDArray[np.float64]:
    """Sums of rows of weights over each listener's plays, in order, float64 [listeners, c]."""
    columns = [np.bincount(listener, column, minlength=listeners) for column in weight.T]
    return np.stack(columns, axis=1)
