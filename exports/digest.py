"""records -> digest: what a generation holds, independent of the order in which it is read.

A digest is the number of records and the sum modulo 2^128 of the BLAKE2b-128 hashes of their (key, value) pairs. A sum,
because Delta files, SCAN and shards each return another order, and sorting a million listeners would need them all in
memory. Not an exclusive or: there a record held twice would cancel out. This guards against loss and damage, not against
somebody who forges records (Bellare & Micciancio 1997, https://doi.org/10.1007/3-540-69053-0_13, say what that would take).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

Pair = tuple[str, bytes]
_MODULUS = 1 << 128


def hash_pair(key: str, value: bytes) -> int:
    """128-bit hash of one record; the zero byte, which no key holds, keeps key and value apart."""
    return int.from_bytes(hashlib.blake2b(key.encode() + b"\0" + value, digest_size=16).digest(), "big")


@dataclass(frozen=True)
class Digest:
    """Number of records, and the sum of their hashes modulo 2^128."""

    records: int = 0
    total: int = 0

    @property
    def hex(self) -> str:
        """`total` as 32 hexadecimal digits."""
        return f"{self.total:032x}"

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> Digest:
        """Digest of pairs in any order.

        >>> pairs = [("u:ana", b"1"), ("u:bo", b"2")]
        >>> Digest.of(pairs) == Digest.of(reversed(pairs)), Digest.of(pairs) == Digest.of(pairs[:1] * 2)
        (True, False)
        """
        return cls.of_hashes(hash_pair(key, value) for key, value in pairs)

    @classmethod
    def of_hashes(cls, hashes: Iterable[int]) -> Digest:
        """Digest of `hash_pair` results."""
        records = total = 0
        for value in hashes:
            records += 1
            total += value
        return cls(records, total % _MODULUS)

    @classmethod
    def of_distinct(cls, hashes: Iterable[int]) -> Digest:
        """Digest of hashes some of which may come twice (Redis' SCAN repeats keys): 16 bytes of memory a record."""
        packed = bytearray()
        for value in hashes:
            packed += value.to_bytes(16, "big")
        distinct = np.unique(np.frombuffer(packed, dtype=[("high", ">u8"), ("low", ">u8")]))
        return cls.of_hashes((int(high) << 64) | int(low) for high, low in distinct)

    def generation(self, surface: str, run_date: date) -> str:
        """Generation id, 32 hexadecimal digits: the same content for the same week has the same id, on any machine."""
        text = f"{surface}\0{run_date.isoformat()}\0{self.records}\0{self.hex}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Sample:
    """The `size` pairs with the smallest hashes: a uniform sample that depends on the content alone, not on its order."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[int, str, bytes]] = []

    def offer(self, hashed: int, key: str, value: bytes) -> None:
        """Consider one pair; constant memory."""
        entry = (-hashed, key, value)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def pairs(self) -> list[Pair]:
        """Return the sampled pairs, by key."""
        return sorted((key, value) for _, key, value in self._heap)
