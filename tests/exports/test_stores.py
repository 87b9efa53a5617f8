"""One behavioural suite over every store: what a store promises is the same for a file, a folder and a server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from conf.errors import SettingsError
from exports.digest import Digest
from exports.generations import Manifest, Pointer
from exports.keys import listener_key
from exports.stores.opening import open_store

HOSTILE = ["", "..", "../../etc/passwd", "a b", "a\nb", "a\tb", "ü/😀", '"', "*", "u:x:manifest", "x" * 5000, "%41", "A", "a"]
SURFACE, GENERATION = "discover_weekly", "0" * 32


def fill(store, surface: str, generation: str, pairs, run_date) -> Digest:
    store.check()
    store.begin(surface, generation, len(pairs))
    store.load(surface, generation, iter(pairs))
    digest = store.read_back(surface, generation)
    store.seal(Manifest(surface, run_date, generation, len(pairs), digest.hex, {}, simulated=True))
    return digest


def test_hostile_listener_ids_come_back_whole(store, make_list, monday) -> None:
    records = [make_list(user) for user in HOSTILE]
    pairs = [(r.key, r.encode()) for r in records]
    assert fill(store, SURFACE, GENERATION, pairs, monday) == Digest.of(pairs)
    for record in records:
        assert store.get(SURFACE, GENERATION, record.key) == record.encode()
    assert store.get(SURFACE, GENERATION, listener_key("nobody")) is None
    assert store.get(SURFACE, "f" * 32, records[0].key) is None


def test_an_empty_generation_is_one(store, monday) -> None:
    assert fill(store, SURFACE, GENERATION, [], monday) == Digest()
    assert store.manifest(SURFACE, GENERATION).records == 0


def test_two_surfaces_live_in_one_store(store, make_list, monday) -> None:
    mine, other = make_list("ana"), make_list("ana", surface="daily_mix")
    for record in (mine, other):
        fill(store, record.surface, GENERATION, [(record.key, record.encode())], monday)
        assert store.flip(record.surface, None, Pointer(GENERATION, None, monday, 1))
    store.drop(SURFACE, GENERATION)
    assert store.generations(SURFACE) == [] and store.generations("daily_mix") == [GENERATION]
    assert store.get("daily_mix", GENERATION, other.key) == other.encode()
    assert store.get(SURFACE, GENERATION, mine.key) is None and store.manifest(SURFACE, GENERATION) is None


def test_begin_forgets_what_a_killed_load_left(store, make_list, monday) -> None:
    left, wanted = make_list("left"), make_list("wanted")
    store.check()
    store.begin(SURFACE, GENERATION, 1)
    store.load(SURFACE, GENERATION, [(left.key, left.encode())])
    pairs = [(wanted.key, wanted.encode())]
    assert fill(store, SURFACE, GENERATION, pairs, monday) == Digest.of(pairs)


def test_a_key_written_twice_shows_in_the_read_back(store, make_list) -> None:
    record = make_list("ana")
    store.check()
    store.begin(SURFACE, GENERATION, 2)
    store.load(SURFACE, GENERATION, [(record.key, record.encode())] * 2)
    assert store.read_back(SURFACE, GENERATION).records == 1


def test_flip_needs_the_pointer_it_expects(store, monday) -> None:
    store.check()
    first = Pointer("a" * 32, None, monday, 1)
    second = replace(first, generation="b" * 32, previous="a" * 32, epoch=2)
    assert not store.flip(SURFACE, second, first), "nothing is there yet"
    assert store.flip(SURFACE, None, first)
    assert not store.flip(SURFACE, None, second)
    assert not store.flip(SURFACE, replace(first, epoch=9), second)
    assert store.flip(SURFACE, first, second) and store.pointer(SURFACE) == second


@pytest.mark.parametrize("racers", [8])
def test_of_racing_flips_exactly_one_wins(store, racers: int, monday, tmp_path, request) -> None:
    store.check()
    expected = None
    for round_number in range(1, 6):
        rivals = [Pointer(f"{i:032x}", None, monday, round_number) for i in range(racers)]

        def race(new: Pointer, expected: Pointer | None = expected) -> bool:
            return rival_store(store, tmp_path, request).flip(SURFACE, expected, new)

        with ThreadPoolExecutor(racers) as pool:
            won = [new for new, did in zip(rivals, pool.map(race, rivals), strict=True) if did]
        assert len(won) == 1 and store.pointer(SURFACE) == won[0]
        expected = won[0]


def rival_store(store, tmp_path, request):
    """Another handle on the same store: SQLite connections belong to one thread."""
    if store.name == "redis":
        return request.getfixturevalue("redis_server").store(tmp_path)
    return open_store(store.name, tmp_path)


def test_unknown_store_is_refused(tmp_path) -> None:
    with pytest.raises(SettingsError, match="use sqlite, bundle or redis"):
        open_store("memcached", tmp_path)
    with pytest.raises(SettingsError, match="PLANT_REDIS_URL"):
        open_store("redis", tmp_path, environ={})


def test_bundle_shards_are_found_as_the_contract_says(bundle, make_list, monday, tmp_path) -> None:
    """What docs/serving.md tells an app in another language, done with nothing but a hash and a JSON parser."""
    import hashlib
    import json

    records = [make_list(f"user{i}") for i in range(200)]
    fill(bundle, SURFACE, GENERATION, [(r.key, r.encode()) for r in records], monday)
    folder = tmp_path / "bundle" / SURFACE / GENERATION
    layout = json.loads((folder / "manifest.json").read_text())["layout"]
    shards = (folder / "shards.json").read_bytes()
    assert layout == {"shard_digits": 1 if len(records) <= 512 else 2, "shards_sha256": hashlib.sha256(shards).hexdigest()}
    shard = hashlib.sha256(b"u:user7").hexdigest()[: layout["shard_digits"]]
    content = (folder / "shards" / f"{shard}.json").read_bytes()
    assert json.loads(shards)[shard] == hashlib.sha256(content).hexdigest()
    assert json.loads(content)["u:user7"]["user_id"] == "user7"


def test_a_damaged_shard_is_noticed_and_read_as_missing(bundle, make_list, monday, tmp_path) -> None:
    record = make_list("ana")
    fill(bundle, SURFACE, GENERATION, [(record.key, record.encode())], monday)
    (shard,) = (tmp_path / "bundle" / SURFACE / GENERATION / "shards").glob("*.json")
    shard.write_bytes(shard.read_bytes()[:-3])
    assert bundle.read_back(SURFACE, GENERATION).records == 0
    assert bundle.get(SURFACE, GENERATION, record.key) is None
