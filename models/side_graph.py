"""The artists of the catalogue as nodes of a listening graph, beside the tracks.

A listener's weight on an artist = `artist_weight` * their weight on all tracks of that artist. As this is linear, a
source that knows the artist nodes is still an item-item matrix over tracks: with E [tracks, tracks + artists] from tracks
to nodes, histories X, and any matrix T over the nodes, the scores X E T are those of E T.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from models.sources.base import Catalogue


def nodes_of_tracks(catalogue: Catalogue, artist_weight: float) -> Any:
    """E, sparse float64 [tracks, tracks + artists]; the identity where artists are unknown or weigh nothing."""
    tracks = sparse.eye_array(len(catalogue), format="csr")
    if catalogue.artist is None or artist_weight == 0:
        return tracks
    known = np.flatnonzero(catalogue.artist >= 0)
    shape = len(catalogue), int(catalogue.artist.max(initial=-1)) + 1
    artists = sparse.csr_array((np.full(len(known), artist_weight), (known, catalogue.artist[known])), shape=shape)
    return sparse.hstack([tracks, artists], format="csr")


def powers(degrees: npt.ArrayLike, exponent: float) -> npt.NDArray[np.float64]:
    """Degrees to the power of `exponent`, float64; 0 stays 0, as nobody passes through such a node.

    Examples
    --------
    >>> powers([4, 0, 1], -0.5).tolist()
    [0.5, 0.0, 1.0]
    """
    given = np.asarray(degrees, np.float64)
    return np.power(given, exponent, out=np.zeros_like(given), where=given > 0)
