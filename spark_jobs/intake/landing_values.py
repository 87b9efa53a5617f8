"""One column of landing values -> a typed Arrow array, and the rows whose value has another type.

A batch takes the quick way when all its values have the wanted Python type, which one pass over `type` tells; otherwise
each value is judged alone. Both ways accept the same values, so a row's fate never depends on its neighbours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "long": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "list<string>": pa.list_(pa.string()),
}
RFC_3339 = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"
_RFC_3339 = re.compile(RFC_3339, re.ASCII)
_DATE = re.compile(r"^\d{4}-\d\d-\d\d$", re.ASCII)
_NONE = type(None)
# Values that Arrow converts as they are, without a look at each. bool is no int here, and 1.5 must not become 1.
_QUICK: dict[str, set[type]] = {
    "string": {str, _NONE},
    "long": {int, _NONE},
    "double": {float, _NONE},
    "boolean": {bool, _NONE},
}


class BadValueError(ValueError):
    """A landing value does not have its field's type."""


def typed(values: list[Any], kind: str) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Array of `values` as landing type `kind` (empty strings and bad values are null), and positions of bad values."""
    kinds = set(map(type, values))
    if kind == "timestamp" and kinds <= _QUICK["string"]:
        array = _quick_times(values)
        if array is not None:
            return array, np.empty(0, np.int64)
    if kinds <= _QUICK.get(kind, set()) | {_NONE}:
        try:
            array = pa.array(values, ARROW_TYPES[kind])
        except OverflowError:  # an integer beyond 64 bits
            return _one_by_one(values, kind)
        if kind != "double" or not pc.any(pc.invert(pc.is_finite(array))).as_py():
            return _without_empty(array), np.empty(0, np.int64)
    return _one_by_one(values, kind)


def typed_arrow(column: pa.Array, kind: str) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The same for a Parquet column: cast where its type fits, else judged value by value."""
    target = ARROW_TYPES[kind]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if _FITS[kind](column.type):
        array = column.cast(target, safe=not pa.types.is_timestamp(target))
        return _without_empty(array), np.empty(0, np.int64)
    return typed(column.to_pylist(), kind)


def _quick_times(values: list[str | None]) -> pa.Array | None:
    """Times read by Arrow, None where it cannot read one of them or the landing format does not allow it."""
    texts = pa.array(values, pa.string())
    if not pc.all(pc.match_substring_regex(texts, RFC_3339)).as_py():
        return None
    try:
        return texts.cast(ARROW_TYPES["timestamp"])
    except pa.ArrowInvalid:  # month 13, or more than six digits of a second
        return None


def _without_empty(array: pa.Array) -> pa.Array:
    if not pa.types.is_string(array.type) or not pc.any(pc.equal(array, "")).as_py():
        return array
    return pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)


def _one_by_one(values: list[Any], kind: str) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    parse, good, bad = _PARSE[kind], [], []
    for position, value in enumerate(values):
        try:
            good.append(None if value is None or value == "" else parse(value))
        except (ValueError, OverflowError):
            good.append(None)
            bad.append(position)
    return pa.array(good, ARROW_TYPES[kind]), np.array(bad, np.int64)


def _string(value: Any) -> str:
    if type(value) is not str:
        raise BadValueError
    return value


def _long(value: Any) -> int:
    whole = type(value) is int or (type(value) is float and value.is_integer())
    if not whole or not -(2**63) <= value < 2**63:
        raise BadValueError
    return int(value)


def _double(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise BadValueError
    return float(value)


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise BadValueError
    return value


def _timestamp(value: Any) -> datetime:
    if type(value) is not str or not _RFC_3339.match(value):
        raise BadValueError
    return datetime.fromisoformat(value.upper()).astimezone(UTC)


def _date(value: Any) -> date:
    if type(value) is date:
        return value
    if type(value) is not str or not _DATE.match(value):
        raise BadValueError
    return date.fromisoformat(value)


def _strings(value: Any) -> list[str]:
    if type(value) is not list or any(type(item) is not str for item in value):
        raise BadValueError
    return value


_PARSE: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "long": _long,
    "double": _double,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "date": _date,
    "list<string>": _strings,
}
_FITS: dict[str, Callable[[pa.DataType], bool]] = {
    "string": lambda t: pa.types.is_string(t) or pa.types.is_large_string(t),
    "long": lambda t: pa.types.is_signed_integer(t),
    "double": lambda t: False,
    "boolean": pa.types.is_boolean,
    "timestamp": lambda t: pa.types.is_timestamp(t) and t.tz is not None,
    "date": pa.types.is_date32,
    "list<string>": lambda t: False,
}
