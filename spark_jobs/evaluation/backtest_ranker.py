"""folds of a backtest -> the ranker's lists: taught on the weeks before, as the line does, judged on another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from conf.job import PAST_WEEKS
from conf.settings import Settings
from models.blend import learn
from models.ranking.features.drift import psi
from models.ranking.gate import Verdict
from models.ranking.lessons import BLOCK, Block
from models.ranking.matrix import C, Pairs, assemble, for_context
from models.ranking.ranker import Ranker, best_first, top_lists
from models.ranking.training import teach
from models.sources.base import Catalogue, Saved, TopK
from spark_jobs.evaluation.replay import Cut
from spark_jobs.evaluation.replayed_features import Known, Looker
from spark_jobs.serving.proposer import halves

log = logging.getLogger(__name__)
RANKER = "ranker"
K = 30
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ReplayedWeek:
    """A cut as a week that teaches: its lists, features and labels. blend : int32 [n, K], the list that the blend made."""

    cut: Cut
    known: Known
    lists: Mapping[str, TopK]
    blend: Int32s

    def blocks(self, asked: int, size: int) -> Iterator[Block]:
        """Its listeners, `size` at a time; lists are as long as all were asked for."""
        n = len(self.cut.block)
        user = self.cut.code.astype(np.uint64)
        for start in range(0, n, size):
            stop = min(start + size, n)
            yield Block(
                user[start:stop], {name: top.rows(start, stop) for name, top in self.lists.items()},
                self.known.listeners.rows(start, stop), self.known.tracks, self.known.picks.rows(start, stop),
                self.cut.relevant[start:stop], self.blend[start:stop], np.empty((stop - start, 0), np.int32),
            )  # fmt: skip


@dataclass(frozen=True)
class Order:
    """What the ranker made of a week.

    Attributes
    ----------
    lists : int32 [n, K]. cold : the same of the tracks that hardly anybody knows. verdict : of its gate on the week before.
    drift : source -> PSI of the worth of its entries, in the weeks that taught against this one.
    """

    lists: Int32s
    cold: Int32s
    verdict: Verdict
    drift: dict[str, float]


@dataclass
class Trial:
    """The ranker's part of a backtest; it remembers the weeks that have been.

    watch : told of every week that is judged, the ranker taught for it, and its lists.
    """

    looker: Looker
    settings: Settings
    watch: Callable[[ReplayedWeek, Ranker, Int32s], None] = lambda week, ranker, lists: None
    weeks: list[ReplayedWeek] = field(default_factory=list)

    def order(
        self, cut: Cut, catalogue: Catalogue, lists: Mapping[str, TopK], cold: Mapping[str, TopK], saved: Mapping[str, Saved],
        blend: Int32s,
    ) -> Order | None:  # fmt: skip
        """The order of this week by what the weeks before teach, None where there are none; then the week is remembered."""
        rounded = {name: _rounded(top) for name, top in lists.items()}
        week = ReplayedWeek(cut, self.looker.known(cut, catalogue, saved), rounded, blend)
        past = [one for one in self.weeks[-PAST_WEEKS:] if len(one.cut.row)]
        self.weeks.append(week)
        if not past:
            return None
        asked = self.settings.generate_candidates.per_source
        learned = [learn(one.lists, one.cut.row, one.cut.track) for one in past]
        weights = {name: float(np.mean([each.get(name, 0.0) for each in learned])) for name in learned[-1]}
        taught = teach(past, weights, asked, self.settings.train_ranker)
        log.info("cut=%s rounds=%d gate %s", cut.day, taught.rounds, taught.verdict)
        made = best_lists(week, taught.ranker)
        self.watch(week, taught.ranker, made)
        only_cold = {name: _as_long(_rounded(top), asked) for name, top in cold.items()}
        judged_cold = best_lists(ReplayedWeek(cut, week.known, only_cold, blend), taught.ranker)
        return Order(made, judged_cold, taught.verdict, drift(past, week, taught.ranker))


def best_lists(week: ReplayedWeek, ranker: Ranker, k: int = K) -> Int32s:
    """The best `k` of each listener, int32 [n, k], -1 pads."""
    made = []
    for block in week.blocks(ranker.asked, BLOCK):
        pairs = matrix_of(block, ranker)
        order = best_first(pairs.first, ranker.score(pairs.x))
        made.append(top_lists(pairs.first, pairs.track, order, k))
    return np.concatenate(made) if made else np.empty((0, k), np.int32)


def context_lists(week: ReplayedWeek, ranker: Ranker, context: int, least_share: float, k: int = K) -> Int32s:
    """The best `k` for a context of each listener who plays it at least so much, int32 [n, k], -1 pads."""
    made = []
    for block in week.blocks(ranker.asked, BLOCK):
        pairs = for_context(matrix_of(block, ranker), block.listeners, block.tracks, context)
        order = best_first(pairs.first, ranker.of_context(context).score(pairs.x))
        lists = top_lists(pairs.first, pairs.track, order, k)
        lists[block.listeners.share[:, context] < least_share] = -1
        made.append(lists)
    return np.concatenate(made) if made else np.empty((0, k), np.int32)


def matrix_of(block: Block, ranker: Ranker) -> Pairs:
    """The matrix of a block as the ranker was taught to read it."""
    return assemble(block.lists, block.listeners, block.tracks, ranker.weights, ranker.depth)


def drift(past: list[ReplayedWeek], week: ReplayedWeek, ranker: Ranker) -> dict[str, float]:
    """PSI of each source's worths between the weeks that taught and the week that is served; for one block of each.

    What is not on a list counts as missing, a bin of its own: as zeros it would be most of every bin.
    """

    def sample(one: ReplayedWeek) -> Pairs:
        return matrix_of(next(one.blocks(ranker.asked, 4 * BLOCK)), ranker)

    was, now = [sample(one) for one in past], sample(week)
    found = {}
    for name in week.lists:
        if f"worth_{name}" in C:
            found[name] = psi(np.concatenate([_worths(pairs, name) for pairs in was]), _worths(now, name))
    return found


def _worths(pairs: Pairs, name: str) -> npt.NDArray[np.float32]:
    return np.where(pairs.x[:, C[f"missing_{name}"]] > 0, np.float32(np.nan), pairs.x[:, C[f"worth_{name}"]])


def _rounded(top: TopK) -> TopK:
    """Scores to the precision that table candidates keeps."""
    scores = np.where(top.ids >= 0, halves(np.where(top.ids >= 0, top.scores, 0.0)), -np.inf).astype(np.float32)
    return TopK(top.ids, scores, top.because)


def _as_long(top: TopK, asked: int) -> TopK:
    """The same lists with room for `asked` entries: a rank is worth what it is on a list of the usual length."""
    pads = (0, 0), (0, max(asked - top.ids.shape[1], 0))
    return TopK(
        np.pad(top.ids, pads, constant_values=-1), np.pad(top.scores, pads, constant_values=-np.inf),
        np.pad(top.because, pads, constant_values=-1),
    )  # fmt: skip
