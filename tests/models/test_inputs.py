from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.histories import Histories
from models.inputs import input_matrix, inputs_of


def histories(*rows: list[float]) -> Histories:
    lengths = [len(row) for row in rows]
    weight = np.array([w for row in rows for w in row], np.float32)
    ones = np.ones(len(weight), np.int32)
    track = np.array([at for n in lengths for at in range(n)], np.int32)
    return Histories(
        pa.array([f"u{i}" for i in range(len(rows))]), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), track,
        ones, ones, 0 * ones, ones, weight,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("binary", [0, 1, 1]),
        ("log", [0, np.log1p(0.5), np.log1p(3)]),
        ("linear", [0, 0.5, 3]),
        ("share", [0, np.log1p(0.5) / np.log1p(3), 1]),
    ],
)
def test_how_weights_enter(how: Any, expected: list[float]) -> None:
    log = histories([0, 0.5, 3.0], [7.0], [])
    np.testing.assert_allclose(inputs_of(log, how)[:3], expected, rtol=1e-6)
    matrix = input_matrix(log, 3, how).toarray()
    np.testing.assert_allclose(matrix[0], expected, rtol=1e-6)
    assert (matrix[2] == 0).all()
    assert input_matrix(log, 3, how).nnz == 3


def test_a_light_and_a_heavy_listener_have_the_same_favourites() -> None:
    """On the scale `share` the loudest track is worth 1 for everybody."""
    light, heavy = np.split(inputs_of(histories([1.0, 3.0], [100.0, 300.0]), "share"), 2)
    assert light[1] == heavy[1] == 1.0


def test_nothing_but_zeros() -> None:
    assert inputs_of(histories([0.0, 0.0]), "share").tolist() == [0, 0]
