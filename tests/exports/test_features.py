"""Hot features as records: what is written is read back, and what may not replace last week's is refused."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest

import exports
from conf.contexts import CONTEXTS
from conf.errors import ContractError, PublishError
from exports.edition import Edition
from exports.features import HOT, SURFACE, FeatureGates, FeatureRecord, decode, from_arrow
from exports.publish import publish
from exports.reader import Reader

MONDAY = date(2026, 9, 7)
SHARES = [0.5, 0.25, 0.125, 0.125, 0.0]


def batch(rows: int = 2, **given) -> pa.RecordBatch:
    columns = {"run_date": [MONDAY] * rows, "user_id": [f"u{i}" for i in range(rows)], "simulated": [True] * rows}
    for feature in HOT:
        columns[feature.name] = [SHARES if feature.size else 0.123456] * rows
    kinds = {f.name: pa.list_(pa.float32()) if f.size else pa.float32() for f in HOT}
    arrays = {name: pa.array(given.get(name, values), kinds.get(name)) for name, values in columns.items()}
    return pa.RecordBatch.from_pydict(arrays)


def records(rows: int = 2, **given) -> list[FeatureRecord]:
    return list(from_arrow(batch(rows, **given)))


def published(store, found: list[FeatureRecord], expected: int, gates: FeatureGates | None = None):
    edition = Edition(SURFACE, MONDAY, lambda: found, expected_listeners=expected)
    gates = gates or FeatureGates(verify_reads=2)
    return publish(edition, [store], gates, fence=lambda: None, exposures=lambda generation: None)


def test_a_record_is_its_bytes_and_keeps_its_schema() -> None:
    record = records()[0]
    assert record.features["context_shares"] == dict(zip(CONTEXTS, SHARES, strict=True))
    assert record.features["skip_rate"] == 0.1235
    assert decode(record.encode()) == record
    schema = json.loads((Path(exports.__file__).parent / "schema" / "features.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(record.encode()))


def test_what_is_not_known_is_null_and_never_nan() -> None:
    record = records(skip_rate=[math.nan, None], context_shares=[None, SHARES])
    assert [one.features["skip_rate"] for one in record] == [None, None]
    assert record[0].features["context_shares"] is None
    assert b"NaN" not in record[0].encode()


@pytest.mark.parametrize("value", [b"", b"[]", b'{"schema_version": 1}', b'{"schema_version": 2}'])
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(ContractError, match=r"publish them again|upgrade the reader"):
        decode(value)


def test_the_reader_gives_what_was_published(store) -> None:
    (outcome,) = published(store, records(), expected=2)
    assert outcome.state == "flipped" and outcome.records == 2
    reader = Reader(store)
    assert reader.features("u1") == records()[1]
    assert reader.features("nobody") is None
    manifest = store.manifest(SURFACE, outcome.generation)
    assert manifest.gates["covered"] == 1.0 and manifest.simulated


def test_before_the_first_publication_nobody_has_features(store) -> None:
    assert Reader(store).features("u1") is None


@pytest.mark.parametrize(
    ("given", "expected", "why"),
    [({}, 10, "covered 0.2000"), ({name: [None, None] for name in ("skip_rate", "mainstreamness")}, 2, "unknown values")],
)
def test_features_of_too_few_or_of_nothing_are_refused(store, given, expected, why) -> None:
    with pytest.raises(PublishError, match=why):
        published(store, records(**given), expected, FeatureGates(verify_reads=2, max_unknown=0.1))
    assert store.pointer(SURFACE) is None
