"""Listens -> listens/DATE.parquet and listens/DATE.jsonl: one file per day (UTC) on which rows reached the server.

The newest seven days are JSON lines, so that broken lines can exist. Rows come block of listeners by block of listeners;
each day keeps its own buffer, so 20 M rows are never held or sorted at once. Within a row group (or a JSON file) rows
stand in order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.world import World
from models.world.dirt import TEXT_DAYS, Dirt, concatenate
from models.world.listening import Listens
from models.world.sessions import DAY_MS
from spark_jobs.intake.world_files.rows import SCHEMA, RowMaker, line, malformed_line, reason_names, spoil

ROW_GROUP = 65_536
GENUINE = -1


class DayFiles:
    """The listens folder while it is being written; use as a context manager."""

    def __init__(self, world: World, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._rows = RowMaker(world)
        self._names = [folder / (world.first_day + timedelta(days=day)).isoformat() for day in range(world.days)]
        self._text_from = max(0, world.days - TEXT_DAYS)
        self._buffers: list[list[Listens]] = [[] for _ in range(world.days)]
        self._writers: dict[int, pq.ParquetWriter] = {}
        self._planted: dict[int, Dirt] = {}

    def __enter__(self) -> DayFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._finish()
        for writer in self._writers.values():
            writer.close()

    def add(self, listens: Listens) -> None:
        """Put genuine listens into the buffers of their days of arrival."""
        for day, rows in _by_day(listens.arrival_ms):
            self._buffers[day].append(listens.take(rows))
            if day < self._text_from and sum(map(len, self._buffers[day])) >= ROW_GROUP:
                self._flush(day)

    def plant(self, dirt: Dirt) -> None:
        """Put dirt aside for its days of arrival; call once."""
        for day, rows in _by_day(dirt.rows.arrival_ms):
            self._planted[day] = Dirt(dirt.rows.take(rows), dirt.reason[rows], dirt.variant[rows])

    def _finish(self) -> None:
        for day in range(len(self._buffers)):
            if day >= self._text_from:
                self._write_text(day)
            else:
                self._flush(day)
                if day in self._planted:
                    self._writer(day).write_table(self._planted_table(self._planted[day]))

    def _writer(self, day: int) -> pq.ParquetWriter:
        if day not in self._writers:
            path = self._names[day].with_suffix(".parquet")
            # store_schema=False: readers see plain strings, not Arrow's dictionaries; ids are unique and gain none
            words: Any = [name for name in SCHEMA.names if pa.types.is_dictionary(SCHEMA.field(name).type)]
            self._writers[day] = pq.ParquetWriter(path, SCHEMA, compression="zstd", store_schema=False, use_dictionary=words)
        return self._writers[day]

    def _flush(self, day: int) -> None:
        if self._buffers[day]:
            rows = _by_arrival(concatenate(self._buffers[day]))
            self._buffers[day] = []
            self._writer(day).write_table(self._rows.table(rows), row_group_size=ROW_GROUP)

    def _planted_table(self, dirt: Dirt) -> pa.Table:
        rows = zip(self._rows.dictionaries(dirt.rows), reason_names(dirt.reason), dirt.variant.tolist(), strict=True)
        return pa.Table.from_pylist([spoil(*row) for row in rows], schema=SCHEMA)

    def _write_text(self, day: int) -> None:
        buffered = self._buffers[day]
        self._buffers[day] = []
        genuine = sum(map(len, buffered))
        dirt = self._planted.get(day)
        rows = concatenate(buffered + ([dirt.rows] if dirt else [])) if buffered or dirt else None
        if rows is None:
            return
        reason, variant = np.full(len(rows), GENUINE, np.int8), np.zeros(len(rows), np.int64)
        if dirt:
            reason[genuine:], variant[genuine:] = dirt.reason, dirt.variant
        order = np.argsort(rows.arrival_ms, kind="stable")
        lines = self._lines(rows.take(order), reason[order], variant[order])
        with self._names[day].with_suffix(".jsonl").open("wb") as file:
            while chunk := list(islice(lines, 10_000)):
                file.write(b"\n".join(chunk) + b"\n")

    def _lines(self, rows: Listens, reason: NDArray[np.int8], variant: NDArray[np.int64]) -> Iterator[bytes]:
        for row, why, way in zip(self._rows.dictionaries(rows), reason_names(reason), variant.tolist(), strict=True):
            text = line(spoil(row, why, way)) if why else line(row)
            yield malformed_line(text, way) if why == "malformed" else text


def _by_day(arrival_ms: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
    """Return (day, row numbers) for each day that occurs."""
    if not len(arrival_ms):
        return []
    day = (arrival_ms // DAY_MS).astype(np.int16)
    order = np.argsort(day, kind="stable")
    days, starts = np.unique(day[order], return_index=True)
    return list(zip(days.tolist(), np.split(order, starts[1:]), strict=True))


def _by_arrival(rows: Listens) -> Listens:
    return rows.take(np.argsort(rows.arrival_ms, kind="stable"))
