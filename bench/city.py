"""The simulated city as Delta tables for benchmarks: histories before a cut, and what was discovered in the week after.

All rows are simulated (models/world). The catalogue has 30,000 tracks; with four weeks before the cut a listener has heard
about as many tracks as in public listening logs, and 50,000 listeners make some four million pairs.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from conf import tables as t
from conf.pipeline import cut
from conf.settings import BuildHistories
from models.gather import gather
from models.plays import SKIP_REASONS, Plays, completion
from models.world.ids import track_ids, user_ids
from models.world.listening import Listens
from models.world.playback import REASONS
from models.world.sizes import SIZES, with_numbers
from models.world.world import World, build_world
from spark_jobs.intake.world_files.entities import artist_rows, follow_rows, tag_rows, track_rows, user_rows
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

WEEKS_BEFORE_CUT = 4
BUCKETS, FILES = 64, 2  # FILES is spark.sql.shuffle.partitions of conf/spark/local.conf
RUN_DATE = datetime(2026, 9, 7, tzinfo=UTC).date()
FIRST_COLUMNS = {"run_date": RUN_DATE, "bucket": 0, "simulated": True}


@dataclass(frozen=True)
class City:
    """Tables `histories`, `tracks`, `artists`, `users`, `feedback` of a warehouse, and the discoveries of the week after.

    `discovered` : int64 [n], listener * tracks + track, ascending; both are numbers of the world, which are also the
    number in the user_id and the track_idx.
    """

    warehouse: Warehouse
    listeners: int
    tracks: int
    interactions: int
    discovered: npt.NDArray[np.int64]


def build(folder: Path, listeners: int, seed: int = 11, tracks: int | None = None, told: bool = False) -> City:
    """Simulate a city of `listeners` and write its tables below `folder`; friends and tags only where `told`."""
    size = replace(with_numbers(SIZES["city"], listeners, audio=0), weeks=WEEKS_BEFORE_CUT + 1, bots=0, bot_days=0)
    if tracks is not None:
        size = replace(size, tracks=tracks, artists=max(tracks // 10, 140))
    world = build_world(size, seed)
    warehouse = Warehouse(folder)
    blocks = [_split(world, block) for block in world.listens()]
    histories = pa.concat_tables([before for before, _ in blocks])
    _write_histories(warehouse, histories)
    warehouse.write_arrow(t.TRACKS, _tracks(world), "true")
    beside = [(t.ARTISTS, artist_rows(world)), (t.USERS, user_rows(world)), (t.FEEDBACK, []), (t.SESSIONS, [])]
    beside += [(t.FOLLOWS, follow_rows(world)), (t.TAGS, tag_rows(world))] if told else [(t.FOLLOWS, []), (t.TAGS, [])]
    for table, rows in beside:
        warehouse.write_arrow(table, _table(table, list(rows)), "true")
    discovered = np.concatenate([found for _, found in blocks])
    return City(warehouse, size.listeners, size.tracks, _interactions(histories), discovered)


def shrink(place: City, listeners: int) -> City:
    """Forget the histories of all but the first `listeners`; everything else stays."""
    histories = place.warehouse.rows(t.HISTORIES).table()
    names = histories["user_id"].to_pylist()
    kept = histories.filter(pa.array([int(name[1:]) < listeners for name in names]))
    _write_histories(place.warehouse, kept)
    return replace(place, listeners=listeners, interactions=_interactions(kept))


def _interactions(histories: pa.Table) -> int:
    return int(pc.sum(pc.list_value_length(histories["track_idx"])).as_py() or 0)


def _write_histories(warehouse: Warehouse, histories: pa.Table) -> None:
    """Write `histories` as build_histories does: FILES files, listeners by bucket and in order of (bucket, user_id)."""
    bucket = np.array([zlib.crc32(name.encode()) % BUCKETS for name in histories["user_id"].to_pylist()], np.int32)
    histories = histories.set_column(
        histories.schema.get_field_index("bucket"), arrow_schema(t.HISTORIES).field("bucket"), [bucket]
    )
    histories = histories.sort_by([("bucket", "ascending"), ("user_id", "ascending")])
    for part in range(FILES):
        mine = histories.filter(pa.array(histories["bucket"].to_numpy() % FILES == part))
        warehouse.write_arrow(t.HISTORIES, mine, "" if part else "true")


def _split(world: World, block: Listens) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """(histories before the cut, pairs completed for the first time after it) of a block of listeners."""
    after = block.start_ms >= WEEKS_BEFORE_CUT * 7 * 86_400_000
    pair = block.listener.astype(np.int64) * world.size.tracks + block.track
    whole = completion(block.ms_played, world.catalogue.duration_ms[block.track]) >= 0.5
    discovered = np.setdiff1d(pair[after & whole], pair[~after])
    return _histories(world, block.take(~after)), discovered


def _histories(world: World, block: Listens) -> pa.Table:
    codes, listener = np.unique(block.listener, return_inverse=True)
    midnight = int(datetime.combine(cut(RUN_DATE), datetime.min.time(), UTC).timestamp() * 1_000_000)
    plays = Plays(
        listener=listener.astype(np.int64),
        track_idx=block.track,
        started_at=midnight + (block.start_ms - WEEKS_BEFORE_CUT * 7 * 86_400_000) * 1000,
        ms_played=block.ms_played,
        duration_ms=world.catalogue.duration_ms[block.track],
        button=np.isin(np.array(REASONS)[block.reason], SKIP_REASONS),
    )
    made = gather(plays, pa.array(user_ids(world.size.listeners)[codes].tolist()), BuildHistories())
    log, offsets = made.histories, pa.array(made.histories.indptr.astype(np.int32))
    columns: dict[str, Any] = {name: [value] * len(log) for name, value in FIRST_COLUMNS.items()}
    columns |= {"user_id": log.user_ids, "listens": made.listens}
    columns["last_listen_at"] = pa.array(made.last_listen_at, pa.timestamp("us", tz="UTC"))
    for name in ("track_idx", "plays", "completions", "skips", "last_day", "weight"):
        columns[name] = pa.ListArray.from_arrays(offsets, getattr(log, name))
    return pa.table([pa.array(columns[f.name], f.type) for f in arrow_schema(t.HISTORIES)], arrow_schema(t.HISTORIES))


def _tracks(world: World) -> pa.Table:
    """The catalogue, each track numbered as in the world."""
    rows = list(track_rows(world, {}))
    number = {track_id: i for i, track_id in enumerate(track_ids(world.size.tracks).tolist())}
    dated = [row | {"track_idx": number[row["track_id"]], "release_date": _day(row["release_date"])} for row in rows]
    return _table(t.TRACKS, [row | {"blocked": bool(row["blocked"])} for row in dated])


def _day(text: str) -> Any:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()


def _table(table: Any, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows under a contract; columns that the world does not know are null, `simulated` is true."""
    schema = arrow_schema(table)
    blank = dict.fromkeys(schema.names) | {"simulated": True}
    return pa.Table.from_pylist([blank | row for row in rows], schema)
