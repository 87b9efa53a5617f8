"""docs/serving.md against what really lies in the stores, read without any code of the plant."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from pathlib import Path

import jsonschema
import pytest

import exports
from exports.keys import listener_key
from exports.publish import publish
from exports.stores.shards import shard_of

EXPORTS = Path(exports.__file__).parent
CONTRACT = EXPORTS.parent / "docs" / "serving.md"
SURFACE = "discover_weekly"


def schema(name: str, part: str | None = None) -> jsonschema.Draft202012Validator:
    document = json.loads((EXPORTS / "schema" / f"{name}.schema.json").read_text())
    return jsonschema.Draft202012Validator(document["$defs"][part] if part else document)


@pytest.fixture
def published(store, edition, gates):
    """Two published weeks."""
    for week in (0, 1):
        (outcome,) = publish(edition(week), [store], gates, fence=lambda: None, exposures=lambda generation: None)
    return outcome.generation


def test_the_examples_of_the_document_are_true() -> None:
    text = CONTRACT.read_text()
    record, pointer = re.findall(r"```json\n(.*?)```", text, flags=re.S)
    schema("record").validate(json.loads(record))
    schema("pointer").validate(json.loads(pointer.replace("<32 hex>", "0" * 32)))
    keys = dict(re.findall(r"^\| `?([^|`]+?)`? \| `(u:[^`]*)` \|$", text, flags=re.M))
    assert len(keys) == 4
    for written, key in keys.items():
        user = {"(empty)": "", "x, 300 times": "x" * 300}.get(written, written)
        assert listener_key(user) == key
    assert shard_of("u:ana", 3) + ".json" in text and shard_of("u:ana", 2) + ".json" in text


def test_every_schema_is_one() -> None:
    for path in (EXPORTS / "schema").glob("*.json"):
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def foreign_digest(pairs) -> str:
    """Digest as the document tells it."""
    hashes = (hashlib.blake2b(key.encode() + b"\0" + value, digest_size=16).digest() for key, value in pairs)
    return f"{sum(int.from_bytes(h, 'big') for h in hashes) % 2**128:032x}"


@pytest.mark.redis
@pytest.mark.parametrize("store", ["redis"], indirect=True)
def test_redis_holds_what_the_document_says(published, redis_server) -> None:
    client = redis_server.client()
    key_schema = schema("keys", "redis_key")
    for key in client.scan_iter("*"):
        key_schema.validate(key.decode())
    pointer = json.loads(client.get(f"pp:v1:{SURFACE}:pointer"))
    schema("pointer").validate(pointer)
    prefix = f"pp:v1:{SURFACE}:{pointer['generation']}:"
    manifest = json.loads(client.get(prefix + "manifest"))
    schema("manifest").validate(manifest)
    keys = [k.decode().removeprefix(prefix) for k in client.scan_iter(prefix + "*") if not k.endswith(b":manifest")]
    pairs = [(key, client.get(prefix + key)) for key in keys]
    for key, value in pairs:
        schema("keys").validate(key)
        schema("record").validate(json.loads(value))
    assert (len(pairs), foreign_digest(pairs)) == (manifest["records"], manifest["digest"])
    assert client.smembers(f"pp:v1:{SURFACE}:generations") == {g.encode() for g in (published, pointer["previous"])}


@pytest.mark.parametrize("store", ["bundle"], indirect=True)
def test_the_bundle_holds_what_the_document_says(published, tmp_path) -> None:
    root = tmp_path / "bundle"
    path_schema = schema("keys", "bundle_path")
    for path in root.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            path_schema.validate(path.relative_to(root).as_posix())
    pointer = json.loads((root / SURFACE / "pointer.json").read_text())
    folder = root / SURFACE / pointer["generation"]
    manifest = json.loads((folder / "manifest.json").read_text())
    schema("pointer").validate(pointer)
    schema("manifest").validate(manifest)
    shard = hashlib.sha256(b"u:user3").hexdigest()[: manifest["layout"]["shard_digits"]]
    content = (folder / "shards" / f"{shard}.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == json.loads((folder / "shards.json").read_text())[shard]
    schema("record").validate(json.loads(content)["u:user3"])


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_sqlite_answers_the_query_of_the_document(published, tmp_path) -> None:
    query = re.search(r"```sql\n(.*?)```", CONTRACT.read_text(), flags=re.S).group(1).replace("u:ana", "u:user3")
    with sqlite3.connect(f"file:{tmp_path}/serving.sqlite?mode=ro", uri=True) as db:
        ((value,),) = db.execute(query, {"generation": published})
        ((pointer,),) = db.execute("SELECT pointer FROM pointers WHERE surface = ?", (SURFACE,))
        pairs = list(db.execute("SELECT key, value FROM records JOIN generations ON id = generation_id WHERE generation = ?",
                                (published,)))  # fmt: skip
        ((manifest,),) = db.execute("SELECT manifest FROM generations WHERE generation = ?", (published,))
    schema("record").validate(json.loads(value))
    assert json.loads(pointer)["generation"] == published
    assert json.loads(manifest)["digest"] == foreign_digest(pairs)
