"""Spark SQL types -> Arrow types."""

from __future__ import annotations

import pyarrow as pa
import pytest

from conf.tables import PLAYLISTS, RUNS
from spark_jobs.schema import arrow_schema, arrow_type


@pytest.mark.parametrize(
    ("ddl", "expected"),
    [
        ("bigint", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("map<string,array<int>>", pa.map_(pa.string(), pa.list_(pa.field("element", pa.int32())))),
        ("struct<a:int,b:map<string,double>>", pa.struct([("a", pa.int32()), ("b", pa.map_(pa.string(), pa.float64()))])),
        ("array<array<float>>", pa.list_(pa.field("element", pa.list_(pa.field("element", pa.float32()))))),
    ],
)
def test_type(ddl: str, expected: pa.DataType) -> None:
    assert arrow_type(ddl) == expected


@pytest.mark.parametrize("ddl", ["decimal(10,2)", "timestamp_ntz", "set<int>", ""])
def test_unknown_type_is_refused(ddl: str) -> None:
    with pytest.raises(ValueError, match="no Arrow type for"):
        arrow_type(ddl)


def test_schema_keeps_order_and_nulls_of_the_contract() -> None:
    schema = arrow_schema(PLAYLISTS)
    assert tuple(schema.names) == PLAYLISTS.column_names
    assert not schema.field("tracks").nullable
    assert schema.field("tracks").type.value_type.get_field_index("reason") == 7
    assert arrow_schema(RUNS).field("exit_code").nullable
