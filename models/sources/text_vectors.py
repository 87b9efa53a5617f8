"""texts -> unit vectors: TF-IDF with sublinear term counts, reduced to the strongest directions (latent semantic analysis).

Deerwester et al. 1990, https://doi.org/10.1002/(SICI)1097-4571(199009)41:6%3C391::AID-ASI1%3E3.0.CO;2-9. A text is a
track's whole document: tokens like `genre:hip_hop` or `tag:seen_live` stay as given up to case, all else is words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from threadpoolctl import threadpool_limits

from models.sources.taste_mean import unit_rows

# name:value up to the next space, or a word with its inner apostrophes and hyphens.
TOKEN = r"(?u)\b[\w-]+:\S+|\b\w+(?:['’-]\w+)*"


def text_vectors(texts: pa.Array[Any], dimensions: int, seed: int) -> npt.NDArray[np.float64]:
    """Unit vector of each text, float64 [n, at most dimensions]; zeros for one without a term that another text shares.

    A term of a single text says nothing about any other, so it is left out.
    """
    from scipy import sparse
    from sklearn.decomposition import TruncatedSVD  # type: ignore[import-untyped]

    tfidf = sparse.csr_matrix(_tfidf([text or "" for text in texts.to_pylist()]))
    shared = tfidf[:, np.asarray((tfidf > 0).sum(axis=0)).ravel() > 1] if tfidf.shape[1] else tfidf
    kept = min(dimensions, *shared.shape)
    if not kept:
        return np.zeros((len(texts), 1))
    if shared.shape[1] == 1:  # one term alone is its own direction, which the decomposition refuses
        return unit_rows(shared.toarray())
    with threadpool_limits(1):  # with two threads a re-run has other last bits
        return unit_rows(TruncatedSVD(kept, n_iter=7, random_state=seed).fit_transform(shared))


def joined(blocks: Sequence[tuple[npt.NDArray[Any], float]]) -> npt.NDArray[np.float64]:
    """Features from several descriptions of the same tracks, float64 [n, sum of d]: unit blocks times their weights, abreast.

    Inner products of the result are the weighted sums of the blocks' cosines. Vectors of sound join the text's here.

    >>> joined([(np.array([[3.0, 4.0]]), 1.0), (np.array([[2.0]]), 0.25)]).tolist()
    [[0.6, 0.8, 0.5]]
    """
    return np.hstack([np.sqrt(weight) * unit_rows(np.asarray(vectors, np.float64)) for vectors, weight in blocks])


def _tfidf(documents: list[str]) -> Any:
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=TOKEN)
    tokens = vectorizer.build_analyzer()
    if not any(tokens(document) for document in documents):  # scikit-learn refuses an empty vocabulary
        return sparse.csr_matrix((len(documents), 0))
    return vectorizer.fit_transform(documents)
