"""What an app calls: one listener's list, whatever has happened to it.

reader = Reader(open_store("redis", folder))
served = reader.get("ana", "discover_weekly", country="DE", at=now)
served.tracks, served.rung
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from conf.errors import ContractError
from exports import features
from exports.features import FeatureRecord
from exports.generations import Pointer
from exports.keys import GLOBAL_KEY, checked_surface, listener_key, popular_key
from exports.records import Record, Track, decode
from exports.stores import Store

Rung = Literal["current", "previous", "country", "everywhere", "nothing"]


@dataclass(frozen=True)
class Served:
    """An answer.

    Attributes
    ----------
    record : the list; None only on rung `nothing`.
    rung : step of the fallback chain that answered: the listener's `current` or `previous` list, the popular list of their
        `country` or of `everywhere`, or `nothing` where the surface was never published.
    generation : that the record comes from; None on rung `nothing`.
    """

    record: Record | None
    rung: Rung
    generation: str | None

    @property
    def tracks(self) -> list[Track]:
        """Tracks in the order to be shown; empty on rung `nothing`."""
        return [] if self.record is None else self.record.tracks


class Reader:
    """Reads from one store; as safe for threads as the store (Redis and bundle are, SQLite wants one reader per thread)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, user_id: str, surface: str, country: str | None = None, *, at: datetime) -> Served:
        """List to be shown to `user_id` at the instant `at`.

        The pointer is read once per call, and everything else from the generations it names: a call during a flip answers
        from the old week or from the new one, never from both.

        Parameters
        ----------
        country : ISO 3166-1 alpha-2; where it is not given, the country of the listener's own record.
        at : instant with a time zone.

        Raises
        ------
        StoreAwayError
            When the store does not answer; an unknown listener is no error.
        """
        if at.tzinfo is None:
            raise ContractError(f"at={at.isoformat()} has no time zone: pass an instant such as datetime.now(UTC)")
        pointer = self._store.pointer(checked_surface(surface))
        if pointer is None:
            return Served(None, "nothing", None)
        own = listener_key(user_id)
        known_country = country
        for rung, generation in _own_rungs(pointer):
            record = self._record(surface, generation, own)
            if record is not None and record.valid_from is not None and record.valid_from <= at:
                return Served(record, rung, generation)
            known_country = known_country or (record.country if record else None)
        return self._popular(surface, pointer, known_country)

    def features(self, user_id: str) -> FeatureRecord | None:
        """What is known of `user_id`, as of the newest week that was published; None for a stranger.

        Features describe the past, so they hold from the flip on: no Monday has to begin first.
        """
        pointer = self._store.pointer(features.SURFACE)
        if pointer is None:
            return None
        value = self._store.get(features.SURFACE, pointer.generation, listener_key(user_id))
        return None if value is None else features.decode(value)

    def _popular(self, surface: str, pointer: Pointer, country: str | None) -> Served:
        rungs: list[tuple[Rung, str]] = [("everywhere", GLOBAL_KEY)]
        if country:
            rungs.insert(0, ("country", popular_key(country)))
        for rung, key in rungs:
            record = self._record(surface, pointer.generation, key)
            if record is not None:
                return Served(record, rung, pointer.generation)
        return Served(None, "nothing", None)

    def _record(self, surface: str, generation: str, key: str) -> Record | None:
        value = self._store.get(surface, generation, key)
        return None if value is None else decode(value)


def _own_rungs(pointer: Pointer) -> Iterator[tuple[Rung, str]]:
    yield "current", pointer.generation
    if pointer.previous is not None:
        yield "previous", pointer.previous
