"""Exact top-k of 50k users x 30k items against the bare product, implicit's `recommend` and Spark's `recommendForAllUsers`.

All get the same factors, but Spark: it gets an ALS model of the same size, fitted for one iteration on random pairs.
Factors are normally distributed, where no norm tells anything, or trained (iALS on the simulated city, bench/city.py), as a
factory's are: cells of the latter begin with `trained`. Ours and implicit leave out what a user has heard, 84 random items or
the city's histories; Spark cannot. The product is numpy's matmul of the same matrices, its
scores thrown away, in the fastest of several shapes on all cores. implicit runs with its own threads on all cores, in
batches of 1,000 and all at once, BLAS on one thread as its documentation asks; `implicit_blas_as_it_comes` is without that.
These run in turns, and the shortest counts, as a busy machine only ever adds to it. Spark runs once, warmed up by the fit;
its seconds are those of its processes' CPU over the cores, which a busy machine hardly adds to: they are never more than
its wall time on a quiet one. Ours are compared with a full sort in float64.

Which of OpenBLAS' kernels ran is in the result: OPENBLAS_CORETYPE may ask for others than the processor's best.

    python bench/topk.py                  -> bench/results/topk.json (a quarter of an hour on two cores)
    python bench/topk.py --spark d64_k100 -> the same with Spark in this cell alone
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import city
import numpy as np
import record
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

from conf import tables as t
from conf.settings import Spark
from conf.trainers import TrainMf
from models import cores
from models.fold_in import fold_in
from models.histories import COLUMNS, Histories
from models.sources.base import Catalogue
from models.sources.mf import MatrixFactorization
from models.topk import Exclusions, ItemIndex, top_k

USERS, ITEMS, HEARD = 50_000, 30_000, 84
CELLS = [(64, 100), (128, 100), (64, 500), (128, 500)]
EPOCHS = 8
TURNS = 3
CHECKED = 1000  # users whose lists are compared with a full sort
# (users, items) of a product; None: BLAS shares one large product among the cores, else each core multiplies its own tiles.
SHAPES = [(256, 512), (512, 512), (1024, 512), (4096, None)]
SPARK_SECONDS = 600


@dataclass(frozen=True)
class Factors:
    """Users, items, and what each user has heard (CSR, ascending)."""

    users: Any
    items: Any
    heard: Any

    @classmethod
    def random(cls, d: int) -> Self:
        """Normally distributed."""
        rng = np.random.default_rng(d)
        users, items = (rng.standard_normal((n, d), dtype=np.float32) for n in (USERS, ITEMS))
        ids = np.sort(rng.integers(0, ITEMS, (USERS, HEARD)), axis=1).astype(np.int32)
        indptr = np.arange(USERS + 1) * HEARD
        return cls(users, items, sparse.csr_matrix((np.ones(ids.size, np.float32), ids.ravel(), indptr), (USERS, ITEMS)))

    @classmethod
    def trained(cls, histories: Histories, d: int) -> Self:
        """Factors of iALS and of the listeners folded in; what was heard is left out."""
        source = MatrixFactorization.fit(histories, Catalogue.of_size(ITEMS), TrainMf(dimensions=d, epochs=EPOCHS))
        heard = sparse.csr_matrix(
            (np.ones(len(histories.track_idx), np.float32), histories.track_idx, histories.indptr), (len(histories), ITEMS)
        )
        return cls(fold_in(histories, source.items, cores.usable()), source.items.factors, heard)


def product(factors: Factors, users: int, items: int | None) -> None:
    """Every score once, none kept."""
    tiles = [np.ascontiguousarray(factors.items[at : at + (items or ITEMS)]) for at in range(0, ITEMS, items or ITEMS)]

    def work(start: int) -> None:
        block = factors.users[start : start + users]
        for tile in tiles:
            np.matmul(block, tile.T, out=scores(len(block), len(tile)))

    kept = threading.local()

    def scores(rows: int, columns: int) -> Any:
        if getattr(kept, "scores", np.empty((0, 0))).shape != (rows, columns):
            kept.scores = np.empty((rows, columns), np.float32)
        return kept.scores

    alone = items is None
    with threadpool_limits(cores.usable() if alone else 1), ThreadPoolExecutor(1 if alone else cores.usable()) as pool:
        list(pool.map(work, range(0, len(factors.users), users)))


def ours(factors: Factors, k: int) -> tuple[Any, Any]:
    index = ItemIndex.build(factors.items, np.arange(ITEMS, dtype=np.int32), np.ones(ITEMS, bool))
    exclude = Exclusions(factors.heard.indptr.astype(np.int64), factors.heard.indices)
    return top_k(factors.users, index, k, exclude, cores.usable())


def implicit(factors: Factors, k: int, batch: int, blas_threads: int | None) -> None:
    """Its own threads on all cores."""
    model = AlternatingLeastSquares(factors=factors.users.shape[1], num_threads=0)
    model.user_factors, model.item_factors = factors.users, factors.items
    with threadpool_limits(blas_threads, "blas"):
        for start in range(0, len(factors.users), batch):
            rows = np.arange(start, min(start + batch, len(factors.users)))
            model.recommend(rows, factors.heard[rows], N=k, filter_already_liked_items=True)


def shortest(contenders: dict[str, Callable[[], Any]]) -> dict[str, tuple[float, float]]:
    """Fewest (wall seconds, CPU seconds) of each in TURNS turns."""
    best = dict.fromkeys(contenders, (np.inf, np.inf))
    for _ in range(TURNS):
        for name, contender in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            contender()
            took = time.perf_counter() - wall, time.process_time() - cpu
            best[name] = min(best[name][0], took[0]), min(best[name][1], took[1])
    return best


def wrong(factors: Factors, k: int) -> int:
    """Items in ours that are not in the full sort, or the other way, and are further than 1e-5 from the k-th score."""
    ids, _ = ours(factors, k)
    count = 0
    for user in range(CHECKED):
        scores = factors.items.astype(np.float64) @ factors.users[user].astype(np.float64)
        scores[factors.heard[user].indices] = -np.inf
        best = np.argpartition(-scores, k - 1)[:k]
        apart = np.setxor1d(ids[user], best)
        count += int(np.sum(np.abs(scores[apart] - scores[best].min()) > 1e-5))
    return count


def measure(factors: Factors, k: int) -> dict[str, Any]:
    """One cell, without Spark."""
    d = factors.items.shape[1]
    ours(replace(factors, users=factors.users[:1000], heard=factors.heard[:1000]), k)  # compiles
    contenders: dict[str, Callable[[], Any]] = {"ours": lambda: ours(factors, k)}
    for users, items in SHAPES:
        contenders[f"sgemm {users} x {items or ITEMS}"] = lambda users=users, items=items: product(factors, users, items)
    for batch in (1000, len(factors.users)):
        contenders[f"implicit {batch}"] = lambda batch=batch: implicit(factors, k, batch, 1)
    contenders["blas_as_it_comes"] = lambda: implicit(factors, k, len(factors.users), None)
    took = shortest(contenders)
    row: dict[str, Any] = {"d": d, "k": k, "users": len(factors.users), "items": ITEMS, "not_equal": wrong(factors, k)}
    for rival in ("ours", "sgemm", "implicit"):
        name = min((name for name in took if name.startswith(rival)), key=lambda name: took[name][0])
        row |= {f"{rival}_seconds": round(took[name][0], 3), f"{rival}_cpu_seconds": round(took[name][1], 3)}
        if name != rival:
            row[f"{rival}_shape"] = name.removeprefix(rival).strip()
    return row | {"implicit_blas_as_it_comes_seconds": round(took["blas_as_it_comes"][0], 3)}


def trained_rows() -> dict[tuple[int, int], dict[str, Any]]:
    """All cells with factors trained on the simulated city; Spark's work is the same whatever the factors are."""
    with tempfile.TemporaryDirectory() as folder:
        place = city.build(Path(folder), USERS, tracks=ITEMS)
        histories = Histories.from_arrow(place.warehouse.rows(t.HISTORIES).table(columns=COLUMNS))
    factors = {d: Factors.trained(histories, d) for d in sorted({d for d, _ in CELLS})}
    return {(d, k): measure(factors[d], k) for d, k in CELLS}


def spark_rows(wanted: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
    """What recommendForAllUsers took in each wanted cell, or why there is nothing."""
    from pyspark.ml.recommendation import ALS

    from spark_jobs import session

    spark = session.get(Spark(cores=cores.usable(), driver_memory="6g"))
    for d in sorted({d for d, _ in wanted}):
        model = ALS(rank=d, maxIter=1, userCol="u", itemCol="i", ratingCol="r", implicitPrefs=True, seed=1).fit(pairs(spark))
        for k in sorted(k for of, k in wanted if of == d):
            limit = threading.Timer(SPARK_SECONDS, spark.sparkContext.cancelAllJobs)
            limit.start()
            wall, cpu = time.perf_counter(), record.cpu_seconds_below()
            failed: dict[str, Any] = {}
            try:
                model.recommendForAllUsers(k).write.format("noop").mode("overwrite").save()
            except Exception as error:  # out of memory or out of time: the cell says so, its seconds are a lower bound
                failed = {"spark_failed": type(error).__name__}
            finally:
                limit.cancel()
            took = (record.cpu_seconds_below() - cpu) / cores.usable()
            elapsed = time.perf_counter() - wall
            yield (d, k), {"spark_seconds": round(took, 1), "spark_wall_seconds": round(elapsed, 1), **failed}
    spark.stop()


def pairs(spark: Any) -> Any:
    """Four random pairs for each user, among them every item."""
    import pandas as pd

    rng = np.random.default_rng(0)
    users = np.tile(np.arange(USERS), 4)
    items = np.concatenate([np.arange(ITEMS), rng.integers(0, ITEMS, len(users) - ITEMS)])
    return spark.createDataFrame(pd.DataFrame({"u": users, "i": items, "r": np.ones(len(users))}))


def name_of(cell: tuple[int, int]) -> str:
    return "d{}_k{}".format(*cell)


def ratios(row: dict[str, Any]) -> dict[str, float]:
    """Of one cell: ours over the product, rivals over ours."""
    took = row["ours_seconds"]
    ratio = {"sgemm": took / row["sgemm_seconds"], "implicit": row["implicit_seconds"] / took}
    ratio["implicit_blas_as_it_comes"] = row["implicit_blas_as_it_comes_seconds"] / took
    ratio |= {"spark": row["spark_seconds"] / took} if "spark_seconds" in row else {}
    return {name: round(value, 2) for name, value in ratio.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [name_of(cell) for cell in CELLS]
    arguments.add_argument("--spark", nargs="*", choices=names, default=names, help="cells in which Spark runs; none: nowhere")
    given = arguments.parse_args()
    warnings.filterwarnings("ignore", message="OpenBLAS is configured to use")
    rows = {cell: measure(Factors.random(cell[0]), cell[1]) for cell in CELLS}
    trained = trained_rows()
    wanted = [cell for cell in CELLS if name_of(cell) in given.spark]
    print("Spark's turn", file=sys.stderr, flush=True)
    for cell, found in spark_rows(wanted) if wanted else ():
        rows[cell] |= found
        trained[cell] |= found
    blas = sorted({str(library.get("architecture")) for library in threadpool_info() if library["user_api"] == "blas"})
    named = {name_of(cell): row for cell, row in rows.items()} | {
        f"trained_{name_of(cell)}": row for cell, row in trained.items()
    }
    record.write(
        "topk", [{"cell": name} | row for name, row in named.items()], {n: ratios(row) for n, row in named.items()}, blas=blas
    )


if __name__ == "__main__":
    main()
