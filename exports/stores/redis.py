"""redis: records in a real Redis server (or one that speaks its protocol, such as Valkey).

    pp:v1:<surface>:pointer                    what is served
    pp:v1:<surface>:generations                set of generations of which anything may be stored
    pp:v1:<surface>:<generation>:<record key>  one record, e.g. ...:u:ana
    pp:v1:<surface>:<generation>:manifest      present when the generation is verified

Records are loaded with an expiry, so that what a killed load leaves disappears by itself; sealing takes the expiry away.
The connection comes from the environment; no message names more of it than the variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import cast

from redis import Redis

from conf.errors import PublishError
from exports.digest import Digest, Pair, hash_pair
from exports.generations import Manifest, Pointer
from exports.keys import KEY_VERSION
from exports.stores.redis_errors import shielded
from exports.stores.redis_wire import persist_commands, send_all, set_command

UNPUBLISHED_SECONDS = 86_400
_PAGE = 1_000
_NO_EXPIRY = -1  # TTL's answer for a key that stays; -2 is a key that is gone
# One atomic step on the server: an absent pointer compares equal to the empty string.
_COMPARE_AND_SET = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


class RedisStore:
    """Generations in one Redis database.

    Parameters
    ----------
    client : connection; `opening.open_store` makes it from the environment.
    unpublished_seconds : expiry of records that are loaded but not yet sealed.
    """

    name = "redis"

    def __init__(self, client: Redis, unpublished_seconds: int = UNPUBLISHED_SECONDS) -> None:
        self._client = client
        self._expiry = unpublished_seconds

    @shielded
    def check(self) -> None:
        """Refuse a server that may evict: lists would vanish in silence, the popular list would hide it."""
        # INFO and not CONFIG GET: hosted servers forbid CONFIG, and both give the same word.
        policy = self._client.info("memory").get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise PublishError(
                f"redis store: maxmemory-policy is {policy}, so the server may drop served lists without a word: "
                "CONFIG SET maxmemory-policy noeviction, or use a database of its own"
            )

    @shielded
    def begin(self, surface: str, generation: str, records: int) -> None:
        """Sweep what a killed load left, and register the generation before its first record."""
        self.drop(surface, generation)
        self._client.sadd(_generations_key(surface), generation)

    @shielded
    def load(self, surface: str, generation: str, pairs: Iterable[Pair]) -> None:
        """Set every record with its expiry in one pass."""
        prefix = _prefix(surface, generation)
        expiry = str(self._expiry).encode()
        commands = (set_command((prefix + key).encode(), value, expiry) for key, value in pairs)
        for _ in send_all(self._client, commands):
            pass

    @shielded
    def read_back(self, surface: str, generation: str) -> Digest:
        """Digest of the records that a scan of the generation's keys finds."""
        return Digest.of_distinct(hash_pair(key, value) for key, value in self._scan(surface, generation))

    @shielded
    def seal(self, manifest: Manifest) -> None:
        """Take the expiry off every record, see that none was lost to it, then write the manifest."""
        prefix = _prefix(manifest.surface, manifest.generation)
        kept = Digest.of_distinct(hash_pair(key.decode(), b"") for key in self._persisted(prefix)).records
        if kept != manifest.records:
            raise PublishError(
                f"redis store: {kept} of {manifest.records} records were still there to be kept: "
                f"they expire {self._expiry} s after the load; run the publication again"
            )
        self._client.set(prefix + "manifest", manifest.encode())

    @shielded
    def manifest(self, surface: str, generation: str) -> Manifest | None:
        """Manifest of a sealed generation."""
        found = self._value(_prefix(surface, generation) + "manifest")
        return None if found is None else Manifest.decode(found)

    @shielded
    def get(self, surface: str, generation: str, key: str) -> bytes | None:
        """One record."""
        return self._value(_prefix(surface, generation) + key)

    @shielded
    def pointer(self, surface: str) -> Pointer | None:
        """What is served now."""
        found = self._value(_pointer_key(surface))
        return None if found is None else Pointer.decode(found)

    @shielded
    def flip(self, surface: str, expected: Pointer | None, new: Pointer) -> bool:
        """Compare and set in a script that the server runs as one step."""
        before = b"" if expected is None else expected.encode()
        return bool(self._client.eval(_COMPARE_AND_SET, 1, _pointer_key(surface), before, new.encode()))

    @shielded
    def generations(self, surface: str) -> list[str]:
        """Every registered generation."""
        members = cast("set[bytes]", self._client.smembers(_generations_key(surface)))
        return sorted(member.decode() for member in members)

    @shielded
    def drop(self, surface: str, generation: str) -> None:
        """Unlink the manifest first (it vouches for the records), then all keys of the prefix."""
        prefix = _prefix(surface, generation)
        self._client.unlink(prefix + "manifest")
        if not self._client.sismember(_generations_key(surface), generation):
            return
        keys = self._keys(prefix)
        while page := list(islice(keys, _PAGE)):
            self._client.unlink(*page)
        self._client.srem(_generations_key(surface), generation)

    def close(self) -> None:
        """Close every connection of the pool."""
        self._client.close()

    def _value(self, key: str) -> bytes | None:
        # The client's types allow text, which it gives only when told to decode; ours never is.
        return cast("bytes | None", self._client.get(key))

    def _keys(self, prefix: str) -> Iterator[bytes]:
        """Record keys below a prefix, some possibly twice; hexadecimal and words hold none of SCAN's wildcards."""
        own = (prefix + "manifest").encode()
        return (k for k in self._client.scan_iter(match=prefix + "*", count=_PAGE) if k != own)

    def _persisted(self, prefix: str) -> Iterator[bytes]:
        """Keys that, asked after PERSIST, have no expiry; PERSIST's own answer is 0 where a killed seal came first."""
        keys = self._keys(prefix)
        while page := list(islice(keys, _PAGE)):
            commands = (packed for key in page for packed in persist_commands(key))
            expiries = list(send_all(self._client, commands))[1::2]
            yield from (key for key, expiry in zip(page, expiries, strict=True) if expiry == _NO_EXPIRY)

    def _scan(self, surface: str, generation: str) -> Iterator[Pair]:
        prefix = _prefix(surface, generation)
        keys = self._keys(prefix)
        while page := list(islice(keys, _PAGE)):
            values = cast("list[bytes | None]", self._client.mget(page))
            for key, value in zip(page, values, strict=True):
                if value is not None:
                    yield key.decode().removeprefix(prefix), value


def _prefix(surface: str, generation: str) -> str:
    return f"pp:{KEY_VERSION}:{surface}:{generation}:"


def _pointer_key(surface: str) -> str:
    return f"pp:{KEY_VERSION}:{surface}:pointer"


def _generations_key(surface: str) -> str:
    return f"pp:{KEY_VERSION}:{surface}:generations"
