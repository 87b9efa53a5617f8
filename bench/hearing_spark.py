"""Hearing under Spark against a plain loop, two workers against one: the parts `spark` and `workers` of bench/hearing.py."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from typing import Any, TypeVar

import pyarrow as pa
import record
from memory import family

from conf.ears import ExtractAudio
from conf.settings import Spark
from models.cores import one_blas_thread
from spark_jobs.artefacts import ArtefactRef
from spark_jobs.features.audio_rows import HEARING, Listener
from spark_jobs.hearing.network import network_of

T = TypeVar("T")
SONGS = 12
FILE = "track_id string, path string, simulated boolean, file_id string, bytes bigint, modified_ns bigint"


def apart(work: Callable[..., T], *given: Any) -> T:
    """What `work` gives in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def listener(ref: ArtefactRef, folder: str, params: ExtractAudio) -> Listener:
    return Listener(folder, date(2000, 1, 1), params, network_of(ref, params.precision))


def rows(count: int) -> list[dict[str, Any]]:
    """Files as extract_audio's first look gives them, the same SONGS over and over."""
    unknown = dict.fromkeys(("file_id", "bytes", "modified_ns"))
    return [{"track_id": f"t{n}", "path": f"simulated_{n % SONGS}.mp3", "simulated": True, **unknown} for n in range(count)]


def plain_seconds(ref: ArtefactRef, folder: str, files: int, params: ExtractAudio) -> dict[str, float]:
    """Wall and CPU seconds of a plain loop, the decoder's included; one file before it counts."""
    hears = listener(ref, folder, params)
    with one_blas_thread():
        list(hears.rows(iter([pa.RecordBatch.from_pylist(rows(1))])))
        wall, cpu = time.perf_counter(), _own_cpu_seconds()
        found = pa.Table.from_batches(hears.rows(iter([pa.RecordBatch.from_pylist(rows(files))])))
        took = {"plain_wall_seconds": time.perf_counter() - wall, "plain_cpu_seconds": _own_cpu_seconds() - cpu}
    assert found["reason"].null_count == files, "a file that is refused costs next to nothing"
    return took


def _own_cpu_seconds() -> float:
    """Of this process, its children that ended, and those that live: the decoder is kept from task to task."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) + _cpu_seconds_below()


def spark_seconds(ref: ArtefactRef, folder: str, files: int, params: ExtractAudio, cores: int) -> dict[str, float]:
    """Wall and CPU seconds of a job on local[cores], of the JVM, the Python workers and their decoders, after a warm-up job."""
    from spark_jobs import session

    spark = session.get(Spark(cores=cores))
    hears = listener(ref, folder, params)

    def job(count: int, slices: int) -> None:
        table = spark.createDataFrame([tuple(row.values()) for row in rows(count)], FILE)
        heard = table.repartition(slices).mapInArrow(hears.rows, HEARING)
        assert heard.where("reason IS NULL").count() == count

    try:
        job(4 * cores, 2 * cores)
        wall, cpu = time.perf_counter(), _cpu_seconds_below()
        job(files, tasks(files, params))
        return {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": _cpu_seconds_below() - cpu}
    finally:
        spark.stop()


def _cpu_seconds_below() -> float:
    """CPU seconds so far of all processes below this one and of their children that ended: decoders end with their task."""
    return record.cpu_seconds(family(os.getpid())[1:])


def tasks(files: int, params: ExtractAudio) -> int:
    """As extract_audio cuts a commit."""
    return max(1, -(-files // params.files_per_task))


def spark(ref: ArtefactRef, folder: str, files: int, params: ExtractAudio) -> dict[str, Any]:
    plain = apart(plain_seconds, ref, folder, files, params)
    under = apart(spark_seconds, ref, folder, files, params, 1)
    seconds = {name: round(value, 2) for name, value in (under | plain).items()}
    added = {
        f"added_{kind}": round(under[f"{kind}_seconds"] / plain[f"plain_{kind}_seconds"] - 1, 3) for kind in ("cpu", "wall")
    }
    return {"files": files, "tasks": tasks(files, params), **seconds, **added}


def workers(ref: ArtefactRef, folder: str, files: int, params: ExtractAudio) -> dict[str, Any]:
    one, two = (apart(spark_seconds, ref, folder, files, params, cores)["wall_seconds"] for cores in (1, 2))
    walls = {"one_wall_seconds": round(one, 2), "two_wall_seconds": round(two, 2)}
    return {"files": files, "tasks": tasks(files, params), **walls, "speed_up": round(one / two, 2)}
