"""The command line in this process, and stores that serve two planted weeks."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from conf.tables import CHARTS, PLAYLISTS
from exports.edition import Edition
from exports.gates import PublishGates
from exports.publish import publish
from exports.records import Record, charts_from_arrow, from_arrow
from exports.stores.opening import open_store
from spark_jobs.cli.main import main
from spark_jobs.warehouse import Warehouse


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Plant = Callable[..., Ended]


@pytest.fixture
def plant(planted: Warehouse, capsys: pytest.CaptureFixture[str]) -> Plant:
    """`plant --warehouse <planted> WORDS`, in this process."""

    def run(*words: str) -> Ended:
        capsys.readouterr()
        code = main(["--warehouse", str(planted.root), *words])
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run


@pytest.fixture
def published(planted: Warehouse) -> Warehouse:
    """The planted warehouse with both of its weeks published to sqlite and bundle."""
    for epoch, monday in enumerate((date(2026, 8, 31), date(2026, 9, 7)), 1):
        gates = PublishGates(min_covered=0, max_crowded_lists=1)
        edition = Edition("discover_weekly", monday, lambda monday=monday: _records(planted, monday), 2)
        for name in ("sqlite", "bundle"):
            with closing(open_store(name, planted.root / "stores")) as store:
                (outcome,) = publish(edition, [store], gates, fence=lambda: None, exposures=lambda _: None, epoch=epoch)
                assert outcome.state == "flipped", outcome
    return planted


def _records(warehouse: Warehouse, monday: date) -> list[Record]:
    week = [("run_date", "=", monday)]
    lists = [r for batch in warehouse.rows(PLAYLISTS, conditions=week).batches() for r in from_arrow(batch)]
    return [r for batch in warehouse.rows(CHARTS, conditions=week).batches() for r in charts_from_arrow(batch)] + lists
