"""What the item-item sources share: everything but how their matrix is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy.typing as npt

from models.item_item import ItemItem
from models.sources.base import Catalogue, Exclusions, Listeners, Reason, Saved, TopK


@dataclass(frozen=True)
class NeighbourSource:
    """A candidate source that is an item-item matrix; a source of its own adds `fit`.

    Attributes
    ----------
    items : the pruned matrix.
    catalogue : what may be proposed.
    params : the settings that made it.
    """

    items: ItemItem
    catalogue: Catalogue
    params: dict[str, Any]

    def recommend(self, block: Listeners, k: int, exclude: Exclusions, threads: int = 1) -> TopK:
        """Add up the neighbours of what each listener heard."""
        return self.items.recommend(block.log, self.catalogue, k, exclude, threads)

    def explain(self, listener: Listeners, track: int, most: int = 3) -> tuple[Reason, ...]:
        """Heard tracks by their term of the score."""
        return self.items.explain(listener.log.rows(0, 1), self.catalogue, track, most)

    def save(self) -> Saved:
        """The matrix and the settings."""
        return Saved(self.items.arrays(), self.params)

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any], catalogue: Catalogue) -> Self:
        """The source of a saved matrix."""
        return cls(ItemItem.from_arrays(arrays, params["inputs"]), catalogue, dict(params))
