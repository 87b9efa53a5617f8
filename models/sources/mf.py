"""histories -> item factors: matrix factorization of the confidence matrix (iALS).

Hu, Koren & Volinsky 2008 (https://doi.org/10.1109/ICDM.2008.22) in the form of Rendle et al. 2022
(https://doi.org/10.1145/3523227.3548486): unobserved pairs weigh alpha0, and regularisation grows with how often a row
occurs (nu = 1), which is what lifts its quality above plain ALS. Listeners are folded in at serving time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from conf.errors import ContractError
from conf.trainers import TrainMf
from models import cores
from models.als import Objective, factorize
from models.fold_in import ItemSide, explain, fold_in, gram, room_for_roots, terms, unheard_weights
from models.histories import Histories
from models.inputs import input_matrix
from models.sources.base import Catalogue, Exclusions, Listeners, Reason, Saved, TopK, heard_reasons
from models.topk import ItemIndex, top_k

# Reasons cost half as much as the scores. Of the city's lists of thirty, two tracks an artist, one track in a thousand stands
# below 64 and none below 80; kernels like whole vectors of 16.
EXPLAINED = 96
# The objective is measured on the first listeners only: five thousand give three digits for a tenth of the time.
OBJECTIVE_LISTENERS = 5000
# Settings that a fold-in needs too.
WEIGHTS = ("alpha0", "reg", "nu", "weight_scale", "inputs")


@dataclass(frozen=True)
class MatrixFactorization:
    """Candidate source `mf`."""

    items: ItemSide
    catalogue: Catalogue
    index: ItemIndex

    @classmethod
    def of(cls, items: ItemSide, catalogue: Catalogue) -> Self:
        """The source of given item factors, whichever engine trained them."""
        known = len(items.factors)
        index = ItemIndex.build(items.factors, catalogue.tie_rank[:known], catalogue.allowed[:known])
        return cls(items, catalogue, index)

    @classmethod
    def fit(cls, log: Histories, catalogue: Catalogue, params: TrainMf) -> Self:
        """Train on every listener of `log`; the same log gives the same bytes."""
        return cls.of(item_side(train(log, len(catalogue), params), log, params), catalogue)

    def recommend(self, block: Listeners, k: int, exclude: Exclusions, threads: int = 1) -> TopK:
        """Fold the listeners in, search all items, explain the best EXPLAINED proposals of each."""
        roots = room_for_roots(len(block), self.items)
        listeners = fold_in(block.log, self.items, threads, roots)
        ids, scores = top_k(listeners, self.index, k, exclude, threads)
        unheard_of = ~listeners.any(axis=1)  # no track of positive weight: every score is 0 and none means anything
        ids[unheard_of], scores[unheard_of] = -1, -np.inf
        because = np.full_like(ids, -1)
        best = np.ascontiguousarray(ids[:, :EXPLAINED])
        because[:, :EXPLAINED] = explain(block.log, self.items, best, self.catalogue.tie_rank, threads, roots)
        return TopK(ids, scores, because)

    def explain(self, listener: Listeners, track: int, most: int = 3) -> tuple[Reason, ...]:
        """Heard tracks by their term of the score (models/fold_in.py)."""
        log = listener.log.rows(0, 1)
        return heard_reasons(log.track_idx, terms(log, self.items, track), self.catalogue.tie_rank, most)

    def save(self) -> Saved:
        """Factors, their Gram matrix and the weights of the objective."""
        items = self.items
        weights = {name: getattr(items, name) for name in WEIGHTS}
        return Saved({"item_factors": items.factors, "gram": items.gram}, weights)

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any], catalogue: Catalogue) -> Self:
        """The source of saved factors."""
        weights = {name: params[name] for name in WEIGHTS}
        return cls.of(ItemSide(arrays["item_factors"], arrays["gram"], **weights), catalogue)


def item_side(factors: npt.NDArray[np.float32], log: Histories, params: TrainMf) -> ItemSide:
    """What a fold-in needs of factors trained on `log`.

    Raises
    ------
    ContractError
        Where training diverged.
    """
    if not np.isfinite(factors).all():
        raise ContractError("mf: training gave factors that are NaN or infinite; raise reg or lower weight_scale")
    weights = params.model_dump(include=set(WEIGHTS))
    unheard = unheard_weights(heard_by(log, len(factors)), params.unheard_exponent)
    return ItemSide(np.ascontiguousarray(factors), gram(factors, unheard), **weights)


def heard_by(log: Histories, tracks: int) -> npt.NDArray[np.int64]:
    """Listeners of each track, int64 [tracks]."""
    return np.bincount(log.track_idx[log.weight > 0], minlength=tracks)


def train(log: Histories, tracks: int, params: TrainMf) -> npt.NDArray[np.float32]:
    """Item factors, float32 [tracks, d]: models/als.py on all cores, the same bytes on any number of them."""
    confidence = input_matrix(log, tracks, params.inputs) * np.float32(params.weight_scale)
    if not confidence.nnz:
        return np.zeros((tracks, params.dimensions), np.float32)
    weights = Objective(params.alpha0, params.reg, params.nu, params.unheard_exponent)
    return factorize(confidence, params.dimensions, weights, params.epochs, params.seed, cores.usable())[1]


def objective(log: Histories, items: ItemSide, unheard_exponent: float = 0.0, threads: int = 1) -> float:
    """Value of the iALS objective per listener, halved as in the paper: one yardstick for every engine.

    Listeners get the best factors there are for these item factors. At most OBJECTIVE_LISTENERS of `log` are measured; the
    items' share of the regularisation counts all of them.
    """
    sample = log.rows(0, OBJECTIVE_LISTENERS)
    if not len(sample):
        return 0.0
    listeners = fold_in(sample, items, threads).astype(np.float64)
    confidence = items.confidence(sample)
    bounds = zip(sample.indptr, sample.indptr[1:], strict=False)
    heard = (items.factors[sample.track_idx[first:last]] for first, last in bounds)  # row by row: einsum took 40 times as long
    fit = np.concatenate([known.astype(np.float64) @ own for known, own in zip(heard, listeners, strict=True)])
    observed = np.sum(confidence * (1.0 - fit) ** 2)
    everywhere = items.alpha0 * np.sum((listeners.T @ listeners) * items.gram)
    ridge = np.sum(items.ridge(sample.row_sums(sample.weight > 0)) * np.sum(listeners**2, axis=1))
    listened = heard_by(log, len(items.factors))
    unheard = len(log) * unheard_weights(listened, unheard_exponent)
    norms = np.einsum("ij,ij->i", items.factors, items.factors, dtype=np.float64)
    item_ridge = np.sum(Objective(items.alpha0, items.reg, items.nu).ridge(listened, unheard) * norms)
    return float(0.5 * ((observed + everywhere + ridge) / len(sample) + item_ridge / len(log)))
