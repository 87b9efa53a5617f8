"""warehouse -> what a backtest needs: past cuts, the catalogue of each, and where its rows go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow.compute as pc

from conf import tables as t
from conf.errors import ContractError
from conf.settings import Evaluate, Settings
from models.sources.base import Catalogue
from spark_jobs.evaluation import replay
from spark_jobs.evaluation.backtest_ranker import Trial
from spark_jobs.evaluation.backtest_report import SURFACE
from spark_jobs.evaluation.replay import Cut, Replay
from spark_jobs.evaluation.replayed_features import Looker
from spark_jobs.evaluation.score_card import ScoreCard
from spark_jobs.rows import sql
from spark_jobs.training import side_information
from spark_jobs.warehouse import Warehouse


@dataclass(frozen=True)
class BacktestInput:
    """Cuts of one warehouse's log, oldest first."""

    warehouse: Warehouse
    past: list[Cut]
    log: Replay

    @property
    def simulated(self) -> bool:
        """Whether any play was."""
        return self.log.simulated

    @property
    def replay_size(self) -> str:
        """How much was replayed, in words."""
        size = f"{len(self.log.user_ids):,} listeners, {len(self.log.plays):,} plays"
        return f"{size}{', simulated' if self.simulated else ''}"

    def trial(self, settings: Settings) -> Trial:
        """The ranker's part."""
        rows = self.warehouse.rows(t.TRACKS).table(columns=["track_idx", "genres"])
        genres: list[Any] = [None] * (int(pc.max(rows["track_idx"]).as_py()) + 1)
        for number, names in zip(rows["track_idx"].to_pylist(), rows["genres"].to_pylist(), strict=True):
            genres[number] = names
        return Trial(Looker(self.log, genres, settings), settings)

    def catalogue_of(self, cut: Cut) -> Catalogue:
        """The catalogue as of the Monday that the cut serves."""
        rows = {table.name: self.warehouse.rows(table) for table in (t.TRACKS, t.ARTISTS, t.TAGS)}
        return side_information.written(**rows, served_on=cut.day + timedelta(days=1))

    def card(self, params: Evaluate) -> ScoreCard:
        """What all rows share; they stand at the Monday behind the last judged week."""
        last = self.past[-1].day
        return ScoreCard(last + timedelta(days=8), SURFACE, last, params.bootstrap, params.seed, self.simulated)

    def store(self, rows: list[dict[str, Any]]) -> None:
        """Replace this Monday's backtest in `metrics`."""
        monday = rows[0]["run_date"]
        replaced = f"{sql(('run_date', '=', monday))} AND {sql(('surface', '=', SURFACE))}"
        card = ScoreCard(monday, SURFACE, self.past[-1].day, 0, 0, self.simulated)
        self.warehouse.write_arrow(t.METRICS, card.table(rows), replaced)


def load(settings: Settings, weeks: int, listeners: int) -> BacktestInput:
    """Read the log and cut it.

    Raises
    ------
    ContractError
        Where there are no listens, or they do not reach back behind the first cut.
    """
    warehouse = Warehouse(settings.warehouse)
    listens = warehouse.rows(t.LISTENS)
    dates = listens.table(columns=["started_date"])["started_date"]
    if not len(dates):
        raise ContractError("backtest: table listens is empty; run `plant week` or the intake first")
    days = replay.cuts(replay.newest_cut(pc.max(dates).as_py()), weeks)
    if pc.min(dates).as_py() >= days[0]:
        raise ContractError(
            f"backtest: listens begin on {pc.min(dates).as_py()}, {weeks} weeks need some before {days[0]}; give fewer --weeks"
        )
    tracks = warehouse.rows(t.TRACKS).table(columns=["track_id", "track_idx", "duration_ms"])
    rows = {table.name: warehouse.rows(table) for table in (t.USERS, t.FOLLOWS, t.FEEDBACK)}
    log = replay.take(listens, **rows, tracks=tracks, most=listeners)
    past = [log.cut(day, settings.build_histories, settings.generate_candidates.circle) for day in days]
    return BacktestInput(warehouse, past, log)
