"""listener_features -> records: what is known of a listener and wanted within milliseconds, as versioned JSON.

They go through the same protocol as lists, under a surface of their own: an app that builds a screen, or a job that reacts to a
session, reads one key and gets the numbers that this week's lists were made from. Which features these are says the catalogue
(`hot` in conf/features). A listener who has none gets none: a reader takes the catalogue's defaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from conf.contexts import CONTEXTS
from conf.errors import ContractError, PublishError
from conf.features.feature import Feature
from conf.features.listener import LISTENER
from exports.keys import listener_key
from exports.records import canonical

if TYPE_CHECKING:
    import pyarrow as pa

SURFACE = "listener_features"
SCHEMA_VERSION = 1
HOT = tuple(feature for feature in LISTENER if feature.hot)
Value = float | int | dict[str, float | None] | None


@dataclass(frozen=True, slots=True)
class FeatureRecord:
    """Hot features of one listener.

    Attributes
    ----------
    run_date : the Monday of the run: they are as of the Sunday before, 00:00 UTC.
    features : by name of the catalogue; shares by context are a mapping; None where it cannot be known.
    simulated : true where the listens behind them were simulated.
    """

    run_date: date
    user_id: str
    features: dict[str, Value]
    simulated: bool

    @property
    def surface(self) -> str:
        """Always SURFACE."""
        return SURFACE

    @property
    def key(self) -> str:
        """Key inside a generation."""
        return listener_key(self.user_id)

    def encode(self) -> bytes:
        """Return the canonical JSON."""
        return canonical(
            {
                "features": self.features,
                "run_date": self.run_date.isoformat(),
                "schema_version": SCHEMA_VERSION,
                "simulated": self.simulated,
                "surface": SURFACE,
                "user_id": self.user_id,
            }
        )


def decode(value: bytes) -> FeatureRecord:
    """Record of its JSON; ContractError for anything else."""
    try:
        document = orjson.loads(value)
        if document["schema_version"] != SCHEMA_VERSION:
            raise ContractError(
                f"a record of features has schema_version {document['schema_version']}, this reader knows {SCHEMA_VERSION}: "
                "upgrade the reader"
            )
        run_date = date.fromisoformat(document["run_date"])
        return FeatureRecord(run_date, document["user_id"], document["features"], document["simulated"])
    except (KeyError, TypeError, ValueError) as broken:
        raise ContractError(f"{len(value)} stored bytes are no record of features ({broken!r}): publish them again") from None


def from_arrow(batch: pa.RecordBatch) -> Iterator[FeatureRecord]:
    """Records of a batch of the table `listener_features`, one per row."""
    columns = [_values(feature, batch.column(feature.name)) for feature in HOT]
    people = (batch.column(name).to_pylist() for name in ("run_date", "user_id", "simulated"))
    for run_date, user_id, simulated, *values in zip(*people, *columns, strict=True):
        known = {feature.name: value for feature, value in zip(HOT, values, strict=True)}
        yield FeatureRecord(run_date, user_id, known, simulated)


def _values(feature: Feature, column: Any) -> list[Value]:
    values = column.to_pylist()
    if feature.size == len(CONTEXTS):
        return [
            None if row is None else {name: _short(share) for name, share in zip(CONTEXTS, row, strict=True)} for row in values
        ]
    return [_short(value) if isinstance(value, float) else value for value in values]


def _short(value: float) -> float | None:
    """Four digits are more than any of these numbers is worth; a record stays small. What is no number is not known."""
    return round(value, 4) if value == value else None


class FeatureGates(BaseModel):
    """Bounds that a week's features must keep.

    Attributes
    ----------
    min_covered : least share of the listeners with a history who have features.
    max_unknown : largest share of values that are null.
    verify_reads : records read back whole from each store.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_covered: Annotated[float, Field(ge=0, le=1)] = 0.99
    max_unknown: Annotated[float, Field(ge=0, le=1)] = 0.5
    verify_reads: int = Field(200, ge=1)

    def census(self) -> FeatureCensus:
        """Counts, from nothing."""
        return FeatureCensus()

    def judge(self, census: FeatureCensus, expected: int) -> dict[str, float]:
        """Return what was measured; PublishError names every gate that refuses."""
        covered = min(1.0, census.listeners / expected) if expected else 1.0
        unknown = census.unknown / max(census.values, 1)
        wrong = [f"covered {covered:.4f} < {self.min_covered}"] if covered < self.min_covered else []
        wrong += [f"unknown values {unknown:.4f} > {self.max_unknown}"] if unknown > self.max_unknown else []
        if wrong:
            raise PublishError(
                f"the gates refuse the features of {census.listeners} of {expected} listeners: {'; '.join(wrong)}. "
                "Nothing was flipped; `plant features --check` says which feature it is"
            )
        counts = {"listeners": float(census.listeners), "expected_listeners": float(expected)}
        return {**counts, "covered": covered, "unknown_values": unknown}

    def judge_change(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Features may change as they like: drift is what `plant features --check` looks at."""


@dataclass
class FeatureCensus:
    """Counts of a stream of records."""

    listeners: int = 0
    values: int = 0
    unknown: int = 0
    simulated: bool = False

    def add(self, record: FeatureRecord) -> None:
        """Count one record."""
        self.listeners += 1
        self.values += len(record.features)
        self.unknown += sum(value is None for value in record.features.values())
        self.simulated |= record.simulated
