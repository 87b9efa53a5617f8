"""listeners x tracks -> taste factors: a truncated singular value decomposition of the normalised matrix.

    R~ = D_u^-1/2 R D_t^-1/2 = U diag(s) V',  factors of the tracks = V diag(s)

D holds the row and column sums, so that busy listeners and popular tracks do not fill the first dimensions (the
normalisation of spectral graph filters: Shen et al. 2021, https://doi.org/10.1145/3459637.3482264). A track's factors point
where its listeners' taste does, and their length grows with the root of its audience.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits


def taste_factors(plays: Any, dimensions: int, seed: int) -> npt.NDArray[np.float64]:
    """Factors of the tracks, float64 [tracks, min(dimensions, listeners, tracks)]; zeros for a track that nobody heard.

    Parameters
    ----------
    plays : sparse [listeners, tracks], what each track says about each listener, >= 0.

    On one thread: with two, BLAS sums in another order, and a re-run's artefact would differ. Randomised (Halko, Martinsson &
    Tropp 2011, https://doi.org/10.1137/090771806) with four power iterations.
    """
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd  # type: ignore[import-untyped]

    kept = max(1, min(dimensions, *plays.shape))
    if not plays.nnz:
        return np.zeros((plays.shape[1], kept))
    matrix = sparse.csr_matrix(plays, dtype=np.float64)
    across, down = (np.asarray(matrix.sum(axis=axis), np.float64).ravel() for axis in (1, 0))
    scaled = sparse.diags(_inverse_root(across)) @ matrix @ sparse.diags(_inverse_root(down))
    with threadpool_limits(1):
        _, spread, tracks = randomized_svd(scaled.tocsr(), kept, n_iter=4, random_state=seed)
    return np.asarray(tracks.T * spread)


def _inverse_root(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.divide(1.0, np.sqrt(sums), out=np.zeros_like(sums), where=sums > 0))
