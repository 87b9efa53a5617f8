from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conf.errors import ContractError
from models.histories import COLUMNS, PER_TRACK, Histories

ROWS = {"ann": ([0, 4], [0.5, 2.0]), "bob": ([], []), "cyd": ([1, 2, 3], [0.0, 1.0, 3.0]), "dan": ([4], [1.5])}


def table() -> pa.Table:
    columns: dict[str, Any] = {"user_id": pa.array(list(ROWS))}
    for name, kind in PER_TRACK.items():
        lists = [weights if name == "weight" else tracks for tracks, weights in ROWS.values()]
        columns[name] = pa.array(lists, pa.list_(pa.from_numpy_dtype(kind)))
    return pa.table(columns).select(COLUMNS)


def test_lists_are_read_in_place() -> None:
    rows = table().to_batches()[0]
    log = Histories.from_arrow(rows)
    assert log.indptr.tolist() == [0, 2, 2, 5, 6]
    assert log.track_idx.tolist() == [0, 4, 1, 2, 3, 4]
    assert np.shares_memory(log.weight, rows.column("weight").values.to_numpy())


def test_a_slice_reads_its_own_rows() -> None:
    log = Histories.from_arrow(table().to_batches()[0].slice(1, 2))
    assert log.user_ids.to_pylist() == ["bob", "cyd"]
    assert log.indptr.tolist() == [0, 0, 3]
    assert log.weight.tolist() == [0.0, 1.0, 3.0]


def test_chunks_of_a_table_are_joined() -> None:
    whole = table()
    chunked = pa.concat_tables([whole.slice(0, 1), whole.slice(2, 2)])
    log = Histories.from_arrow(chunked)
    assert log.user_ids.to_pylist() == ["ann", "cyd", "dan"]
    assert log.track_idx.tolist() == [0, 4, 1, 2, 3, 4]


def test_an_empty_table_is_nobody() -> None:
    log = Histories.from_arrow(table().slice(0, 0))
    assert len(log) == 0
    assert log.matrix(5).shape == (0, 5)


def test_rows_share_memory_and_start_at_zero() -> None:
    log = Histories.from_arrow(table())
    middle = log.rows(1, 3)
    assert middle.indptr.tolist() == [0, 0, 3]
    assert np.shares_memory(middle.track_idx, log.track_idx)
    assert log.rows(3, 99).user_ids.to_pylist() == ["dan"]


def test_matrix_leaves_out_tracks_without_weight() -> None:
    matrix = Histories.from_arrow(table()).matrix(5, scale=2.0)
    assert matrix.toarray().tolist() == [[1, 0, 0, 0, 4], [0] * 5, [0, 0, 2, 6, 0], [0, 0, 0, 0, 3]]
    assert matrix.nnz == 5
    assert matrix.dtype == np.float32


def test_row_sums_count_nobody_as_zero() -> None:
    log = Histories.from_arrow(table())
    assert log.row_sums(log.weight > 0).tolist() == [2, 0, 2, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"track_idx": np.array([4, 0, 1, 2, 3, 4], np.int32)}, "ascending"),
        ({"track_idx": np.array([0, 0, 1, 2, 3, 4], np.int32)}, "ascending"),
        ({"track_idx": np.array([-1, 4, 1, 2, 3, 4], np.int32)}, "ascending"),
        ({"weight": np.array([1, 1, 1, 1, 1, np.nan], np.float32)}, "weight"),
        ({"weight": np.array([1, 1, 1, 1, 1, -1], np.float32)}, "weight"),
        ({"weight": np.ones(6)}, "weight is float64"),
        ({"plays": np.ones(5, np.int32)}, "plays is int32"),
        ({"indptr": np.array([0, 2, 1, 5, 6])}, "indptr"),
        ({"indptr": np.array([0, 2, 6])}, "indptr"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    log = Histories.from_arrow(table())
    with pytest.raises(ContractError, match=message):
        Histories(**(vars(log) | change))


def test_nulls_and_uneven_lists_are_refused() -> None:
    rows = table()
    at = rows.schema.get_field_index("plays")
    missing = pa.array([[1, 2], None, [1, 1, 1], [1]], pa.list_(pa.int32()))
    with pytest.raises(ContractError, match="plays has 1 nulls"):
        Histories.from_arrow(rows.set_column(at, "plays", missing))
    shorter = pa.array([[1], [], [1, 1, 1], [1]], pa.list_(pa.int32()))
    with pytest.raises(ContractError, match="plays are not as long"):
        Histories.from_arrow(rows.set_column(at, "plays", shorter))
    shifted = pa.array([[1], [1], [1, 1, 1], [1]], pa.list_(pa.int32()))  # as many numbers, other borders
    with pytest.raises(ContractError, match="plays are not as long"):
        Histories.from_arrow(rows.set_column(at, "plays", shifted))
