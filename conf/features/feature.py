"""What the catalogue says of one feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conf.contract import Column

Layer = Literal["raw", "derived", "embedding", "pair"]
Entity = Literal["listener", "track", "artist", "listener_context", "session", "pair"]
# The table that holds the features of each entity; what belongs to a pair is made when it is ranked.
TABLE_OF: dict[Entity, str] = {
    "listener": "listener_features",
    "listener_context": "listener_contexts",
    "session": "session_modes",
    "track": "track_features",
    "artist": "artist_features",
}


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes
    ----------
    layer : `raw` counts and shares, `derived` from them, `embedding` vectors, `pair` of a listener and a candidate.
    type : Spark SQL type. size : length of an array, None for scalars and for arrays as long as what they list.
    unit : `plays`, `days`, `share`, `nats`, ... ; low, high : domain, None: unbounded.
    owner : job that writes it. fresh_days : promise: its newest rows are younger than this.
    max_null : promise: no larger a share of rows is null.
    default : what a reader takes where the row or the value is missing.
    hot : goes to the key-value stores with the lists.
    """

    name: str
    layer: Layer
    entity: Entity
    type: str
    unit: str
    meaning: str
    owner: str
    low: float | None = None
    high: float | None = None
    default: float = 0.0
    size: int | None = None
    fresh_days: int = 7
    max_null: float = 0.0
    hot: bool = False

    @property
    def column(self) -> Column:
        """The contract column that holds it; null where it cannot be known."""
        return Column(self.name, self.type, f"{self.meaning} ({self.unit})")

    @property
    def domain(self) -> str:
        """The domain as people write it, empty where it has no bounds.

        >>> Feature("x", "raw", "track", "int", "plays", "", "", low=0).domain
        '[0, inf)'
        """
        if self.low is None and self.high is None:
            return ""
        low = "(-inf" if self.low is None else f"[{self.low:g}"
        return low + (", inf)" if self.high is None else f", {self.high:g}]")
