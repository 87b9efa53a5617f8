"""The world's own best list, on a simulated world."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from conf import tables as t
from spark_jobs.evaluation import contenders, panel
from spark_jobs.evaluation.truth import load_truth
from spark_jobs.intake.simulate import simulate

AS_OF = date(2026, 8, 30)


@pytest.fixture(scope="module")
def truth_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    simulate("tiny", 5, folder / "landing", folder / "truth")
    return folder / "truth"


@pytest.fixture
def people(week, truth_folder):
    """Two listeners of the world and a bot; the catalogue numbers the world's tracks backwards."""
    ids = load_truth(truth_folder).track_ids.tolist()
    tracks = [{"track_id": name, "track_idx": len(ids) - 1 - i, "title": "", "artist_ids": []} for i, name in enumerate(ids)]
    histories = [week.history(user, [1, 2, 3]) for user in ("u000001", "u000003", "u999999")]
    reads = week.rows(t.HISTORIES, histories), week.rows(t.USERS, []), week.rows(t.TRACKS, tracks)
    return panel.gather(*reads, date(2026, 8, 31), 10)


def test_the_best_possible_list_is_unheard_demand_in_order(people, truth_folder):
    lists, known = contenders.best_possible(people, truth_folder, AS_OF, k=20)
    assert known.tolist() == [True, True, False] and (lists[2] == -1).all()
    demand, _ = load_truth(truth_folder).demand(["u000001", "u000003"], AS_OF)
    by_track_idx = demand[:, ::-1]
    for row in (0, 1):
        chosen = by_track_idx[row, lists[row]]
        left = np.delete(by_track_idx[row], [1, 2, 3, *lists[row]])
        assert not {1, 2, 3} & set(lists[row].tolist()) and len(set(lists[row].tolist())) == 20
        assert (np.diff(chosen) <= 0).all() and chosen.min() >= left.max()


def test_only_a_world_has_a_best_possible_list(truth_folder, tmp_path):
    assert contenders.is_world(truth_folder) and not contenders.is_world(tmp_path)


def test_ids_are_matched_whatever_the_chunks(people):
    ids = people.tracks["track_id"]
    assert (people.track_idx_of(pa.chunked_array([ids[:2].combine_chunks(), ids[2:4].combine_chunks()])) >= 0).all()
    assert people.track_idx_of(pa.array(["nowhere", None], pa.string())).tolist() == [-1, -1]
