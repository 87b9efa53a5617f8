from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from conf.errors import LandingError
from models.world import SIZES, build_world
from models.world.truth import enjoyment
from spark_jobs.evaluation.truth import Truth, load_truth
from spark_jobs.intake.simulate import simulate

AS_OF = date(2026, 8, 30)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    folder = tmp_path_factory.mktemp("world")
    simulate("tiny", 5, folder / "landing", folder / "truth")
    return load_truth(folder / "truth")


def test_what_is_read_back_judges_like_the_world_itself(truth: Truth) -> None:
    world = build_world(SIZES["tiny"], 5)
    judged, tracks = truth.enjoyment(["u000003", "u000001"], AS_OF)
    np.testing.assert_array_equal(judged, enjoyment(world.listeners, world.shelf, np.array([3, 1]), week=3.0))
    assert tracks[:2].tolist() == ["t000000", "t000001"]


def test_demand_has_a_column_per_track(truth: Truth) -> None:
    wanted, tracks = truth.demand(["u000000"], AS_OF)
    assert wanted.shape == (1, len(tracks))
    assert wanted.max() > 0


def test_dirt_and_days_are_known(truth: Truth) -> None:
    assert truth.dirt["duplicate_id"] > 0
    assert truth.week(truth.until) == 4
    assert truth.parameters["simulated"] is True


def test_sessions_are_listed(truth: Truth) -> None:
    assert truth.sessions().column_names == ["user_id", "started_at", "mode"]


def test_strangers_are_refused(truth: Truth) -> None:
    with pytest.raises(LandingError, match="knows no listener 'u999999'"):
        truth.enjoyment(["u000001", "u999999"], AS_OF)


def test_a_folder_without_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="is no truth folder"):
        load_truth(tmp_path)
