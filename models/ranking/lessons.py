"""past weeks -> rows that teach, and whole candidate lists that judge, in one pass over blocks of listeners.

A listener's candidates are one group. All that were met teach, and `negatives` others, drawn by a hash of listener and track:
the same in any block and any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from conf.contexts import CONTEXTS
from conf.features.pair import COLUMNS
from conf.ranking import TrainRanker
from models.metrics import hits_of, ndcg_at_k
from models.ranking.exam import Exam
from models.ranking.exposure import Shown, weights
from models.ranking.labels import COMPLETED, UNMET, Picks, grades
from models.ranking.matrix import ANY, C, ListenerSide, Pairs, TrackSide, assemble, for_context
from models.ranking.ranker import places
from models.sources.base import TopK

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
BLOCK = 256
OTHERS = tuple(at for at in range(len(CONTEXTS)) if at != ANY)


@dataclass(frozen=True)
class Block:
    """Some listeners of a past week.

    Attributes
    ----------
    user : uint64 [n], a checksum of their ids: chance draws by it. lists : by source. listeners, tracks : their sides.
    picks : what they did in the week after, by their number in the block. relevant : int64 [n], their discoveries.
    blend : int32 [n, K], tracks of the list that the blend had for them, -1 pads.
    shown : int32 [n, places], tracks of the list that was on air, in order; -1 pads; no columns where none was.
    """

    user: Uint64s
    lists: Mapping[str, TopK]
    listeners: ListenerSide
    tracks: TrackSide
    picks: Picks
    relevant: Int64s
    blend: Int32s
    shown: Int32s


class Week(Protocol):
    """A past week."""

    def blocks(self, asked: int, size: int) -> Iterator[Block]:
        """Its listeners, `size` at a time; lists are `asked` long."""


@dataclass(frozen=True)
class Lesson:
    """Rows that teach.

    Attributes
    ----------
    x : float32 [m, COLUMNS]. grade : int8 [m]. place : int64 [m], on the list that was shown, -1 where it was not.
    weight : float32 [m]. size : int64 [g], rows of each group, in order, > 0. half : bool [g], the listener's (`halves`).
    """

    x: Float32s
    grade: Int8s
    place: Int64s
    weight: Float32s
    size: Int64s
    half: Bools

    def __len__(self) -> int:
        return len(self.size)

    @classmethod
    def together(cls, parts: Sequence[Lesson]) -> Lesson:
        """All parts, one after the other."""
        if not parts:
            nothing = np.empty(0, np.int64)
            return cls(
                np.empty((0, len(COLUMNS)), np.float32), nothing.astype(np.int8), nothing, nothing.astype(np.float32), nothing,
                nothing.astype(bool),
            )  # fmt: skip
        return cls(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)})

    def of(self, who: Bools) -> Lesson:
        """The groups that `who`, bool [g], names."""
        rows = np.repeat(who, self.size)
        return Lesson(self.x[rows], self.grade[rows], self.place[rows], self.weight[rows], self.size[who], self.half[who])

    def weighed(self, look: Float64s) -> Lesson:
        """The same rows; a pick weighs what its place hid."""
        return replace(self, weight=weights(self.place, self.grade >= COMPLETED, look))


@dataclass(frozen=True)
class Material:
    """What one pass over a week gives.

    Attributes
    ----------
    any, others : rows that teach the order for any context, and those for contexts. exam : whole candidates of some listeners.
    shown : candidates that were on air. places : how long the longest list on air was.
    """

    any: Lesson
    others: Lesson
    exam: Exam
    shown: Shown
    places: int


@dataclass(frozen=True)
class School:
    """How matrices are made of weeks."""

    weights: Mapping[str, float]
    asked: int
    params: TrainRanker

    def material(self, week: Week, contexts: Sequence[int] = OTHERS, judged: int = 0) -> Material:
        """Rows for any context and for `contexts`, and the whole candidates of at most `judged` who discovered something."""
        own, others, exams, shown, longest = [], [], [], [], 1
        for block in week.blocks(self.asked, BLOCK):
            pairs = assemble(block.lists, block.listeners, block.tracks, self.weights, self.params.depth)
            grade, place = grades(pairs, block.picks), places(block.shown, pairs.listener, pairs.track)
            asked = np.flatnonzero(block.relevant > 0)[:judged]
            judged -= len(asked)
            exams.append(_exam(block, pairs, grade).of(np.isin(np.arange(len(block.user)), asked)))
            seen = place >= 0
            shown.append(Shown(place[seen], pairs.x[seen, C["blend_score"]], grade[seen] >= COMPLETED))
            longest = max(longest, block.shown.shape[1])
            own.append(self._lesson(block, pairs, grade, ANY, place))
            for context in contexts:
                grade = self._asked_for(block, pairs, context)
                if (grade > UNMET).any():
                    pairs = for_context(pairs, block.listeners, block.tracks, context)
                    others.append(self._lesson(block, pairs, grade, context, place))
        return Material(Lesson.together(own), Lesson.together(others), Exam.together(exams), Shown.together(shown), longest)

    def _lesson(self, block: Block, pairs: Pairs, grade: Int8s, context: int, place: Int64s) -> Lesson:
        """Rows of a block that teach an order."""
        row = pairs.listener
        lot = hashed(block.user[row], block.tracks.tie_rank[pairs.track].astype(np.uint64), self.params.seed + context)
        kept = drawn(pairs.first, grade, lot, self.params.negatives)
        listener, size = np.unique(row[kept], return_counts=True)
        weight = np.ones(int(kept.sum()), np.float32)
        return Lesson(pairs.x[kept], grade[kept], place[kept], weight, size.astype(np.int64), halves(block.user)[listener])

    def _asked_for(self, block: Block, pairs: Pairs, context: int) -> Int8s:
        """Grades by what was picked in the context, of listeners who play it enough; the others met nothing."""
        grade = grades(pairs, block.picks, context)
        enough = block.listeners.share[:, context] >= self.params.context_share
        return np.where(enough[pairs.listener], grade, np.int8(UNMET)).astype(np.int8)


def _exam(block: Block, pairs: Pairs, grade: Int8s) -> Exam:
    """All candidates of a block; the rows are still the matrix's own."""
    liked = block.picks.liked
    hits = hits_of(block.blend, block.picks.listener[liked], block.picks.track[liked], len(block.tracks))
    blend = ndcg_at_k(hits, block.relevant)
    return Exam(pairs.first, pairs.x, grade, block.relevant, blend, halves(block.user))


def halves(user: Uint64s) -> Bools:
    """Which half each listener is in, by a hash of their id."""
    return hashed(user, np.zeros(len(user), np.uint64), 1) >= 0.5


def hashed(user: Uint64s, track: Uint64s, seed: int) -> Float64s:
    """A number in [0, 1) for each pair, float64 [m] (splitmix64): the same wherever the pair stands."""
    with np.errstate(over="ignore"):
        z = user * np.uint64(0x9E3779B97F4A7C15) + track * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(seed)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
        z = z ^ (z >> np.uint64(31))
    return np.asarray((z >> np.uint64(11)).astype(np.float64) / 2.0**53)


def drawn(first: Int64s, grade: Int8s, lot: Float64s, negatives: int) -> npt.NDArray[np.bool_]:
    """Candidates that teach, bool [m]: all that were met, and the `negatives` others of each listener of the lowest lot.

    Listeners who picked none of their candidates teach nothing.

    >>> first, grade = np.array([0, 4, 6]), np.array([2, 1, 1, 1, 1, 1], np.int8)
    >>> drawn(first, grade, np.array([0.9, 0.5, 0.1, 0.3, 0.0, 0.0]), negatives=2).tolist()
    [True, False, True, True, False, False]
    """
    listener = np.repeat(np.arange(len(first) - 1), np.diff(first))
    met = grade != UNMET
    order = np.lexsort((np.where(met, -1.0, lot), listener))
    place = np.arange(len(order)) - first[listener]
    kept = np.zeros(len(grade), bool)
    kept[order] = place < (np.bincount(listener[met], minlength=len(first) - 1) + negatives)[listener]
    teaching = np.bincount(listener[grade > UNMET], minlength=len(first) - 1) > 0
    return np.asarray(kept & teaching[listener])
