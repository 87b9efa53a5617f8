from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from models.als import Objective, factorize, improve

Array = npt.NDArray[Any]
OBJECTIVE = Objective(alpha0=0.1, reg=0.01, nu=1.0)


def log(rows: int, columns: int, seed: int = 0) -> Any:
    """Two tastes, rows and columns of one parity each, with a little noise; some rows and columns are empty."""
    rng = np.random.default_rng(seed)
    same = (np.arange(rows)[:, None] + np.arange(columns)) % 2 == 0
    seen = rng.random((rows, columns)) < np.where(same, 0.3, 0.01)
    seen[::17], seen[:, ::13] = False, False
    return sparse.csr_array((seen * rng.uniform(0.5, 3.0, seen.shape)).astype(np.float32))


def loss(confidence: Any, rows: Array, columns: Array) -> float:
    dense, weights = confidence.toarray().astype(np.float64), OBJECTIVE
    scores = rows.astype(np.float64) @ columns.T.astype(np.float64)
    fit = np.sum(dense * (1 - scores) ** 2) + weights.alpha0 * np.sum(scores**2)
    ridge = [
        weights.reg * np.sum((weights.alpha0 * len(other) + (dense > 0).sum(axis)) ** weights.nu * (side**2).sum(1))
        for side, other, axis in ((rows, columns, 1), (columns, rows, 0))
    ]
    return float(fit + sum(ridge))


@pytest.mark.parametrize("d", [1, 6, 16])
def test_many_steps_reach_the_closed_form(d: int) -> None:
    confidence, rng = log(60, 45), np.random.default_rng(1)
    fixed, target = (rng.standard_normal((n, d), dtype=np.float32) for n in (45, 60))
    ridge = OBJECTIVE.ridge((confidence.toarray() > 0).sum(axis=1), 45.0)
    improve(target, confidence, fixed, OBJECTIVE.base(fixed), ridge, threads=1, steps=3 * d)
    dense, wide = confidence.toarray().astype(np.float64), fixed.astype(np.float64)
    for row in range(60):
        own = OBJECTIVE.reg * (OBJECTIVE.alpha0 * 45 + (dense[row] > 0).sum())
        a = OBJECTIVE.alpha0 * wide.T @ wide + (wide.T * dense[row]) @ wide + own * np.eye(d)
        np.testing.assert_allclose(target[row], np.linalg.solve(a, wide.T @ dense[row]), atol=2e-5)


def test_popular_columns_weigh_more_where_they_are_missing() -> None:
    """At the end no side can be improved: the gradient of the weighted loss is zero in every row and column."""
    confidence, objective = log(60, 45), Objective(alpha0=0.1, reg=0.05, nu=1.0, unheard_exponent=0.5)
    rows, columns = (side.astype(np.float64) for side in factorize(confidence, 3, objective, epochs=200, seed=1))
    dense = confidence.toarray().astype(np.float64)
    heard = dense > 0
    unheard = (heard.sum(axis=0) + 1.0) ** 0.5
    unheard /= unheard.mean()
    pull = dense * (1 - rows @ columns.T) - 0.1 * unheard * (rows @ columns.T)
    row_ridge = 0.05 * (0.1 * 45 + heard.sum(axis=1))
    column_ridge = 0.05 * (0.1 * 60 * unheard + heard.sum(axis=0))
    np.testing.assert_allclose(pull @ columns, row_ridge[:, None] * rows, atol=1e-3)
    np.testing.assert_allclose(pull.T @ rows, column_ridge[:, None] * columns, atol=1e-3)


def test_no_bit_depends_on_threads() -> None:
    confidence = log(900, 700)
    one, three = (factorize(confidence, 12, OBJECTIVE, epochs=3, seed=5, threads=t) for t in (1, 3))
    assert [side.tobytes() for side in one] == [side.tobytes() for side in three]


def test_reaches_the_loss_of_irspack() -> None:
    from irspack import IALSRecommender

    confidence = log(400, 300)
    theirs = IALSRecommender(
        sparse.csr_matrix(confidence), n_components=8, alpha0=0.1, reg=0.01, nu=1.0, solver_type="CG", n_threads=1
    )
    theirs.start_learning()
    for _ in range(15):
        theirs.run_epoch()
    ours = loss(confidence, *factorize(confidence, 8, OBJECTIVE, epochs=15, seed=1))
    assert ours == pytest.approx(loss(confidence, theirs.get_user_embedding(), theirs.get_item_embedding()), rel=0.01)


def test_finds_the_two_tastes() -> None:
    rows, columns = factorize(log(200, 150), 4, OBJECTIVE, epochs=10, seed=3)
    scores = rows @ columns.T
    same = (np.arange(200)[:, None] + np.arange(150)) % 2 == 0
    heard = np.ones_like(same)
    heard[::17], heard[:, ::13] = False, False
    assert scores[same & heard].mean() > 5 * abs(scores[~same & heard].mean())


def test_rows_nobody_heard_shrink_to_nothing() -> None:
    rows, columns = factorize(log(200, 150), 4, OBJECTIVE, epochs=10, seed=3)
    assert np.abs(rows[::17]).max() < 1e-4
    assert np.abs(columns[::13]).max() < 1e-4
    empty, _ = factorize(sparse.csr_array((3, 2), dtype=np.float32), 4, OBJECTIVE, epochs=10, seed=3)
    assert np.isfinite(empty).all()
