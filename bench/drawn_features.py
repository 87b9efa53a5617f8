"""Drawn features of a simulated city's listeners, tracks and artists, as wide as real ones: for what ranking costs."""

from __future__ import annotations

from typing import Any

import city
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf import tables as t
from spark_jobs.schema import arrow_schema

SHARES = [0.3, 0.3, 0.0, 0.0, 0.4]
WIDTHS = {
    ("listener_features", "embedding"): 256, ("listener_contexts", "context_embedding"): 128,
    ("track_features", "taste"): 64, ("track_features", "meaning"): 128, ("track_audio", "embedding"): 256,
}  # fmt: skip


def features(place: city.City) -> None:
    """Drawn features of all listeners, tracks and artists, as wide as real ones."""
    rng, histories = np.random.default_rng(1), place.warehouse.rows(t.HISTORIES).table(columns=["user_id"])
    people = histories["user_id"].combine_chunks()
    tracks = place.warehouse.rows(t.TRACKS).table(columns=["track_idx", "track_id", "artist_ids"])
    artists = sorted({row[0] for row in tracks["artist_ids"].to_pylist() if row})
    fill(place, t.LISTENER_FEATURES, {"user_id": people}, rng)
    twice = pa.concat_arrays([people, people])
    context = pa.array(["commute"] * len(people) + ["focus"] * len(people))
    fill(place, t.LISTENER_CONTEXTS, {"user_id": twice, "context": context}, rng)
    fill(place, t.TRACK_FEATURES, {name: tracks[name].combine_chunks() for name in ("track_idx", "track_id")}, rng)
    fill(place, t.ARTIST_FEATURES, {"artist_id": pa.array(artists)}, rng)
    fill(place, t.TRACK_AUDIO, {"track_id": tracks["track_id"].combine_chunks()}, rng)


def fill(place: city.City, table: Any, given: dict[str, Any], rng: np.random.Generator) -> None:
    """Rows of a feature table: what is given, and numbers drawn for the rest, 100,000 rows at a time."""
    n = len(next(iter(given.values())))
    for start in range(0, n, 100_000):
        part = {name: values.slice(start, 100_000) for name, values in given.items()}
        size = len(next(iter(part.values())))
        columns = [part[c.name] if c.name in part else drawn(table, c, size, rng) for c in table.columns]
        place.warehouse.write_arrow(table, pa.table(columns, schema=arrow_schema(table)), "" if start else "true")


def drawn(table: Any, column: Any, n: int, rng: np.random.Generator) -> Any:
    """A column of drawn values."""
    if column.type == "date":
        return pa.repeat(pa.scalar(city.RUN_DATE, pa.date32()), n)
    if column.name in ("context_shares", "track_context_shares"):
        return vectors(np.tile(np.array(SHARES, np.float32), (n, 1)))
    if (table.name, column.name) in WIDTHS:
        return vectors(rng.normal(size=(n, WIDTHS[table.name, column.name])).astype(np.float32) / 10)
    if column.name == "plays_by_country":
        return pa.array([[("DE", i % 50), ("FR", i % 20)] for i in range(n)], pa.map_(pa.string(), pa.int64()))
    if column.name == "moods":
        return pa.array([[("calm", 1.0)]] * n, pa.map_(pa.string(), pa.float64()))
    if column.name == "share":
        return pa.array(np.full(n, 0.3), pa.float32())
    if column.name == "tempo_bpm":
        return pa.array(60 + 100 * rng.random(n))
    numbers = {
        "int": rng.integers(0, 200, n), "bigint": rng.integers(0, 200, n), "float": rng.random(n), "double": rng.random(n),
        "boolean": np.ones(n, bool), "string": ["drawn"] * n,
    }  # fmt: skip
    nothing = column.nullable and column.type == "string" and column.name != "network"
    return pa.array(numbers[column.type]) if column.type in numbers and not nothing else pa.nulls(n)


def vectors(values: npt.NDArray[np.float32]) -> Any:
    """Rows as a list column."""
    return pa.FixedSizeListArray.from_arrays(values.reshape(-1), values.shape[1]).cast(pa.list_(pa.float32()))
