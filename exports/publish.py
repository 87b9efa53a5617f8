"""records -> generations in the stores, exposures: the protocol that never shows half a week.

One pass over the records finds the generation id (the hash of their content) and what the list gates count; then, store
by store:

1. write every record under the new generation, which nothing reads yet;
2. read back count and content hash from the store itself, and some records whole;
3. gates: the lists by themselves (judged once, before any store is touched) and their change against the week before;
4. exposures, by the caller; they count only once the caller has noted the flip;
5. the manifest;
6. compare-and-set of the pointer, fenced by the caller's lease;
7. the previous generation stays, older ones go.

A run that dies anywhere leaves the old week served; a re-run finds by the ids what is already there. docs/operations.md
says what each outcome asks of the engineer on call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

from conf.errors import (
    EXIT_BAD_DATA,
    EXIT_DONE,
    EXIT_IO,
    EXIT_SERVICE_AWAY,
    EXIT_TRY_LATER,
    BusyError,
    ContractError,
    DiskError,
    PublishError,
    StoreAwayError,
)
from exports.edition import Edition, Gates, Survey, survey
from exports.generations import Pointer
from exports.stores import Store

log = logging.getLogger(__name__)

State = Literal["flipped", "already", "kept", "failed", "refused"]
_GRAVEST_FIRST = (EXIT_BAD_DATA, EXIT_IO, EXIT_SERVICE_AWAY, EXIT_TRY_LATER)


@dataclass(frozen=True)
class StoreOutcome:
    """What became of one store.

    Attributes
    ----------
    state : `flipped` now. `already` flipped by an earlier attempt. `kept`: a newer week or a pinned rollback is served, so
        nothing was done, which is no error. `failed`: away, disk, or another publisher won the race. `refused`: a
        preflight, a read-back or a gate said no.
    records, seconds : size of the generation, and the time spent on this store.
    epoch : of the pointer after this run; 0 where it is not known.
    error, exit_code : why, and the code of conf/errors.py, for `failed` and `refused`; `error` also explains `kept`.
    """

    store: str
    generation: str
    state: State
    records: int
    seconds: float
    epoch: int = 0
    error: str | None = None
    exit_code: int = EXIT_DONE


def publish(
    edition: Edition,
    stores: Sequence[Store],
    gates: Gates,
    *,
    fence: Callable[[], None],
    exposures: Callable[[str], None],
    epoch: int = 0,
) -> list[StoreOutcome]:
    """Bring one edition into every store; a store that is away or refuses fails alone.

    Parameters
    ----------
    fence : raises BusyError when the caller's lease is lost; called directly before each flip and each deletion of a
        generation that may have been served.
    exposures : given the generation id, writes (replacing) what will have been shown; called once, before the first flip.
    epoch : fencing number of the caller's lease; no pointer that this run sets has a smaller one.

    Raises
    ------
    PublishError
        When the list gates refuse: no store was touched.
    BusyError
        From `fence`: no further store is touched.
    """
    found = survey(edition, gates)
    log.info("surveyed surface=%s generation=%s records=%d", edition.surface, found.generation, found.digest.records)
    run = _Run(found, fence, exposures, epoch)
    return [_settle(run, store) for store in stores]


def exit_code(outcomes: Sequence[StoreOutcome]) -> int:
    """Exit code of a run: 0 when every store serves what it should, else the one that most needs a person."""
    codes = {outcome.exit_code for outcome in outcomes}
    return next((code for code in _GRAVEST_FIRST if code in codes), EXIT_DONE)


def _settle(run: _Run, store: Store) -> StoreOutcome:
    """Publish to one store and turn its errors into an outcome."""
    start = perf_counter()
    epoch, error, code = 0, None, EXIT_DONE
    state: State
    try:
        state, epoch, error = run.bring_to(store)
        code = EXIT_TRY_LATER if state == "failed" else EXIT_DONE
    except (StoreAwayError, DiskError) as away:
        state, error, code = "failed", str(away), away.exit_code
    except (PublishError, ContractError) as refused:
        state, error, code = "refused", str(refused), refused.exit_code
    seconds = perf_counter() - start
    outcome = StoreOutcome(store.name, run.found.generation, state, run.found.digest.records, seconds, epoch, error, code)
    log.info("published store=%s state=%s seconds=%.2f error=%s", store.name, state, seconds, error)
    return outcome


@dataclass
class _Run:
    """One call of `publish`: the survey and the caller's hooks."""

    found: Survey
    fence: Callable[[], None]
    exposures: Callable[[str], None]
    epoch: int
    _exposed: bool = field(default=False, init=False)

    def bring_to(self, store: Store) -> tuple[State, int, str | None]:
        """Take one store through the protocol; returns state, epoch and why nothing was done."""
        edition, generation = self.found.edition, self.found.generation
        store.check()
        served = store.pointer(edition.surface)
        if served is not None and served.generation == generation:
            return "already", served.epoch, None
        if served is not None and served.bars(edition.run_date):
            why = f"pinned up to {served.pinned}" if served.pinned else "a newer week"
            return "kept", served.epoch, f"serves {served.generation} of {served.run_date} ({why})"
        self._drop_unserved(store, also_keep={generation})
        if not self._is_complete(store):
            self._load(store)
        self._compare_with_last_week(store, served)
        self._expose()
        if store.manifest(edition.surface, generation) is None:
            store.seal(self.found.manifest)
        return self._flip(store, served)

    def _is_complete(self, store: Store) -> bool:
        """Whether an earlier attempt loaded this generation and the store still holds all of it."""
        surface, generation = self.found.edition.surface, self.found.generation
        return generation in store.generations(surface) and store.read_back(surface, generation) == self.found.digest

    def _load(self, store: Store) -> None:
        edition, generation = self.found.edition, self.found.generation
        store.begin(edition.surface, generation, self.found.digest.records)
        store.load(edition.surface, generation, edition.pairs())
        held = store.read_back(edition.surface, generation)
        if held != self.found.digest:
            raise PublishError(
                f"store {store.name} holds {held.records} records (hash {held.hex}) of generation {generation}, written were "
                f"{self.found.digest.records} (hash {self.found.digest.hex}): not flipped; run the publication again"
            )
        for key, value in self.found.sample:
            if store.get(edition.surface, generation, key) != value:
                raise PublishError(f"store {store.name} gives other bytes for {key} than were written: not flipped")

    def _compare_with_last_week(self, store: Store, served: Pointer | None) -> None:
        edition = self.found.edition
        if served is None or served.run_date >= edition.run_date:
            return
        listeners = ((key, value) for key, value in self.found.sample if key.startswith("u:"))
        befores = ((value, store.get(edition.surface, served.generation, key)) for key, value in listeners)
        self.found.gates.judge_change([(now, before) for now, before in befores if before is not None])

    def _expose(self) -> None:
        if not self._exposed:
            self.exposures(self.found.generation)
            self._exposed = True

    def _flip(self, store: Store, served: Pointer | None) -> tuple[State, int, str | None]:
        edition = self.found.edition
        new = self._successor(served)
        self.fence()
        if not store.flip(edition.surface, served, new):
            return "failed", 0, "another publisher moved the pointer meanwhile: run the publication again"
        # A reader that holds the replaced pointer must still find its records, even when that was this week's own.
        replaced = set() if served is None else {served.generation}
        try:
            self._drop_unserved(store, also_keep=replaced)
        except (StoreAwayError, DiskError, BusyError) as later:
            log.warning("old generations stay until the next run store=%s error=%s", store.name, later)
        return "flipped", new.epoch, None

    def _successor(self, served: Pointer | None) -> Pointer:
        """Pointer after the flip; a second edition of one week keeps last week's as the previous one."""
        edition = self.found.edition
        previous = None
        if served is not None:
            previous = served.previous if served.run_date == edition.run_date else served.generation
        epoch = max(self.epoch, 1 if served is None else served.epoch + 1)
        return Pointer(self.found.generation, previous, edition.run_date, epoch)

    def _drop_unserved(self, store: Store, also_keep: set[str]) -> None:
        """Drop what nobody is served: older weeks, and what killed runs left."""
        surface = self.found.edition.surface
        for generation in store.generations(surface):
            if generation in also_keep or _is_served(store, surface, generation):
                continue
            self.fence()
            # Asked again behind the fence: another publisher may have flipped it since.
            if not _is_served(store, surface, generation):
                store.drop(surface, generation)


def _is_served(store: Store, surface: str, generation: str) -> bool:
    pointer = store.pointer(surface)
    return pointer is not None and generation in (pointer.generation, pointer.previous)
