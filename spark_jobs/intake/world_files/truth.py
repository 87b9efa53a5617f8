"""World -> truth folder: every latent array as .npy, planted sessions as Parquet, dirt and parameters as JSON.

Only evaluation and tests may read it (`spark_jobs.evaluation.truth`). No pickle: all arrays load with allow_pickle=False.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from models.world import World, genres, modes, places
from models.world.ids import artist_ids, track_ids, user_ids
from models.world.listening import Listens
from spark_jobs.intake.world_files.rows import RowMaker

PARTS = ("catalogue", "trends", "listeners")
SESSIONS = "sessions.parquet"
DIRT = "dirt.json"
PARAMETERS = "parameters.json"
_SESSION_TYPES: dict[str, pa.DataType] = {
    "user_id": pa.string(),
    "started_at": pa.timestamp("ms", tz="UTC"),
    "mode": pa.string(),
}
_SESSION_SCHEMA = pa.schema(_SESSION_TYPES)


def save_world(world: World, folder: Path) -> None:
    """Write the latent arrays as PART.FIELD.npy, the ids of their rows, and the parameters."""
    folder.mkdir(parents=True)
    for part in PARTS:
        columns = getattr(world, part)
        for field in fields(columns):
            np.save(folder / f"{part}.{field.name}.npy", getattr(columns, field.name), allow_pickle=False)
    np.save(folder / "user_ids.npy", user_ids(world.size.listeners), allow_pickle=False)
    np.save(folder / "track_ids.npy", track_ids(world.size.tracks), allow_pickle=False)
    np.save(folder / "artist_ids.npy", artist_ids(world.size.artists), allow_pickle=False)
    save_json(folder / PARAMETERS, parameters(world))


def parameters(world: World) -> dict[str, object]:
    """Return what is needed to make the world again, and the words behind its codes."""
    return {
        "simulated": True,
        "seed": world.seed,
        "until": world.until.isoformat(),
        "first_day": world.first_day.isoformat(),
        "size": asdict(world.size),
        "genres": list(genres.NAMES),
        "modes": list(modes.NAMES),
        "timezones": [place.timezone for place in places.PLACES],
        "countries": list(places.COUNTRIES),
    }


def save_json(path: Path, content: object) -> None:
    """Write indented JSON with sorted keys, so that the same content gives the same bytes."""
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")


class SessionTruth:
    """Writer of the planted sessions: one row (user_id, started_at, mode) per session; use as a context manager."""

    def __init__(self, world: World, folder: Path, maker: RowMaker) -> None:
        self._maker, self._users = maker, user_ids(world.size.listeners)
        self._writer = pq.ParquetWriter(folder / SESSIONS, _SESSION_SCHEMA, compression="zstd", store_schema=False)

    def __enter__(self) -> SessionTruth:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._writer.close()

    def add(self, block: Listens) -> None:
        """Append the sessions of a block; the first row of each is its start."""
        first = np.flatnonzero(np.diff(block.session, prepend=-1))
        columns = [
            pa.array(self._users[block.listener[first]].tolist(), pa.string()),
            pa.array(self._maker.instants(block.start_ms[first])).cast(_SESSION_SCHEMA.field("started_at").type),
            pa.array(np.array(modes.NAMES)[block.mode[first]].tolist(), pa.string()),
        ]
        self._writer.write_table(pa.table(columns, schema=_SESSION_SCHEMA))
