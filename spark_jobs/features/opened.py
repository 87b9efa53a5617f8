"""Artefacts that features are made with, opened once per worker process; what is missing or damaged is left out and told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.errors import ArtefactError, ContractError
from models.contexts import ContextModel, Judged, Sound
from models.contexts.sound import Tracks
from models.fold_in import ItemSide
from models.listening import Listening
from models.ranking.features.embeddings import Content, Embedder, Order
from models.sequence.serving import Encoder
from models.sources.mf import WEIGHTS
from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.contract import Run
from spark_jobs.features import item_arrays


@dataclass(frozen=True)
class AtHand:
    """References to what a worker opens: the items, and the artefacts that are there and whole."""

    items: ArtefactRef
    mf: ArtefactRef | None = None
    content: ArtefactRef | None = None
    sequence: ArtefactRef | None = None
    contexts: ArtefactRef | None = None


@dataclass(frozen=True)
class Judge:
    """A model of contexts and what it looks at in each track, found once for all blocks."""

    model: ContextModel
    tracks: Tracks

    def __call__(self, listening: Listening) -> Judged:
        """What each session of a block of whole listeners is for."""
        return self.model.judge(listening, self.tracks)


@dataclass(frozen=True)
class Opened:
    """What a worker holds."""

    items: item_arrays.ItemArrays
    embedder: Embedder
    judge: Judge | None


def at_hand(run: Run, names: tuple[str, ...], items: ArtefactRef) -> AtHand:
    """The artefacts among `names` that can be opened; each that cannot is told."""
    found: dict[str, ArtefactRef] = {}
    for name in names:
        if name not in run.artefacts:
            run.warn(f"features go without {name}: it has no artefact for {run.run_date}")
            continue
        try:
            opened(AtHand(items, **found, **{name: run.artefacts[name]}))
        except (ArtefactError, ContractError, KeyError, ValueError) as damaged:
            run.warn(f"features go without {name}: {damaged}")
            continue
        found[name] = run.artefacts[name]
    return AtHand(items, **found)


@lru_cache(maxsize=8)
def opened(refs: AtHand) -> Opened:
    """Everything that `refs` name, memory-mapped."""
    items = item_arrays.load(refs.items)

    def maybe(ref: ArtefactRef | None, load: Callable[[dict[str, npt.NDArray[Any]], dict[str, Any]], Any]) -> Any:
        return None if ref is None else load(artefacts.load_arrays(ref), artefacts.manifest(ref)["params"])

    content = maybe(refs.content, lambda arrays, params: Content(arrays["vectors"], params["inputs"]))
    embedder = Embedder(
        mf=maybe(refs.mf, item_side),
        content=content,
        sequence=maybe(refs.sequence, lambda arrays, params: _order(arrays, params, items)),
    )
    sound = Sound(None if content is None else np.asarray(content.vectors), items.readings)
    judge = maybe(refs.contexts, lambda arrays, params: _judge(ContextModel.load(arrays, params), sound))
    return Opened(items, embedder, judge)


def _judge(model: ContextModel, sound: Sound) -> Judge:
    return Judge(model, model.tracks(sound))


def item_side(arrays: dict[str, npt.NDArray[Any]], params: dict[str, Any]) -> ItemSide:
    """What folds listeners in, of a saved artefact `mf`."""
    return ItemSide(arrays["item_factors"], arrays["gram"], **{name: params[name] for name in WEIGHTS})


def _order(arrays: dict[str, npt.NDArray[Any]], params: dict[str, Any], items: item_arrays.ItemArrays) -> Order:
    return Order(arrays["item_factors"], Encoder.of(arrays["encoder"]), params["length"], items.tie_rank)
