"""Records: canonical bytes, keys that no listener id can break, and the published JSON Schema."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exports
from conf.errors import ContractError, UsageError
from exports.digest import Digest, Sample, hash_pair
from exports.keys import GLOBAL_KEY, checked_surface, listener_key, popular_key
from exports.records import canonical, charts_from_arrow, decode, from_arrow

SCHEMA = Path(exports.__file__).parent / "schema"
TRACK = pa.struct(
    [
        ("position", pa.int32()),
        ("track_id", pa.string()),
        ("title", pa.string()),
        ("artists", pa.list_(pa.string())),
        ("artist_ids", pa.list_(pa.string())),
        ("score", pa.float32()),
        ("source", pa.string()),
        ("reason", pa.string()),
    ]
)


def row(name: str) -> dict:
    return dict(position=1, track_id=name, title=f"T {name}", artists=["A", "B"], artist_ids=["a", "b"], score=0.5,
                source="mf", reason="why")  # fmt: skip


def test_playlist_rows_become_records_without_score() -> None:
    at = datetime(2026, 9, 6, 22, tzinfo=UTC)
    columns = {
        "run_date": pa.array([date(2026, 9, 7)] * 3),
        "surface": pa.array(["discover_weekly"] * 3),
        "user_id": pa.array(["ana", "bo", "cy"]),
        "valid_from": pa.array([at] * 3, pa.timestamp("us", tz="UTC")),
        "country": pa.array(["DE", "", "FR"]),
        # An empty list in the middle must not shift the lists behind it.
        "tracks": pa.array([[row("x"), row("y")], [], [row("z")]], pa.list_(TRACK)),
        "filled": pa.array([0, 0, 1], pa.int32()),
        "simulated": pa.array([True, True, False]),
    }
    ana, bo, cy = from_arrow(pa.record_batch(columns))
    assert [t["track_id"] for t in ana.tracks] == ["x", "y"] and bo.tracks == [] and cy.tracks[0]["track_id"] == "z"
    assert (bo.country, cy.filled_from_fallback, cy.simulated) == (None, 1, False)
    assert json.loads(ana.encode())["valid_from"] == "2026-09-06T22:00:00Z"
    assert "score" not in ana.tracks[0] and decode(ana.encode()) == ana


def test_sliced_batches_give_their_own_rows() -> None:
    columns = {
        "run_date": pa.array([date(2026, 9, 7)] * 2),
        "surface": pa.array(["discover_weekly"] * 2),
        "country": pa.array(["", "DE"]),
        "tracks": pa.array([[row("x")], [row("y"), row("z")]], pa.list_(TRACK)),
        "simulated": pa.array([True, True]),
    }
    (german,) = charts_from_arrow(pa.record_batch(columns).slice(1))
    assert german.key == "popular:DE" and [t["track_id"] for t in german.tracks] == ["y", "z"]


def test_stored_records_keep_the_schema(make_list) -> None:
    schema = json.loads((SCHEMA / "record.schema.json").read_text())
    check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for record in (make_list("ana"), make_list("", country=None), make_list(None), make_list(None, country=None)):
        check.validate(json.loads(record.encode()))
    broken = json.loads(make_list("ana").encode()) | {"generation": "x"}
    assert not check.is_valid(broken), "a record must not name its generation: its id is the hash of the record"


def test_naive_times_and_foreign_versions_are_refused(make_list) -> None:
    with pytest.raises(ContractError, match="schema_version 2"):
        decode(make_list("ana").encode().replace(b'"schema_version":1', b'"schema_version":2'))
    with pytest.raises(ContractError, match="not a record"):
        decode(b"[]")


@given(st.text(max_size=400))
def test_keys_are_safe_for_any_id(user: str) -> None:
    key = listener_key(user)
    assert key.isascii() and key.isprintable() and len(key) <= 2 + 200
    assert not set(key[2:].removeprefix("sha256:")) & set("/\\ \"':*?[]\t\n")


@given(st.lists(st.text(max_size=300), unique=True, max_size=20))
def test_different_ids_have_different_keys(users: list[str]) -> None:
    assert len({listener_key(u) for u in users}) == len(users)


def test_hostile_ids() -> None:
    assert listener_key("sha256:" + "0" * 64) != "u:sha256:" + "0" * 64
    assert listener_key("\ud800") == "u:%ED%A0%80", "a lone surrogate is no error"
    assert popular_key("global") != GLOBAL_KEY
    for surface in ("../etc", "Discover", "", "a" * 64, "a:b"):
        with pytest.raises(UsageError):
            checked_surface(surface)


@given(st.permutations([("u:a", b"1"), ("u:b", b"2"), ("u:c", b"3"), ("u:d", b"4")]))
def test_digest_and_sample_do_not_depend_on_order(pairs) -> None:
    sample = Sample(2)
    for key, value in pairs:
        sample.offer(hash_pair(key, value), key, value)
    expected = sorted(pairs, key=lambda p: hash_pair(*p))[:2]
    assert sample.pairs() == sorted(expected)
    assert Digest.of(pairs) == Digest.of(sorted(pairs))
    assert Digest.of_distinct(hash_pair(*p) for p in [*pairs, pairs[0]]) == Digest.of(pairs)


def test_digest_notices_a_swap_between_two_listeners() -> None:
    assert Digest.of([("u:a", b"1"), ("u:b", b"2")]) != Digest.of([("u:a", b"2"), ("u:b", b"1")])


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(), lambda x: st.lists(x, max_size=3)))
def test_canonical_json_survives_parsing(document) -> None:
    assert canonical(json.loads(canonical({"x": document}))) == canonical({"x": document})
