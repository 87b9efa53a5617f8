"""Pointer and manifest: which generation of a surface a store serves, and what that generation holds.

Both are canonical JSON without any clock, so that two runs of the same week write the same bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import orjson

from conf.errors import ContractError
from exports.records import SCHEMA_VERSION, canonical


@dataclass(frozen=True)
class Pointer:
    """What a store serves for one surface.

    Attributes
    ----------
    generation : served now.
    previous : served where the current generation has no record that is valid yet; kept for rollback; None at first.
    run_date : the Monday of `generation`.
    epoch : raised by every change and never below the lease epoch of the run that made it; a compare-and-set of the
        whole pointer therefore never mistakes an old state for a new one.
    pinned : set by a rollback: runs for this Monday or an older one leave the pointer alone; None when not pinned.
    """

    generation: str
    previous: str | None
    run_date: date
    epoch: int
    pinned: date | None = None

    def encode(self) -> bytes:
        """Return the canonical JSON; compare-and-set compares these bytes."""
        return canonical(asdict(self))

    @classmethod
    def decode(cls, value: bytes) -> Pointer:
        """Pointer of its JSON; raises ContractError for anything else."""
        try:
            document = orjson.loads(value)
            pinned = document["pinned"]
            return cls(
                generation=document["generation"],
                previous=document["previous"],
                run_date=date.fromisoformat(document["run_date"]),
                epoch=int(document["epoch"]),
                pinned=None if pinned is None else date.fromisoformat(pinned),
            )
        except (KeyError, TypeError, ValueError) as broken:
            raise ContractError(f"a stored pointer is not readable ({broken!r}): delete it and publish again") from None

    def bars(self, run_date: date) -> bool:
        """Whether a run for `run_date` must leave this pointer alone: a newer week is served, or a rollback pinned it."""
        return run_date < self.run_date or (self.pinned is not None and run_date <= self.pinned)


@dataclass(frozen=True)
class Manifest:
    """What a generation holds: written when every record has been read back, so its presence means verified.

    Attributes
    ----------
    records : number of records, popular lists included.
    digest : 32 hexadecimal digits, see exports/digest.py.
    gates : what the list gates measured.
    layout : what a store adds so that its files can be found, e.g. the bundle's `shard_digits`.
    """

    surface: str
    run_date: date
    generation: str
    records: int
    digest: str
    gates: dict[str, float]
    simulated: bool
    layout: dict[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def encode(self) -> bytes:
        """Return the canonical JSON."""
        return canonical(asdict(self))

    @classmethod
    def decode(cls, value: bytes) -> Manifest:
        """Manifest of its JSON; raises ContractError for anything else."""
        try:
            document = orjson.loads(value)
            return cls(**{**document, "run_date": date.fromisoformat(document["run_date"])})
        except (KeyError, TypeError, ValueError) as broken:
            raise ContractError(f"a stored manifest is not readable ({broken!r}): publish the week again") from None
