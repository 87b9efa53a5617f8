"""Name of a store -> the store, its connection taken from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from conf.errors import SettingsError
from conf.settings import RedisStore as RedisVariables
from exports.stores import Store
from exports.stores.bundle import BundleStore
from exports.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from redis import Redis

_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 10.0


def open_store(
    name: str,
    folder: Path,
    variables: RedisVariables | None = None,
    environ: Mapping[str, str] = os.environ,
    answer_seconds: float = _ANSWER_SECONDS,
) -> Store:
    """Store called `name`; nothing is connected or made before its first use.

    Parameters
    ----------
    name : sqlite, bundle or redis.
    folder : where the embedded stores keep their files: `serving.sqlite` and `bundle/`.
    variables : names of the environment variables that hold Redis' URL, password and TLS switch.
    answer_seconds : how long a server may take for one answer, a TLS handshake included, before it counts as away.

    Raises
    ------
    SettingsError
        For an unknown name, or a variable that is missing or no URL. Its value is not repeated.
    """
    if name == "sqlite":
        return SqliteStore(folder / "serving.sqlite")
    if name == "bundle":
        return BundleStore(folder / "bundle")
    if name == "redis":
        from exports.stores.redis import RedisStore  # a quarter of a second that the embedded stores do without

        return RedisStore(_redis_client(variables or RedisVariables(), environ, answer_seconds))
    raise SettingsError(f"no store is called {name!r}: use sqlite, bundle or redis")


def _redis_client(variables: RedisVariables, environ: Mapping[str, str], answer_seconds: float) -> Redis:
    url = environ.get(variables.url_env)
    if not url:
        raise SettingsError(f"the redis store needs {variables.url_env}=redis://HOST:PORT/DB in the environment")
    if environ.get(variables.tls_env, "").lower() in ("1", "true", "yes") and url.startswith("redis://"):
        url = "rediss://" + url.removeprefix("redis://")
    client = _client(url, environ.get(variables.password_env) or None, answer_seconds)
    if client is None:
        raise SettingsError(f"{variables.url_env} is no URL such as redis://HOST:PORT/DB")
    return client


def _client(url: str, password: str | None, answer_seconds: float) -> Redis | None:
    """Return the client, or None for a broken URL: the parser's own message quotes it, so it must not travel."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        return Redis.from_url(
            url,
            **({"password": password} if password else {}),
            protocol=2,
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_timeout=answer_seconds,
            # One more try heals a connection that the server closed while idle; longer waits are the scheduler's.
            retry=Retry(NoBackoff(), 1),
        )
    except ValueError:
        return None
