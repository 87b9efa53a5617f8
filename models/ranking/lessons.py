"""past weeks -> a ranker and its verdict: who teaches, who stops the training, who judges.

Weeks are gone through in blocks of listeners: only rows which teach are kept, and the whole candidates of those who judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from conf.contexts import CONTEXTS
from conf.ranking import TrainRanker
from models.metrics import hits_of, ndcg_at_k
from models.ranking.exposure import Shown, looks, weights
from models.ranking.gate import Exam, Verdict, examine, verdict
from models.ranking.labels import COMPLETED, UNMET, Picks, grades
from models.ranking.matrix import ANY, C, ListenerSide, Pairs, TrackSide, assemble, for_context
from models.ranking.ranker import Ranker, places
from models.ranking.training import Lesson, drawn, fit, hashed
from models.sources.base import TopK

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
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
class Taught:
    """A trained ranker, its models' own texts by file name, the rounds of each, and the gate's verdict."""

    ranker: Ranker
    texts: dict[str, str]
    rounds: int
    verdict: Verdict


@dataclass(frozen=True)
class School:
    """How matrices are made of weeks."""

    weights: Mapping[str, float]
    asked: int
    params: TrainRanker

    def pairs(self, block: Block) -> Pairs:
        """Candidates of a block, for any context."""
        return assemble(block.lists, block.listeners, block.tracks, self.weights, self.params.depth)

    def lesson(self, week: Week, look: Float64s, contexts: Sequence[int] = (ANY,)) -> tuple[Lesson, Bools]:
        """(rows that teach orders for `contexts`, whether each group's listener is in the second half)."""
        parts, sides = [], []
        for block in week.blocks(self.asked, BLOCK):
            pairs = self.pairs(block)
            at = places(block.shown, pairs.listener, pairs.track)
            for context in contexts:
                grade = grades(pairs, block.picks) if context == ANY else self._asked_for(block, pairs, context)
                if (grade <= UNMET).all():
                    continue
                if context != ANY:
                    pairs = for_context(pairs, block.listeners, block.tracks, context)
                part, listener = self._rows(block, pairs, grade, context, weights(at, grade >= COMPLETED, look))
                parts.append(part)
                sides.append(halves(block.user)[listener])
        return Lesson.together(parts), np.concatenate(sides) if sides else np.empty(0, bool)

    def _rows(
        self, block: Block, pairs: Pairs, grade: npt.NDArray[np.int8], context: int, weight: Float32s
    ) -> tuple[Lesson, Int64s]:
        """(rows that teach an order, listener of each group)."""
        row = pairs.listener
        lot = hashed(block.user[row], block.tracks.tie_rank[pairs.track].astype(np.uint64), self.params.seed + context)
        kept = drawn(pairs.first, grade, lot, self.params.negatives)
        listener, size = np.unique(row[kept], return_counts=True)
        return Lesson(pairs.x[kept], grade[kept], weight[kept], size.astype(np.int64)), listener

    def _asked_for(self, block: Block, pairs: Pairs, context: int) -> npt.NDArray[np.int8]:
        """Grades by what was picked in the context, of listeners who play it enough; the others met nothing."""
        grade = grades(pairs, block.picks, context)
        enough = block.listeners.share[:, context] >= self.params.context_share
        return np.where(enough[pairs.listener], grade, np.int8(UNMET)).astype(np.int8)

    def exam(self, week: Week) -> tuple[Exam, Bools]:
        """(whole candidates of at most `params.judged` listeners who discovered something, the half that each is in)."""
        parts, sides, wanted = [], [], self.params.judged
        for block in week.blocks(self.asked, BLOCK):
            asked = np.flatnonzero(block.relevant > 0)[:wanted]
            if not len(asked):
                continue
            wanted -= len(asked)
            pairs = self.pairs(block)
            liked = block.picks.liked
            hits = hits_of(block.blend, block.picks.listener[liked], block.picks.track[liked], len(block.tracks))
            whole = Exam(pairs.first, pairs.x, grades(pairs, block.picks), block.relevant, ndcg_at_k(hits, block.relevant))
            chosen = np.isin(np.arange(len(block.user)), asked)
            parts.append(whole.of(chosen))
            sides.append(halves(block.user)[chosen])
            if not wanted:
                break
        if not parts:
            raise ValueError("an exam needs a listener who discovered something")
        return Exam.together(parts), np.concatenate(sides)

    def look(self, weeks: Sequence[Week]) -> Float64s:
        """How likely each place of a shown list is looked at; all alike where nothing was shown."""
        place, likely, picked, longest = [], [], [], 1
        for week in weeks:
            for block in week.blocks(self.asked, BLOCK):
                if not block.shown.shape[1]:
                    break
                longest = max(longest, block.shown.shape[1])
                pairs = self.pairs(block)
                at = places(block.shown, pairs.listener, pairs.track)
                seen = at >= 0
                place.append(at[seen])
                likely.append(pairs.x[seen, C["blend_score"]])
                picked.append(grades(pairs, block.picks)[seen] >= COMPLETED)
        if not place:
            return np.ones(longest)
        return looks(Shown(np.concatenate(place), np.concatenate(likely), np.concatenate(picked)), longest)


def teach(weeks: Sequence[Week], weights: Mapping[str, float], asked: int, params: TrainRanker) -> Taught:
    """A ranker of all `weeks`, oldest first, and the verdict of the newest on models that had not seen it."""
    school = School(weights, asked, params)
    look = school.look(weeks)
    lessons = [school.lesson(week, look) for week in weeks]
    found, rounds = judged(lessons, school.exam(weeks[-1]), params)
    boosters = bagged([lesson for lesson, _ in lessons], rounds, params.seeds, params)
    of_contexts = [school.lesson(week, look, OTHERS)[0] for week in weeks] if params.context_seeds else []
    others = bagged(of_contexts, rounds, params.context_seeds, params)
    dumps, others_told = ([booster.dump_model() for booster in some] for some in (boosters, others))
    texts = {f"any_{number}.txt": booster.model_to_string() for number, booster in enumerate(boosters)}
    texts |= {f"context_{number}.txt": booster.model_to_string() for number, booster in enumerate(others)}
    return Taught(Ranker.of(dumps, weights, params.depth, asked, others_told), texts, rounds, found)


def bagged(lessons: Sequence[Lesson], rounds: int, seeds: int, params: TrainRanker) -> list[Any]:
    """Boosters of the same lessons by different seeds; none where the lessons are empty."""
    together = Lesson.together(lessons)
    return [fit(together, params, rounds, params.seed + number) for number in range(seeds)] if len(together.size) else []


def judged(lessons: Sequence[tuple[Lesson, Bools]], examined: tuple[Exam, Bools], params: TrainRanker) -> tuple[Verdict, int]:
    """(verdict on models that did not see the labels they are judged by, rounds that suited them)."""
    exam, side = examined
    if len(lessons) > 1:
        found, rounds = examine(Lesson.together([lesson for lesson, _ in lessons[:-1]]), exam, side, params)
        return verdict(found, exam.blend, params.bootstrap, params.seed), rounds
    (lesson, second), found, stops = lessons[0], np.full(len(exam), np.nan), []
    for half in (False, True):
        there = side == half
        if there.any():
            quarter = np.arange(int(there.sum())) % 2 == 1
            found[there], rounds = examine(groups(lesson, second != half), exam.of(there), quarter, params)
            stops.append(rounds)
    return verdict(found, exam.blend, params.bootstrap, params.seed), round(float(np.mean(stops)))


def groups(lesson: Lesson, kept: Bools) -> Lesson:
    """The groups that `kept`, bool [g], names."""
    rows = np.repeat(kept, lesson.size)
    return Lesson(lesson.x[rows], lesson.grade[rows], lesson.weight[rows], lesson.size[kept])


def halves(user: Uint64s) -> Bools:
    """Which half each listener is in, by a hash of their id."""
    return hashed(user, np.zeros(len(user), np.uint64), 1) >= 0.5
