"""records -> survey: the first pass of a publication, before any store is touched.

The generation id is the hash of what the records hold; the same pass counts for the list gates and takes the sample that
is later read back whole. Memory stays the same for a thousand listeners and for a million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from conf.errors import PublishError
from exports.digest import Digest, Pair, Sample, hash_pair
from exports.generations import Manifest
from exports.keys import checked_surface


class Document(Protocol):
    """What is stored under one key: a list (exports/records.py), or the features of a listener (exports/features.py)."""

    @property
    def surface(self) -> str:
        """What it belongs to."""

    @property
    def run_date(self) -> date:
        """The Monday that it was made for."""

    @property
    def simulated(self) -> bool:
        """Whether simulated listens are behind it."""

    @property
    def key(self) -> str:
        """Its key inside a generation."""

    def encode(self) -> bytes:
        """Canonical JSON."""


class Gates(Protocol):
    """What refuses an edition; `exports.gates.PublishGates` judges lists.

    `verify_reads`: documents read back whole from each store. A census has `add(document)` and `simulated`.
    """

    @property
    def verify_reads(self) -> int:
        """See above."""

    def census(self) -> Any:
        """Counts, from nothing."""

    def judge(self, census: Any, expected: int) -> dict[str, float]:
        """What was measured; raises PublishError where it may not replace what is served."""

    def judge_change(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Compare sampled documents with those served, as (new, old) bytes; raises PublishError."""


@dataclass(frozen=True)
class Edition:
    """One week of one surface.

    Attributes
    ----------
    records : called once per pass; streams the same records each time, in any order.
    expected_listeners : how many listeners should have a list.
    """

    surface: str
    run_date: date
    records: Callable[[], Iterable[Document]]
    expected_listeners: int

    def __post_init__(self) -> None:
        checked_surface(self.surface)

    def pairs(self) -> Iterator[Pair]:
        """Key and canonical bytes of every record."""
        return ((record.key, record.encode()) for record in self.records())


@dataclass(frozen=True)
class Survey:
    """What the first pass found: everything about the edition that does not depend on a store."""

    edition: Edition
    gates: Gates
    digest: Digest
    generation: str
    sample: list[Pair]
    measured: dict[str, float]
    simulated: bool

    @property
    def manifest(self) -> Manifest:
        """Manifest of the generation, before a store adds its layout."""
        edition = self.edition
        return Manifest(
            surface=edition.surface,
            run_date=edition.run_date,
            generation=self.generation,
            records=self.digest.records,
            digest=self.digest.hex,
            gates=self.measured,
            simulated=self.simulated,
        )


def survey(edition: Edition, gates: Gates) -> Survey:
    """Stream the records once: generation id, sample for full read-backs, list gates.

    Raises
    ------
    PublishError
        When the list gates refuse, or a record belongs to another week or surface.
    """
    census, sample = gates.census(), Sample(gates.verify_reads)

    def hashes() -> Iterator[int]:
        for record in edition.records():
            if (record.surface, record.run_date) != (edition.surface, edition.run_date):
                raise PublishError(
                    f"record {record.key} is of {record.surface} {record.run_date}, the edition of {edition.surface} "
                    f"{edition.run_date}: the stream must hold one week of one surface"
                )
            key, value = record.key, record.encode()
            hashed = hash_pair(key, value)
            census.add(record)
            sample.offer(hashed, key, value)
            yield hashed

    digest = Digest.of_hashes(hashes())
    measured = gates.judge(census, edition.expected_listeners)
    generation = digest.generation(edition.surface, edition.run_date)
    return Survey(edition, gates, digest, generation, sample.pairs(), measured, census.simulated)
