"""Matrix factorization of the simulated city's histories: ours against irspack alone, implicit and MLlib.

All train on the same pairs (bench/city.py, simulated; four million of positive weight) with 64 dimensions for 10 epochs.
Ours and irspack minimise the same objective with the same settings; its value for both is in the rows, measured alike.
irspack runs with one thread too, as only then it gives the same bytes again. All three run in turns, and the shortest of
three counts. MLlib runs once, after a warm-up of one epoch on a tenth of the pairs; its seconds are those of its processes'
CPU over the cores, which are never more than its wall time on a quiet machine.

    python bench/train.py             -> bench/results/train.json (ten minutes on two cores)
    python bench/train.py --no-mllib  -> the same without MLlib
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import city
import numpy as np
import numpy.typing as npt
import record
from scipy import sparse
from threadpoolctl import threadpool_limits

from conf import tables as t
from conf.settings import Spark
from conf.trainers import TrainMf
from models import cores
from models.histories import Histories
from models.inputs import input_matrix
from models.sources import mf

LISTENERS, TRACKS = 80_000, 30_000
PARAMS = TrainMf(dimensions=64, epochs=10)
TURNS = 3

Factors = npt.NDArray[np.float32]


def histories(folder: Path) -> Histories:
    """The simulated city's."""
    place = city.build(folder, LISTENERS, tracks=TRACKS)
    return Histories.from_arrow(place.warehouse.rows(t.HISTORIES).table())


def confidence(log: Histories) -> Any:
    return input_matrix(log, TRACKS, PARAMS.inputs) * np.float32(PARAMS.weight_scale)


def ours(log: Histories) -> Factors:
    return mf.train(log, TRACKS, PARAMS)


def irspack(log: Histories, threads: int) -> Factors:
    from irspack import IALSRecommender

    model = IALSRecommender(
        sparse.csr_matrix(confidence(log)), n_components=PARAMS.dimensions, alpha0=PARAMS.alpha0, reg=PARAMS.reg,
        nu=PARAMS.nu, solver_type="CG", n_threads=threads, random_seed=PARAMS.seed,
    )  # fmt: skip
    model.start_learning()
    for _ in range(PARAMS.epochs):
        model.run_epoch()
    return np.asarray(model.get_item_embedding(), np.float32)


def implicit(log: Histories) -> None:
    """Its own threads on all cores, BLAS on one thread as its documentation asks."""
    from implicit.cpu.als import AlternatingLeastSquares

    scale = 1.0 / PARAMS.alpha0
    model = AlternatingLeastSquares(PARAMS.dimensions, alpha=scale, iterations=PARAMS.epochs, num_threads=0, random_state=7)
    with threadpool_limits(1, "blas"):
        model.fit(sparse.csr_matrix(confidence(log)), show_progress=False)


def mllib(log: Histories) -> dict[str, float]:
    """CPU seconds over the cores, and wall seconds."""
    import pyarrow as pa
    from pyspark.ml.recommendation import ALS

    from spark_jobs import session

    spark = session.get(Spark(cores=cores.usable(), driver_memory="6g"))
    pairs = confidence(log).tocoo()
    rows = pa.table({"u": pairs.coords[0], "i": pairs.coords[1], "r": pairs.data})
    als = {"rank": PARAMS.dimensions, "implicitPrefs": True, "alpha": 1.0 / PARAMS.alpha0, "regParam": PARAMS.reg, "seed": 7}
    columns = {"userCol": "u", "itemCol": "i", "ratingCol": "r"}
    ALS(maxIter=1, **als, **columns).fit(spark.createDataFrame(rows.slice(0, len(rows) // 10)))
    frame = spark.createDataFrame(rows).cache()
    frame.count()
    wall, cpu = time.perf_counter(), record.cpu_seconds_below()
    ALS(maxIter=PARAMS.epochs, **als, **columns).fit(frame)
    took = {
        "mllib_seconds": (record.cpu_seconds_below() - cpu) / cores.usable(),
        "mllib_wall_seconds": time.perf_counter() - wall,
    }
    spark.stop()
    return {name: round(seconds, 1) for name, seconds in took.items()}


def shortest(contenders: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Fewest wall seconds of each in TURNS turns."""
    best = dict.fromkeys(contenders, np.inf)
    for _ in range(TURNS):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            best[name] = min(best[name], time.perf_counter() - start)
    return {f"{name}_seconds": round(seconds, 2) for name, seconds in best.items()}


def objective(log: Histories, factors: Factors) -> float:
    return round(mf.objective(log, mf.item_side(factors, log, PARAMS), threads=cores.usable()), 4)


def measure(log: Histories, with_mllib: bool) -> dict[str, Any]:
    """The row."""
    few = log.rows(0, 500)
    ours(few), irspack(few, 1), implicit(few)  # compiles and imports
    print("turns begin", file=sys.stderr, flush=True)
    row = {"listeners": len(log), "tracks": TRACKS, "pairs": int(np.sum(log.weight > 0)), "simulated": True}
    contenders: dict[str, Callable[[], Any]] = {
        "ours": lambda: ours(log),
        "irspack": lambda: irspack(log, cores.usable()),
        "irspack_one_thread": lambda: irspack(log, 1),
        "implicit": lambda: implicit(log),
    }
    row |= shortest(contenders)
    print("turns end", file=sys.stderr, flush=True)
    factors = ours(log)
    row["same_bytes"] = ours(log).tobytes() == factors.tobytes()
    row |= {"objective": objective(log, factors), "irspack_objective": objective(log, irspack(log, cores.usable()))}
    return row | (mllib(log) if with_mllib else {})


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--no-mllib", action="store_true")
    with_mllib = not arguments.parse_args().no_mllib
    warnings.filterwarnings("ignore", message="OpenBLAS is configured to use")
    os.environ["TQDM_DISABLE"] = "1"
    with tempfile.TemporaryDirectory(prefix="bench-train-") as folder:
        row = measure(histories(Path(folder)), with_mllib)
    rivals = ("irspack", "irspack_one_thread", "implicit", "mllib")
    ratios = {name: round(row[f"{name}_seconds"] / row["ours_seconds"], 2) for name in rivals if f"{name}_seconds" in row}
    record.write("train", [row], ratios)


if __name__ == "__main__":
    main()
