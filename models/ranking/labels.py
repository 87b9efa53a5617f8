"""plays and saves of the week after -> a grade for each candidate: what the listener did when they met it.

Saved is more than repeated, repeated more than completed, and a track that was met and skipped is less than one that was not
met. Repeats are counted as far as the log reaches before the run's own cut, never beyond. Nothing here looks at a feature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conf.ranking import GRADES
from models.listening import DAY_US
from models.ranking.matrix import Pairs

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Float32s = npt.NDArray[np.float32]
SKIPPED, UNMET, COMPLETED, REPEATED, SAVED = range(len(GRADES))
WEEK_DAYS, REPEAT_DAYS = 7, 28


@dataclass(frozen=True)
class After:
    """What n listeners played and saved from a cut on.

    Attributes
    ----------
    listener : int64 [m], below n. track : int32 [m]. age_us : int64 [m], microseconds from the cut to the play, >= 0.
    completed, skipped : bool [m]. session : int64 [m], any number that tells a listener's sittings apart.
    contexts : float32 [m, contexts], of each play's session; None where nobody judged them.
    saved_listener, saved_track : int64, int32 [s], saved in the first week.
    """

    listener: Int64s
    track: Int32s
    age_us: Int64s
    completed: Bools
    skipped: Bools
    session: Int64s
    contexts: Float32s | None
    saved_listener: Int64s
    saved_track: Int32s


@dataclass(frozen=True)
class Picks:
    """What each listener did with each track that they met in the week, one entry a pair, in order of (listener, track).

    Attributes
    ----------
    listener : int64 [k]. track : int32 [k]. grade : int8 [k], place in GRADES.
    contexts : float32 [k, contexts], where it was picked: mean of its completed plays'; zeros where nobody knows.
    """

    listener: Int64s
    track: Int32s
    grade: Int8s
    contexts: Float32s

    @property
    def liked(self) -> Bools:
        """True for completed, repeated and saved."""
        return self.grade >= COMPLETED

    def rows(self, start: int, stop: int) -> Picks:
        """Those of listeners `start` to `stop`, numbered from 0."""
        first, last = np.searchsorted(self.listener, [start, stop])
        return Picks(
            self.listener[first:last] - start, self.track[first:last], self.grade[first:last], self.contexts[first:last]
        )


def picks(after: After, contexts: int) -> Picks:
    """Grades of all pairs met in the week.

    Examples
    --------
    One listener completes track 5 on the first day and again ten days later, skips 6, and saves 7.

    >>> none, day = np.zeros(3, np.int64), DAY_US
    >>> after = After(none, np.array([5, 5, 6], np.int32), np.array([0, 10 * day, day]), np.array([True, True, False]),
    ...               np.array([False, False, True]), np.array([0, 2, 1]), None, none[:1], np.array([7], np.int32))
    >>> made = picks(after, contexts=2)
    >>> made.track.tolist(), [GRADES[grade] for grade in made.grade]
    ([5, 6, 7], ['repeated', 'skipped', 'saved'])
    """
    span = int(max(after.track.max(initial=0), after.saved_track.max(initial=0))) + 1
    key, saved = after.listener * span + after.track, after.saved_listener * span + after.saved_track
    week = after.age_us < WEEK_DAYS * DAY_US
    met = np.unique(np.concatenate([key[week], saved]))
    grade = np.full(len(met), SKIPPED, np.int8)

    def raise_to(keys: Int64s, value: int) -> None:
        grade[np.searchsorted(met, np.unique(keys))] = value

    raise_to(key[week & ~after.skipped], UNMET)  # broken off, but not skipped: says nothing
    raise_to(key[week & after.completed], COMPLETED)
    raise_to(_repeated(key, after, week), REPEATED)
    raise_to(saved, SAVED)
    return Picks(met // span, (met % span).astype(np.int32), grade, _contexts(met, key, after, week, contexts))


def _repeated(key: Int64s, after: After, week: Bools) -> Int64s:
    """Pairs completed in the week and completed in two sessions or more within 28 days of the cut."""
    done = after.completed & (after.age_us < REPEAT_DAYS * DAY_US)
    sittings = np.unique(np.stack([key[done], after.session[done]]), axis=1)[0]
    pair, times = np.unique(sittings, return_counts=True)
    return np.intersect1d(pair[times >= 2], key[week & after.completed])


def _contexts(met: Int64s, key: Int64s, after: After, week: Bools, size: int) -> Float32s:
    out = np.zeros((len(met), size))
    if after.contexts is None or not len(met):
        return out.astype(np.float32)
    done = week & after.completed
    place = np.searchsorted(met, key[done])
    for column in range(size):
        out[:, column] = np.bincount(place, after.contexts[done, column].astype(np.float64), minlength=len(met))
    times = np.bincount(place, minlength=len(met))
    return (out / np.maximum(times, 1)[:, None]).astype(np.float32)


def grades(pairs: Pairs, made: Picks, context: int | None = None) -> Int8s:
    """Grade of each candidate, int8 [m].

    Parameters
    ----------
    context : picks of which less than half was made there count as unmet; None: where they were made does not matter.
    """
    out = np.full(len(pairs.track), UNMET, np.int8)
    if not len(made.track):
        return out
    span = int(max(made.track.max(), pairs.track.max(initial=0))) + 1
    known, asked = made.listener * span + made.track, pairs.listener * span + pairs.track
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    found = known[place] == asked
    grade = made.grade if context is None else np.where(made.contexts[:, context] >= 0.5, made.grade, UNMET)
    out[found] = grade[place[found]]
    return out
