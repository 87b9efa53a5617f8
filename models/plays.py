"""What one play says: how long it was heard, whether it counts as a listen, whether it was skipped.

Times are milliseconds, -1 means that the log or the catalogue does not know. Every function takes and returns whole
columns, so intake, sessions and histories apply the same rules to millions of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conf.errors import ContractError
from conf.values import ListenRule

SKIP_REASONS = ("fwdbtn", "backbtn")
# A track without a duration is taken to last three and a half minutes, about the median of recorded popular music.
TYPICAL_MS = 210_000

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Plays:
    """Plays of many listeners, in order of (listener, started_at).

    Attributes
    ----------
    listener : int64 [n], any dense code; a listener's rows stand together.
    track_idx : int32 [n].
    started_at : int64 [n], microseconds since 1970-01-01 UTC.
    ms_played : int64 [n], milliseconds, -1 where the log has none.
    duration_ms : int64 [n], milliseconds, -1 where the catalogue has none.
    button : bool [n], ended by the forward or the back button (a reason in SKIP_REASONS).
    """

    listener: Ints
    track_idx: npt.NDArray[np.int32]
    started_at: Ints
    ms_played: Ints
    duration_ms: Ints
    button: Bools

    def __post_init__(self) -> None:
        if len({len(column) for column in vars(self).values()}) != 1:
            sizes = {name: len(column) for name, column in vars(self).items()}
            raise ContractError(f"plays: columns of different lengths {sizes}; build them from the same rows")
        same = self.listener[1:] == self.listener[:-1]
        if np.any(self.listener[1:] < self.listener[:-1]) or np.any(same & (np.diff(self.started_at) < 0)):
            raise ContractError("plays: rows are not in order of (listener, started_at); sort them first")

    def __len__(self) -> int:
        return len(self.listener)


def infer_ms_played(listener: Ints, started_at: Ints, ms_played: Ints, duration_ms: Ints) -> Ints:
    """Milliseconds heard: the log's, else the gap to the listener's next start, capped by the duration.

    A listener's last play has no next start and is taken as heard to the end. Rows are in order of (listener,
    started_at).

    >>> second = 1_000_000  # microseconds
    >>> infer_ms_played(
    ...     listener=np.array([0, 0, 0, 1]),
    ...     started_at=np.array([0, 5, 900, 0]) * second,
    ...     ms_played=np.array([-1, -1, 42_000, -1]),
    ...     duration_ms=np.array([200_000, 200_000, 200_000, -1]),
    ... ).tolist()
    [5000, 200000, 42000, 210000]
    """
    whole = known_duration(duration_ms)
    gap = whole.copy()
    if len(gap) > 1:
        next_is_theirs = listener[1:] == listener[:-1]
        gap[:-1] = np.where(next_is_theirs, np.diff(started_at) // 1000, whole[:-1])
    return np.where(ms_played >= 0, ms_played, np.minimum(gap, whole))


def known_duration(duration_ms: Ints) -> Ints:
    """Duration in milliseconds, TYPICAL_MS where the catalogue has none.

    >>> known_duration(np.array([-1, 0, 180_000])).tolist()
    [210000, 210000, 180000]
    """
    return np.where(duration_ms > 0, duration_ms, TYPICAL_MS)


def completion(ms_played: Ints, duration_ms: Ints) -> npt.NDArray[np.float64]:
    """Share of the track that was heard, float64 [n] in [0, 1].

    >>> completion(np.array([50_000, 400_000]), np.array([200_000, 200_000])).tolist()
    [0.25, 1.0]
    """
    return np.clip(ms_played / known_duration(duration_ms), 0.0, 1.0)


def is_listen(ms_played: Ints, duration_ms: Ints, rule: ListenRule) -> Bools:
    """True where `rule.min_seconds` were heard, or `rule.min_share` of a track for which that is less.

    >>> is_listen(np.array([30_000, 29_999, 20_000]), np.array([200_000, 200_000, 40_000]), ListenRule()).tolist()
    [True, False, True]
    """
    enough = np.minimum(rule.min_seconds * 1000, rule.min_share * known_duration(duration_ms))
    counts: Bools = ms_played >= enough
    return counts


def is_skip(listens: Bools, button: Bools) -> Bools:
    """True where a play ended by the forward or back button, or is no listen.

    >>> is_skip(listens=np.array([True, True, False]), button=np.array([False, True, False])).tolist()
    [False, True, True]
    """
    return button | ~listens
