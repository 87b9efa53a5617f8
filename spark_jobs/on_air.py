"""Settings -> stores: what each of them serves now. A store that is away is a fact here, not an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from conf.errors import EXIT_DONE, FactoryError, UsageError
from conf.pipeline import JOBS
from conf.settings import Settings
from exports.rollback import SurfaceStatus, status
from exports.stores import Store
from exports.stores.opening import open_store

_PUBLISH = "publish_"
SURFACES = tuple(job.name.removeprefix(_PUBLISH) for job in JOBS if job.name.startswith(_PUBLISH))


@dataclass(frozen=True)
class OnAir:
    """One store and surface: `status` where the store answered, else `error` and `exit_code` say why not."""

    surface: str
    store: str
    status: SurfaceStatus | None
    error: str = ""
    exit_code: int = EXIT_DONE


def store_names(settings: Settings, surface: str, only: str | None = None) -> tuple[str, ...]:
    """Stores that `surface` is published to, or the one called `only`; UsageError for unknown words."""
    if surface not in SURFACES:
        raise UsageError(f"no surface is called {surface}: surfaces are {', '.join(SURFACES)}")
    names: tuple[str, ...] = getattr(settings, _PUBLISH + surface).stores
    if only is not None and only not in names:
        raise UsageError(f"{surface} is not published to {only}: its stores are {', '.join(names)}")
    return names if only is None else (only,)


@contextmanager
def store(settings: Settings, surface: str, name: str) -> Iterator[Store]:
    """The store called `name`, closed at the end."""
    variables = getattr(settings, _PUBLISH + surface).redis
    with closing(open_store(name, settings.warehouse.resolve() / "stores", variables)) as opened:
        yield opened


def on_air(settings: Settings) -> list[OnAir]:
    """State of every surface in each of its stores."""
    return [_state(settings, surface, name) for surface in SURFACES for name in store_names(settings, surface)]


def _state(settings: Settings, surface: str, name: str) -> OnAir:
    if name != "redis" and not (settings.warehouse / "stores").is_dir():  # looking must not make the embedded ones
        return OnAir(surface, name, None, "nothing published yet")
    try:
        with store(settings, surface, name) as opened:
            return OnAir(surface, name, status(opened, surface))
    except FactoryError as away:
        return OnAir(surface, name, None, str(away), away.exit_code)
