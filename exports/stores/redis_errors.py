"""Redis' errors -> the factory's, with nothing of the connection in them.

A client's message may quote the host, the URL or a part of a password, and an exception that is only chained still shows
it in a traceback. So the new error is raised after the handler has ended: it has neither cause nor context.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from redis.exceptions import AuthenticationError, ConnectionError, RedisError, ResponseError, TimeoutError

from conf.errors import FactoryError, PublishError, StoreAwayError

P = ParamSpec("P")
R = TypeVar("R")


def shielded(method: Callable[P, R]) -> Callable[P, R]:
    """Raise StoreAwayError or PublishError in place of what the client raises."""

    @wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        problem: FactoryError
        try:
            return method(*args, **kwargs)
        except RedisError as error:
            problem = _translated(error, method.__name__)
        raise problem

    return guarded


def _translated(error: Exception, step: str) -> FactoryError:
    if isinstance(error, AuthenticationError):
        return StoreAwayError(f"redis store refused to let us in ({step}): check the password variable")
    if isinstance(error, ResponseError) and not isinstance(error, ConnectionError):
        # Only the code word: the rest of a reply may repeat arguments.
        word = str(error).split(" ", 1)[0]
        code = word if word.isalpha() and word.isupper() else type(error).__name__
        if code in ("NOAUTH", "NOPERM", "LOADING", "MASTERDOWN", "READONLY"):
            return StoreAwayError(f"redis store does not serve us ({step}: {code}): check its state and the user's rights")
        return PublishError(f"redis store refused a command ({step}: {code}): OOM means that maxmemory is too small")
    kind = "timed out" if isinstance(error, TimeoutError) else type(error).__name__
    return StoreAwayError(f"redis store does not answer ({step}: {kind}): check the server, the URL variable and TLS")
