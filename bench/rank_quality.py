"""The ranker's quality on simulated worlds: over the blend and the best source, by segment, and for contexts by the truth.

    python bench/rank_quality.py WAREHOUSE... [--weeks 4] [--env demo]   -> bench/results/rank_quality.json

Each warehouse holds one simulated world after intake, its truth folder stands beside it. As `plant backtest` does, every judged
week has its sources, features and ranker from what lies before it (spark_jobs/evaluation/backtest.py). Lists for a context are
judged by what the world knows of the listener's own mode: `demand`, the chance that a search in it comes upon a listed track
and ends well, and `enjoyment`, the chance that a listed track is heard to its end. They are held against the list for any
context, over listeners who have the mode and a list for it. Intervals are over listeners, each with the mean of their weeks.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import record

from conf import settings as environments
from conf import tables as t
from conf.contexts import CONTEXTS
from conf.settings import Settings
from models.bootstrap import mean_intervals
from models.ranking.ranker import Ranker
from models.sources.kinds import SOURCES
from models.world import modes
from models.world import truth as judgement
from spark_jobs.evaluation import backtest, backtest_report
from spark_jobs.evaluation.backtest_input import BacktestInput, load
from spark_jobs.evaluation.backtest_ranker import ReplayedWeek, context_lists
from spark_jobs.evaluation.truth import Truth, load_truth

# Context -> the world's mode of that purpose.
PLANTED = {"commute": "commute", "focus": "work", "wind_down": "evening", "party": "party"}
BLOCK = 500
Floats = npt.NDArray[np.float32]
Row = dict[str, Any]


@dataclass
class Watch:
    """What lists for a context are worth in the listener's own mode: (demand, enjoyment) of them and of the list for any.

    found : context -> listener -> one row of four numbers a week.
    """

    truth: Truth
    column: npt.NDArray[np.int64]
    least_share: float
    found: dict[str, dict[int, list[list[float]]]] = field(default_factory=lambda: {name: {} for name in PLANTED})

    def __call__(self, week: ReplayedWeek, ranker: Ranker, lists: npt.NDArray[np.int32]) -> None:
        """Judge a week."""
        for context, mode in PLANTED.items():
            made = context_lists(week, ranker, CONTEXTS.index(context), self.least_share)
            for start in range(0, len(made), BLOCK):
                self._judge(week, context, mode, start, made[start : start + BLOCK], lists[start : start + BLOCK])

    def _judge(self, week: ReplayedWeek, context: str, mode: str, start: int, made: Any, lists: Any) -> None:
        ids = np.array(week.cut.block.log.user_ids.slice(start, len(made)).to_pylist())
        known = np.isin(ids, self.truth.user_ids)  # bots are no listeners of the world
        made, lists, who = made[known], lists[known], start + np.flatnonzero(known)
        rows = self.truth.rows(ids[known].tolist())
        here = self.truth.listeners.mode[rows] == modes.NAMES.index(mode)
        asked = np.flatnonzero(here.any(axis=1) & (made >= 0).any(axis=1) & (lists >= 0).any(axis=1))
        share = self.truth.listeners.mode_share.copy()
        share[rows] = here
        own, at = replace(self.truth.listeners, mode_share=share), self.truth.week(week.cut.day)
        worths = [judge(own, self.truth.shelf, rows[asked], at) for judge in (judgement.demand, judgement.enjoyment)]
        for row, listener in enumerate(asked):
            held = [self.column[one[listener][one[listener] >= 0]] for one in (made, lists)]
            told = [float(worth[row, columns].mean()) for columns in held for worth in worths]
            self.found[context].setdefault(int(week.cut.code[who[listener]]), []).append(told)

    def rows(self) -> list[Row]:
        """One row a context and measure."""
        out = []
        for context, by_listener in self.found.items():
            told = np.array([np.mean(weeks, axis=0) for weeks in by_listener.values()])
            for at, measure in enumerate(("demand", "enjoyment")):
                gain = mean_intervals((told[:, at] - told[:, at + 2])[None], 1000, 7)[0]
                base = float(told[:, at + 2].mean())
                ends = {"gain": gain.value / base, "low": gain.low / base, "high": gain.high / base}
                out.append({"context": context, "measure": measure, "listeners": len(told), "any": base} | ends)
        return out


def judged(warehouse: Path, settings: Settings, weeks: int) -> Row:
    """All numbers of one world."""
    given = load(settings.model_copy(update={"warehouse": warehouse}), weeks, 20_000)
    truth = load_truth(warehouse.parent / "truth")
    watch = Watch(truth, columns(given, truth), settings.rank.context_share)
    trial = given.trial(settings)
    trial.watch = watch
    folds = backtest.run(given.past, given.catalogue_of, settings, list(SOURCES), lambda told: print(told, flush=True), trial)
    rows = backtest_report.rows(folds, given.card(settings.evaluate))
    drift = {name: round(max(fold.drift.get(name, 0.0) for fold in folds), 4) for name in SOURCES}
    return {
        "world": warehouse.parent.name, "weeks": weeks, "verdicts": backtest_report.verdicts(rows), "contexts": watch.rows(),
        "gates": {str(fold.cut.day): fold.gate for fold in folds}, "worth_psi": drift,
        "ndcg": {row["model"]: row["value"] for row in rows if row["metric"] == backtest_report.JUDGED_BY},
    }  # fmt: skip


def columns(given: BacktestInput, truth: Truth) -> npt.NDArray[np.int64]:
    """Column of the truth that holds each track_idx; one that the world does not know has none that is ever listed."""
    rows = given.warehouse.rows(t.TRACKS).table(columns=["track_id", "track_idx"])
    place = {name: at for at, name in enumerate(truth.track_ids.tolist())}
    out = np.zeros(int(rows["track_idx"].to_numpy().max()) + 1, np.int64)
    for name, number in zip(rows["track_id"].to_pylist(), rows["track_idx"].to_pylist(), strict=True):
        out[number] = place.get(name, 0)
    return out


def main() -> None:
    """Measure each world and record it."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("warehouses", type=Path, nargs="+")
    ask.add_argument("--weeks", type=int, default=4)
    ask.add_argument("--env", default="demo")
    given = ask.parse_args()
    made = []
    for warehouse in given.warehouses:
        made.append(judged(warehouse.resolve(), environments.load(given.env), given.weeks))
        for line in made[-1]["verdicts"]:
            print(line)
        for row in made[-1]["contexts"]:
            told = f"{row['gain']:+.1%} [{row['low']:+.1%}, {row['high']:+.1%}] of {row['listeners']} listeners"
            print(f"{row['context']:9} {row['measure']:9} {told}")
        print("PSI of worths", made[-1]["worth_psi"], flush=True)
    record.write("rank_quality", made, {world["world"]: world["verdicts"] for world in made}, simulated=True)


if __name__ == "__main__":
    main()
