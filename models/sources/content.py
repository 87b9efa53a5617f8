"""histories, texts, sound, artists -> content vectors: what a track is, read as the taste of those who would hear it.

Words and sound alone are weak guides to taste, so they are translated first: a ridge regression predicts a track's taste
factors from its text vector and from what a network makes of its audio, as van den Oord, Dieleman & Schrauwen 2013 did from
sound (https://papers.nips.cc/paper/2013/hash/b3ba8f1bee1238a2f37603d90b58898d-Abstract.html). A vector is then shrunk in
three steps, each by how much is known (models/sources/shrinkage.py): what the text predicts < the artist's other tracks < the
track's own listeners. A track that nobody heard has its artist's taste, one of an unheard artist its text's.

A listener is the mean of what they heard (models/sources/taste_mean.py), so scores explain themselves. All learning is in
`fit`: workers need neither scikit-learn nor the texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from conf.errors import ContractError
from conf.trainers import TrainContent
from models.histories import Histories
from models.inputs import input_matrix
from models.item_item import EXPLAINED
from models.sources.base import Catalogue, Exclusions, Listeners, Reason, Saved, TopK, heard_reasons
from models.sources.shrinkage import shrunk_to_artists, shrunk_to_prior
from models.sources.taste_factors import taste_factors
from models.sources.taste_mean import taste_means, taste_reasons, taste_terms
from models.sources.text_vectors import joined, text_vectors
from models.topk import ItemIndex, top_k

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Content:
    """Candidate source `content`.

    Attributes
    ----------
    vectors : float32 [tracks, d], taste that each track's content stands for; zeros where neither text nor artist is known.
    proposed : bool [tracks], what this source may propose: all tracks with a vector, or the cold ones among them.
    catalogue : what may be proposed at all.
    params : the settings that made it.
    """

    vectors: npt.NDArray[np.float32]
    proposed: npt.NDArray[np.bool_]
    catalogue: Catalogue
    params: dict[str, Any]
    index: ItemIndex

    @classmethod
    def of(
        cls, vectors: npt.NDArray[np.float32], proposed: npt.NDArray[np.bool_], catalogue: Catalogue, params: Mapping[str, Any]
    ) -> Self:
        """The source of given vectors."""
        known = len(vectors)
        index = ItemIndex.build(vectors, catalogue.tie_rank[:known], catalogue.allowed[:known] & proposed)
        return cls(vectors, proposed, catalogue, dict(params), index)

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainContent) -> Self:
        """Learn what texts and artists say about taste.

        Raises
        ------
        ContractError
            Where the catalogue knows no texts or no artists.
        """
        if catalogue.text is None or catalogue.artist is None:
            missing = "artists" if catalogue.artist is None else "texts"
            raise ContractError(f"content: the catalogue has no {missing}; give tags, genres and titles and the main artist")
        # Weights of 1 per heard track make better factors of cold tracks than log(1 + weight): NDCG@30 .2605 against .2490.
        plays = input_matrix(log, len(catalogue), "binary")
        listeners = np.bincount(plays.indices, minlength=len(catalogue)).astype(np.float64)
        described = [(text_vectors(catalogue.text, params.text_dimensions, params.seed), 1.0)]
        if catalogue.sound is not None and params.sound_weight > 0:
            described.append((centred(catalogue.sound), params.sound_weight))
        features = joined(described)
        factors = taste_factors(plays, params.dimensions, params.seed)
        vectors = content_vectors(features, factors, listeners, catalogue.artist, params).astype(np.float32)
        proposed = np.asarray(vectors.any(axis=1))
        if params.cold_only:
            proposed &= listeners < params.warm_listeners
        return cls.of(vectors, proposed, catalogue, params.model_dump())

    def recommend(self, block: Listeners, k: int, exclude: Exclusions, threads: int = 1) -> TopK:
        """Search all vectors near each listener's mean, explain the best EXPLAINED proposals of each."""
        inputs = self.params["inputs"]
        listeners = taste_means(block.log, self.vectors, inputs, threads)
        ids, scores = top_k(listeners, self.index, k, exclude, threads)
        unheard_of = ~listeners.any(axis=1)  # every score is 0 and none means anything
        ids[unheard_of], scores[unheard_of] = -1, -np.inf
        because = np.full_like(ids, -1)
        best = np.ascontiguousarray(ids[:, :EXPLAINED])
        because[:, :EXPLAINED] = taste_reasons(block.log, self.vectors, inputs, best, self.catalogue.tie_rank, threads)
        return TopK(ids, scores, because)

    def explain(self, listener: Listeners, track: int, most: int = 3) -> tuple[Reason, ...]:
        """Heard tracks by their term of the score."""
        log = listener.log.rows(0, 1)
        terms = taste_terms(log, self.vectors, self.params["inputs"], track)
        return heard_reasons(log.track_idx, terms, self.catalogue.tie_rank, most)

    def save(self) -> Saved:
        """Vectors and what may be proposed."""
        return Saved({"vectors": self.vectors, "proposed": self.proposed}, self.params)

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any], catalogue: Catalogue) -> Self:
        """The source of saved vectors; the catalogue needs neither texts nor artists."""
        return cls.of(arrays["vectors"], np.asarray(arrays["proposed"]), catalogue, params)


def content_vectors(
    features: Float64s, factors: Float64s, listeners: Float64s, artist: npt.NDArray[np.int32], params: TrainContent
) -> Float64s:
    """Taste vectors of all tracks, float64 [tracks, d].

    Parameters
    ----------
    features : float64 [tracks, f], unit vectors of content; zeros where there is none.
    factors : float64 [tracks, d], taste factors of heard tracks.
    listeners : float64 [tracks], how many heard each track.
    artist : int32 [tracks], -1 where unknown.
    """
    heard = listeners > 0
    predicted = translated(features, factors, heard, params.ridge)
    vectors = shrunk_to_artists(factors, predicted, heard, artist, params.artist_prior)
    vectors[~features.any(axis=1) & (artist < 0)] = 0.0
    if params.own_prior is None:
        return vectors
    return shrunk_to_prior(factors, vectors, listeners, params.own_prior)


def centred(sound: npt.NDArray[np.float32]) -> Float64s:
    """Sound less its mean over the tracks that have any, float64 [tracks, d]: one without stands where the average does.

    >>> centred(np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]], np.float32)).tolist()
    [[0.5, -0.5], [0.0, 0.0], [-0.5, 0.5]]
    """
    has = np.asarray(sound.any(axis=1))
    vectors = np.zeros(sound.shape)
    if has.any():
        vectors[has] = sound[has] - sound[has].mean(axis=0, dtype=np.float64)
    return vectors


def translated(features: Float64s, factors: Float64s, heard: npt.NDArray[np.bool_], ridge: float) -> Float64s:
    """Factors that a ridge regression, learned on the heard tracks, predicts from features; float64 [tracks, d].

    Rows of zero features get the mean of the heard tracks' factors, which a ridge without bounds predicts for all.
    """
    if not heard.any():
        return np.zeros_like(factors)
    predicted = np.tile(factors[heard].mean(axis=0), (len(factors), 1))
    described = np.asarray(features.any(axis=1))
    learned = heard & described
    if learned.any():
        x, y = features[learned], factors[learned]
        x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
        normal = (x - x_mean).T @ (x - x_mean) + ridge * np.eye(x.shape[1])
        weights = np.linalg.solve(normal, (x - x_mean).T @ (y - y_mean))
        predicted[described] = y_mean + (features[described] - x_mean) @ weights
    return predicted
