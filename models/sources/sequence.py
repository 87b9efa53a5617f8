"""histories -> sequence model: what a listener who heard these tracks in this order hears next.

The objective of SASRec (Kang & McAuley 2018, https://doi.org/10.1109/ICDM.2018.00035) with a softmax over tracks
(models/sequence/training.py). A listener's vector comes from their newest `length` tracks through a causal transformer, served
by ONNX Runtime; a score is its inner product with the track's vector, which holds the artist's too.

Attention is no explanation: what a transformer looks at need not be what moved its answer, and taking each heard track
away to see costs fifty encodings a listener. A reason here is a likeness: the heard track, among the newest `length`, whose
vector is nearest the proposal's. Shares are a softmax over these likenesses: they order the reasons, and say no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from conf.trainers import TrainSequence
from models.frozen import frozen
from models.histories import Histories
from models.sequence.batches import Sequences, in_order
from models.sequence.serving import Encoder, likeness, most_alike
from models.sources.base import Catalogue, Exclusions, Listeners, Reason, Saved, TopK, heard_reasons
from models.topk import ItemIndex, top_k

# As for the other sources: of a list of thirty, two tracks an artist, one in a thousand stands lower.
EXPLAINED = 100


@dataclass(frozen=True)
class Sequence:
    """Candidate source `sequence`.

    Attributes
    ----------
    factors : float32 [tracks, d], vectors of the tracks, as input and as output.
    encoder : tracks in order -> listener vector.
    catalogue, index : what may be proposed.
    params : the settings that made it.
    metrics : what the training measured.
    """

    factors: npt.NDArray[np.float32]
    encoder: Encoder
    catalogue: Catalogue
    index: ItemIndex
    params: dict[str, Any]
    metrics: dict[str, float]

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainSequence) -> Self:
        """Train on every listener of `log`, the last track of a few kept back to see when to stop."""
        from models.sequence.graph import encoder_graph  # workers encode without jax and onnx
        from models.sequence.training import kept_back, train

        size = len(catalogue)
        artist = np.full(size, -1, np.int32) if catalogue.artist is None else catalogue.artist
        sequences, watched = kept_back(in_order(log, catalogue.tie_rank), params.watched, params.seed)
        trained = train(sequences, artist, params, watched)
        factors = trained.weights["items"]
        if len(trained.weights["artists"]):
            factors = factors + np.where(artist[:, None] >= 0, trained.weights["artists"][artist], np.float32(0))
        graph = np.frombuffer(encoder_graph(trained.weights, params.heads), np.uint8)
        source = cls.load({"item_factors": factors, "encoder": graph}, params.model_dump(), catalogue)
        return replace(source, metrics=trained.metrics)

    def recommend(self, block: Listeners, k: int, exclude: Exclusions, threads: int = 1) -> TopK:
        """Encode the listeners, search all tracks, explain the best EXPLAINED proposals of each."""
        newest = self._newest(block.log)
        listeners = self.encoder.listeners(newest, self.factors, threads)
        ids, scores = top_k(listeners, self.index, k, exclude, threads)
        silent = np.diff(newest.indptr) == 0
        ids[silent], scores[silent] = -1, -np.inf
        because = np.full_like(ids, -1)
        best = np.ascontiguousarray(ids[:, :EXPLAINED])
        because[:, :EXPLAINED] = most_alike(newest, self.factors, self.catalogue.tie_rank, best)
        return TopK(ids, scores, because)

    def explain(self, listener: Listeners, track: int, most: int = 3) -> tuple[Reason, ...]:
        """Heard tracks by their likeness to `track`."""
        newest = self._newest(listener.log.rows(0, 1))
        if not len(newest.tracks) or not 0 <= track < len(self.factors):
            return ()
        terms = likeness(frozen(newest.tracks), track, frozen(self.factors))
        return heard_reasons(newest.tracks, np.exp(terms - terms.max()), self.catalogue.tie_rank, most)

    def save(self) -> Saved:
        """Vectors of the tracks, the encoder's ONNX file as bytes, and the settings."""
        return Saved({"item_factors": self.factors, "encoder": self.encoder.graph}, self.params, self.metrics)

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any], catalogue: Catalogue) -> Self:
        """The source of a saved encoder."""
        factors = arrays["item_factors"]
        known = len(factors)
        index = ItemIndex.build(factors, catalogue.tie_rank[:known], catalogue.allowed[:known])
        return cls(factors, Encoder.of(arrays["encoder"]), catalogue, index, dict(params), {})

    def _newest(self, log: Histories) -> Sequences:
        return in_order(log, self.catalogue.tie_rank[: len(self.factors)]).newest(self.params["length"])
