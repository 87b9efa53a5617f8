"""Intake of listens against plain Spark that reads the same JSON lines with a schema and writes the same rows to Delta.

Ours hashes, checks types, finds duplicates by id and by listener, track and start, adds up days, counts, and writes
quarantine and ledger as well; the rival does none of that, so a ratio near one half is a good one. Warm session, both
into fresh Delta tables, in turns; medians of three.

    python bench/intake.py [--listens 1000000]          -> bench/results/intake.json
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from conf.settings import IngestListens, Spark
from conf.tables import LANDING_FILES, LISTENS, QUARANTINE
from spark_jobs import session
from spark_jobs.contract import Run
from spark_jobs.intake.ingest_listens import transform
from spark_jobs.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parent.parent
LAST_DAY = date(2026, 9, 5)
DAYS, TRACK_COUNT, TURNS = 28, 6000, 3
LANDING_SCHEMA = (
    "listen_id string, user_id string, track_id string, started_at timestamp, ms_played bigint, device string,"
    " platform string, playlist_context string, reason_end string, simulated boolean"
)


def write_log(landing: Path, listens: int) -> None:
    """One file a day of clean plays: no listener starts a track twice within ten seconds or plays more than a day."""
    rng = np.random.default_rng(7)
    first = int(datetime(2026, 8, 9, tzinfo=UTC).timestamp())
    (landing / "listens").mkdir(parents=True)
    per_day, listeners = listens // DAYS, max(1, listens // 500)
    for day in range(DAYS):
        starts = np.sort(rng.integers(0, 86_400, per_day)) + first + day * 86_400
        users, heard = np.arange(per_day) % listeners, rng.integers(0, 240_000, per_day)
        rows = zip(starts.tolist(), users.tolist(), heard.tolist(), rng.integers(0, TRACK_COUNT, per_day).tolist(), strict=True)
        lines = [
            orjson.dumps(
                {
                    "listen_id": f"listen-{day:02d}-{number:08d}",
                    "user_id": f"listener-{user:07d}",
                    "track_id": f"track-{track:07d}",
                    "started_at": datetime.fromtimestamp(start, UTC).isoformat(),
                    "ms_played": ms,
                    "device": "phone",
                    "platform": "android",
                    "playlist_context": "own_playlist",
                    "reason_end": "trackdone",
                    "simulated": True,
                }
            )
            for number, (start, user, ms, track) in enumerate(rows)
        ]
        (landing / "listens" / f"{day:02d}.jsonl").write_bytes(b"\n".join(lines))


def ours(spark: SparkSession, landing: Path, folder: Path) -> int:
    """Our whole job; returns listens written."""
    warehouse = Warehouse(folder)
    tracks = spark.createDataFrame([(f"track-{n:07d}", n) for n in range(TRACK_COUNT)], "track_id string, track_idx int")
    frames = {t.name: warehouse.frame(spark, t) for t in (LANDING_FILES, LISTENS, QUARANTINE)}
    run = Run(run_date=LAST_DAY, cut=LAST_DAY, landing=landing, warehouse=folder)
    outputs = transform(**frames, tracks=tracks, params=IngestListens(), run=run)
    warehouse.write_frame(QUARANTINE, outputs["quarantine"].data, outputs["quarantine"].replace)
    written = warehouse.write_frame(LISTENS, outputs["listens"].data, outputs["listens"].replace)
    warehouse.write_arrow(LANDING_FILES, outputs["landing_files"].data, outputs["landing_files"].replace)
    spark.catalog.clearCache()
    return written


def plain(spark: SparkSession, landing: Path, folder: Path) -> int:
    """Spark's JSON reader and a write by date, one file a date like ours."""
    rows = spark.read.schema(LANDING_SCHEMA).json(str(landing / "listens"))
    dated = rows.selectExpr("*", "to_date(started_at) AS started_date", "_metadata.file_path AS file_id")
    dated.repartition("started_date").write.format("delta").partitionBy("started_date").save(str(folder / "plain"))
    return spark.read.format("delta").load(str(folder / "plain")).count()


def seconds(side: Callable[[SparkSession, Path, Path], int], spark: SparkSession, landing: Path, expected: int) -> float:
    folder = Path(tempfile.mkdtemp(prefix="bench-intake-"))
    try:
        begin = time.perf_counter()
        written = side(spark, landing, folder)
        took = time.perf_counter() - begin
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if written != expected:
        raise SystemExit(f"{side.__name__} wrote {written} listens, {expected} were landed")
    return took


def measure(listens: int) -> dict[str, object]:
    landing = Path(tempfile.mkdtemp(prefix="bench-landing-"))
    expected = listens // DAYS * DAYS
    spark = session.get(Spark(cores=2))
    try:
        write_log(landing, listens)
        sides = {"ours": ours, "plain_spark": plain}
        for side in sides.values():  # the first turn warms the session
            seconds(side, spark, landing, expected)
        taken = {name: [] for name in sides}
        for _ in range(TURNS):
            for name, side in sides.items():
                taken[name].append(seconds(side, spark, landing, expected))
    finally:
        spark.stop()
        shutil.rmtree(landing)
    per_second = {name: round(expected / statistics.median(times)) for name, times in taken.items()}
    spread = {f"{name}_seconds": [round(t, 2) for t in times] for name, times in taken.items()}
    return {
        "bench": "intake",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "cores": os.cpu_count(),
        "rows": [{"listens": expected, **per_second, **spread}],
        "ratios": {"plain_spark": round(per_second["ours"] / per_second["plain_spark"], 2)},
    }


def commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return asked.stdout.strip() or "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listens", type=int, default=1_000_000)
    result = measure(parser.parse_args().listens)
    (ROOT / "bench" / "results" / "intake.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
