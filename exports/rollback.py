"""A store's pointer, by hand: what it serves, back to the week before, and free again.

A rollback moves one small value, so it takes milliseconds however many listeners there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from conf.errors import BusyError, PublishError
from exports.generations import Manifest, Pointer
from exports.keys import checked_surface
from exports.stores import Store


@dataclass(frozen=True)
class SurfaceStatus:
    """What one store holds for one surface.

    Attributes
    ----------
    pointer, manifest : of the generation served; None before the first publication.
    waiting : generations that are stored but neither served nor kept for rollback, sorted.
    """

    store: str
    surface: str
    pointer: Pointer | None
    manifest: Manifest | None
    waiting: list[str]


def status(store: Store, surface: str) -> SurfaceStatus:
    """What `store` serves for `surface`."""
    pointer = store.pointer(checked_surface(surface))
    manifest = None if pointer is None else store.manifest(surface, pointer.generation)
    known = () if pointer is None else (pointer.generation, pointer.previous)
    waiting = [generation for generation in store.generations(surface) if generation not in known]
    return SurfaceStatus(store.name, surface, pointer, manifest, waiting)


def rollback(store: Store, surface: str) -> Pointer:
    """Serve the previous generation again; runs for the withdrawn week, or an older one, leave it alone from now on.

    The withdrawn generation is no fallback either: it is served to nobody.

    Raises
    ------
    PublishError
        When there is no previous generation to go back to.
    BusyError
        When a publisher moves the pointer at the same moment.
    """
    served = store.pointer(checked_surface(surface))
    if served is None or served.previous is None:
        raise PublishError(f"store {store.name} keeps no generation of {surface} before the one served: nothing to go back to")
    manifest = store.manifest(surface, served.previous)
    if manifest is None:
        raise PublishError(f"store {store.name} lost generation {served.previous} of {surface}: publish that week again")
    withdrawn = served.run_date if served.pinned is None else max(served.run_date, served.pinned)
    return _moved(store, surface, served, Pointer(served.previous, None, manifest.run_date, served.epoch + 1, withdrawn))


def release(store: Store, surface: str) -> Pointer:
    """Take the pin of a rollback away, so that a re-run of the withdrawn week may be served.

    Raises
    ------
    PublishError
        When the pointer is not pinned.
    """
    served = store.pointer(checked_surface(surface))
    if served is None or served.pinned is None:
        raise PublishError(f"store {store.name} has no pinned pointer for {surface}: nothing to release")
    return _moved(store, surface, served, replace(served, epoch=served.epoch + 1, pinned=None))


def _moved(store: Store, surface: str, served: Pointer, new: Pointer) -> Pointer:
    if not store.flip(surface, served, new):
        raise BusyError(
            f"a publisher moved the pointer of {surface} in store {store.name} at the same moment: look and try again"
        )
    return new
