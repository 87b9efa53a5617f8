"""Spark SQL type strings of the contracts -> Arrow types, so that tables can be made and read without a JVM."""

from __future__ import annotations

import pyarrow as pa

from conf.contract import Table

_SIMPLE = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_type(ddl: str) -> pa.DataType:
    """Arrow type of a Spark SQL type.

    >>> arrow_type("array<struct<position:int,title:string>>")
    ListType(list<element: struct<position: int32, title: string>>)
    """
    ddl = ddl.strip()
    if ddl in _SIMPLE:
        return _SIMPLE[ddl]
    outer, _, inner = ddl.partition("<")
    parts = _split(inner[:-1])
    if outer == "array":
        return pa.list_(pa.field("element", arrow_type(parts[0])))
    if outer == "map":
        return pa.map_(arrow_type(parts[0]), arrow_type(parts[1]))
    if outer == "struct":
        pairs = (part.split(":", 1) for part in parts)
        return pa.struct([pa.field(name.strip(), arrow_type(kind)) for name, kind in pairs])
    raise ValueError(f"no Arrow type for {ddl!r}")


def arrow_schema(table: Table) -> pa.Schema:
    """Arrow schema of a contract."""
    return pa.schema([pa.field(c.name, arrow_type(c.type), nullable=c.nullable) for c in table.columns])


def _split(inner: str) -> list[str]:
    """Split at commas outside of angle brackets."""
    parts, depth = [""], 0
    for char in inner:
        depth += (char == "<") - (char == ">")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts
