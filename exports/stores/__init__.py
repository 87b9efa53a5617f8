"""Store: what publishing and reading ask of a key-value server, an embedded file or a folder.

Only the modules below this one name a server. A store keeps, per surface, generations of records and one pointer; several
surfaces live in one store. Every method raises StoreAwayError when the store does not answer and DiskError when its disk
refuses; messages never hold a URL or a password.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from exports.digest import Digest, Pair
from exports.generations import Manifest, Pointer


class Store(Protocol):
    """One place that serves generations."""

    @property
    def name(self) -> str:
        """Word of the settings and of the table `publications`: sqlite, bundle, redis."""

    def check(self) -> None:
        """Answer, and refuse (PublishError) when the store is set up so that it would lose records by itself."""

    def begin(self, surface: str, generation: str, records: int) -> None:
        """Make room for a generation of about `records` records; what a killed load of it left is gone afterwards."""

    def load(self, surface: str, generation: str, pairs: Iterable[Pair]) -> None:
        """Write all (key, value) pairs of a generation; nobody reads it yet. Memory does not grow with their number."""

    def read_back(self, surface: str, generation: str) -> Digest:
        """Digest of what the store itself now holds for a generation, every record read."""

    def seal(self, manifest: Manifest) -> None:
        """Keep a verified generation for good, and write its manifest last."""

    def manifest(self, surface: str, generation: str) -> Manifest | None:
        """Manifest of a sealed generation, else None."""

    def get(self, surface: str, generation: str, key: str) -> bytes | None:
        """One record's bytes, else None; for any generation, also one that is not there."""

    def pointer(self, surface: str) -> Pointer | None:
        """What is served now; None before the first publication."""

    def flip(self, surface: str, expected: Pointer | None, new: Pointer) -> bool:
        """Replace the pointer by `new` if it still equals `expected`, atomically and durably; else return False."""

    def generations(self, surface: str) -> list[str]:
        """Every generation of which anything is stored, half-loaded ones too, sorted."""

    def drop(self, surface: str, generation: str) -> None:
        """Delete a generation and everything that belongs to it; nothing happens if there is none."""

    def close(self) -> None:
        """Give connections and files back."""
