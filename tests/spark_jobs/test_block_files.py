"""Files that workers write are whole, described as they are, and refused where they break the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from conf import tables as t
from conf.contract import Table
from conf.errors import ContractError
from spark_jobs.block_files import BlockWriter
from spark_jobs.contract import Blocks
from spark_jobs.schema import arrow_schema
from spark_jobs.warehouse import Warehouse

MONDAY, NEXT_MONDAY = date(2026, 9, 7), date(2026, 9, 14)


def proposals(*who: tuple[str, str], monday: date = MONDAY) -> pa.RecordBatch:
    lists = {"track_idx": [1, 2], "score": [0.5, 0.25], "because": [3, -1]}
    rows = [{"run_date": monday, "user_id": user, "source": source} | lists for user, source in who]
    return pa.RecordBatch.from_pylist(rows, schema=arrow_schema(t.CANDIDATES))


def written(
    folder: Path, *blocks: pa.RecordBatch, table: Table = t.CANDIDATES, apart: str | None = None
) -> list[dict[str, Any]]:
    writer = BlockWriter(table, str(folder), iter, apart)
    return [row for batch in writer.files(iter(blocks)) for row in batch.to_pylist()]


def test_a_file_holds_its_rows_without_the_partition(tmp_path: Path) -> None:
    blocks = proposals(("b", "mf"), ("a", "mf")), proposals(("c", "popularity"))
    (described,) = written(tmp_path, *blocks)
    assert described["path"].startswith("run_date=2026-09-07/part-")
    assert json.loads(described["partition"]) == {"run_date": "2026-09-07"}
    place = tmp_path / described["path"]
    assert (described["rows"], described["bytes"]) == (3, place.stat().st_size)
    assert pq.ParquetFile(place).read().equals(pa.Table.from_batches(blocks).drop_columns("run_date"))
    stats = json.loads(described["stats"])
    assert stats["numRecords"] == 3
    assert stats["minValues"] == {"user_id": "a", "source": "mf"}
    assert stats["maxValues"] == {"user_id": "c", "source": "popularity"}
    assert stats["nullCount"] == {"user_id": 0, "source": 0}


class Frame:
    """What the warehouse asks of a DataFrame, without Spark."""

    def __init__(self, *blocks: pa.RecordBatch) -> None:
        self.blocks = blocks

    def mapInArrow(self, work: Any, ddl: str) -> Frame:
        return Frame(*work(iter(self.blocks)))

    def collect(self) -> list[Any]:
        return [SimpleNamespace(**row) for block in self.blocks for row in block.to_pylist()]


def test_a_reader_finds_rows_by_any_column(tmp_path: Path) -> None:
    """A log that knew the ends of the key alone made readers skip every file as soon as they asked for another column."""
    rows = [
        {"run_date": MONDAY, "bucket": 1, "user_id": user, "plays_7d": plays, "skip_rate": rate, "simulated": False}
        for user, plays, rate in (("a", 3, 0.5), ("b", 9, None), ("c", None, float("inf")))
    ]
    block = pa.RecordBatch.from_pylist(rows, schema=arrow_schema(t.LISTENER_FEATURES))
    warehouse = Warehouse(tmp_path)
    warehouse.write_arrow(t.LISTENER_FEATURES, Blocks(Frame(block), iter), f"run_date = DATE '{MONDAY}'")  # type: ignore[arg-type]
    found = warehouse.rows(t.LISTENER_FEATURES).dataset()
    asked = {
        "many plays": (pc.field("plays_7d") > 3, 1),
        "plays unknown": (pc.field("plays_7d").is_null(), 1),
        "rate unknown": (pc.field("skip_rate").is_null(), 1),
        "rate": (pc.field("skip_rate") >= 0.5, 2),
        "nothing is known": (pc.field("plays_1d").is_null(), 3),
        "bucket": (pc.field("bucket") == 1, 3),
        "another bucket": (pc.field("bucket") == 2, 0),
    }
    assert {name: found.count_rows(filter=where) for name, (where, _) in asked.items()} == {
        name: wanted for name, (_, wanted) in asked.items()
    }


def test_partitions_and_what_stands_apart_get_files_of_their_own(tmp_path: Path) -> None:
    mixed = proposals(("a", "mf"), ("b", "popularity"), ("c", "mf")), proposals(("a", "mf"), monday=NEXT_MONDAY)
    rows = written(tmp_path, *mixed, apart="source")
    users = [tuple(pq.ParquetFile(tmp_path / row["path"]).read()["user_id"].to_pylist()) for row in rows]
    mondays = [json.loads(row["partition"])["run_date"] for row in rows]
    expected = {(str(MONDAY), ("a", "c")), (str(MONDAY), ("b",)), (str(NEXT_MONDAY), ("a",))}
    assert set(zip(mondays, users, strict=True)) == expected


def test_no_rows_no_file(tmp_path: Path) -> None:
    assert written(tmp_path) == written(tmp_path, proposals()) == []
    assert not list(tmp_path.iterdir())


def test_blocks_that_break_the_contract_are_refused(tmp_path: Path) -> None:
    block = proposals(("a", "mf"))
    nobody = block.set_column(1, arrow_schema(t.CANDIDATES).field("user_id"), pa.array([None], pa.string()))
    with pytest.raises(ContractError, match="1 rows have no user_id"):
        written(tmp_path, nobody)
    with pytest.raises(ContractError, match="the contract says"):
        written(tmp_path, block.drop_columns("score"))
    few = replace(t.CANDIDATES, checks={"two": "len(because) = 2", "known": "source <> 'mf'"})
    with pytest.raises(ContractError, match=r"1 rows break check known"):
        written(tmp_path, block, table=few)
    with pytest.raises(ContractError, match="cannot name a folder"):
        written(tmp_path, proposals(("a", "../mf")), table=replace(t.CANDIDATES, partition=("source",)))


@pytest.mark.spark
def test_a_commit_replaces_its_own_monday_alone(tmp_path: Path, spark: Any) -> None:
    warehouse = Warehouse(tmp_path)

    def make(monday: date, source: str) -> Any:
        def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                yield proposals(*((user, source) for user in batch.column("user_id").to_pylist()), monday=monday)

        return rows

    listeners = spark.createDataFrame([("a",), ("b",), ("c",)], "user_id string").repartition(2)

    def write(monday: date, source: str, frame: Any = listeners) -> int:
        replaced = f"run_date = DATE '{monday}'"
        return warehouse.write_arrow(t.CANDIDATES, Blocks(frame, make(monday, source), apart="source"), replaced)

    def held() -> set[tuple[date, str, str]]:
        by_delta_rs = warehouse.rows(t.CANDIDATES).table().select(["run_date", "user_id", "source"]).to_pylist()
        by_spark = warehouse.frame(spark, t.CANDIDATES).select("run_date", "user_id", "source").collect()
        found = {tuple(row.values()) for row in by_delta_rs}
        assert found == {tuple(row) for row in by_spark}
        return found

    assert write(MONDAY, "mf") == write(NEXT_MONDAY, "mf") == write(MONDAY, "popularity") == 3
    assert held() == {(m, u, s) for m, s in ((MONDAY, "popularity"), (NEXT_MONDAY, "mf")) for u in "abc"}
    assert warehouse.state(t.CANDIDATES).rows == 6
    assert write(MONDAY, "mf", listeners.where("false")) == 0  # nobody this time: the Monday is empty
    assert held() == {(NEXT_MONDAY, u, "mf") for u in "abc"}
