"""Histories over artists: sums by hand, and what is hidden."""

import numpy as np
import pyarrow as pa

from models.artists import by_artist, hide, tag_histories, with_tags
from models.histories import Histories


def log(rows: list[dict[int, float]]) -> Histories:
    track = np.array([t for row in rows for t in sorted(row)], np.int32)
    weight = np.array([row[t] for row in rows for t in sorted(row)], np.float32)
    counts = np.ones(len(track), np.int32)
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    ids = pa.array([f"u{n}" for n in range(len(rows))])
    return Histories(ids, indptr, track, counts, counts, counts * 0, np.arange(len(track), dtype=np.int32), weight)


def test_tracks_of_one_artist_are_added_up_and_the_newest_day_stays():
    found = by_artist(log([{0: 1.0, 3: 2.0, 4: 4.0}, {}, {1: 8.0}]), np.array([2, 0, 0, 2, -1], np.int32), 3)
    assert found.indptr.tolist() == [0, 1, 1, 2]
    assert found.track_idx.tolist() == [2, 0]
    assert found.weight.tolist() == [3.0, 8.0]
    assert found.plays.tolist() == [2, 1]
    assert found.last_day.tolist() == [1, 3]


def test_what_is_hidden_is_gone_from_the_rest_and_repeats_with_the_seed():
    whole = log([{track: float(track) for track in range(100)} for _ in range(20)])
    kept, row, item = hide(whole, 0.2, seed=3)
    assert 300 < len(row) < 500
    pairs = set(zip(row.tolist(), item.tolist(), strict=True))
    left = np.repeat(np.arange(20), np.diff(kept.indptr))
    assert not pairs & set(zip(left.tolist(), kept.track_idx.tolist(), strict=True))
    assert len(pairs) + len(kept.track_idx) == 2000
    assert 0 not in item  # it has no weight: nobody's taste
    assert np.array_equal(hide(whole, 0.2, seed=3)[2], item)
    assert not np.array_equal(hide(whole, 0.2, seed=4)[2], item)


def test_a_tag_joins_as_a_listener_of_the_artists_whom_it_names():
    people = log([{0: 1.0}, {2: 3.0}])
    tags = tag_histories(np.array([2, 0, 1], np.int32), pa.array(["jazz", "jazz", "seen"]), np.array([4, 1, 9], np.float32), 2)
    whole = with_tags(people, tags)
    assert whole.user_ids.to_pylist() == ["u0", "u1", "jazz"]
    assert whole.track_idx.tolist() == [0, 2, 0, 2]
    assert whole.weight.tolist() == [1.0, 3.0, 1.0, 4.0]
    assert whole.plays.tolist() == [1, 1, 1, 4]


def test_without_tags_the_histories_stay_as_they_are():
    people = log([{0: 1.0}, {2: 3.0}])
    nothing = tag_histories(np.empty(0, np.int32), pa.array([], pa.string()), np.empty(0, np.float32), 2)
    assert len(with_tags(people, nothing)) == 2
