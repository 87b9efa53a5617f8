"""commands -> replies over one Redis connection, in bounded chunks.

redis-py's pipeline builds a Python object per command and per argument, which costs more than the server needs to run it
(.46 of `redis-cli --pipe` at 4 KB). Here commands come packed, and while the server works on one chunk the next is made:
bench/publish.py has the numbers. The connection, its TLS and its password stay the client's own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from redis import Redis
from redis.connection import AbstractConnection

# Half a megabyte in flight keeps the server busy while the next chunk is serialised; more was slower (cache, 4 KB values).
_CHUNK_BYTES = 128 << 10
_CHUNKS_UNDER_WAY = 4


def set_command(key: bytes, value: bytes, expiry: bytes) -> bytes:
    r"""`SET key value EX expiry` in RESP, ready to be sent.

    >>> set_command(b"k", b"v1", b"60")
    b'*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nv1\r\n$2\r\nEX\r\n$2\r\n60\r\n'
    """
    return b"*5\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$2\r\nEX\r\n$%d\r\n%b\r\n" % (
        len(key),
        key,
        len(value),
        value,
        len(expiry),
        expiry,
    )


def persist_commands(key: bytes) -> tuple[bytes, bytes]:
    """`PERSIST key` and `TTL key` in RESP."""
    return (
        b"*2\r\n$7\r\nPERSIST\r\n$%d\r\n%b\r\n" % (len(key), key),
        b"*2\r\n$3\r\nTTL\r\n$%d\r\n%b\r\n" % (len(key), key),
    )


def send_all(client: Redis, commands: Iterable[bytes]) -> Iterator[int]:
    """Send packed commands and give each one's reply as a number (`OK` counts as 1).

    Few chunks are under way at a time, so neither side's buffer grows; the first error reply raises.
    """
    with _connection(client) as connection:
        waiting: deque[int] = deque()
        for chunk, sent in _chunks(commands):
            connection.send_packed_command([chunk], check_health=False)  # type: ignore[no-untyped-call]
            waiting.append(sent)
            if len(waiting) > _CHUNKS_UNDER_WAY:
                yield from _replies(connection, waiting.popleft())
        for sent in waiting:
            yield from _replies(connection, sent)


def _chunks(commands: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    parts: list[bytes] = []
    size = 0
    for command in commands:
        parts.append(command)
        size += len(command)
        if size >= _CHUNK_BYTES:
            yield b"".join(parts), len(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts), len(parts)


def _replies(connection: AbstractConnection, count: int) -> Iterator[int]:
    for _ in range(count):
        reply = connection.read_response()
        yield 1 if reply == b"OK" else int(reply)


@contextmanager
def _connection(client: Redis) -> Iterator[AbstractConnection]:
    """A connection of the client's pool, thrown away when replies may still be under way on it."""
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        yield connection
    except BaseException:
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        pool.release(connection)
