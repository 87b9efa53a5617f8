"""From histories to playlists in Delta: this line against the pipeline that a Spark user would write, and how it grows.

Both sides read the same simulated histories (bench/city.py) from Delta, in one warm session, with the same dimensions and
epochs; the rival (bench/naive_spark.py) runs the one of four settings whose lists are best. Times are medians of three, in
turns. Before each timed run the same side runs on the smaller city where the rival's setting was chosen: while one side
runs, Spark retires the other's Python workers and Java its code. Quality is NDCG@30 on what listeners discovered in the
seven days after the cut, over the full catalogue.

    python bench/week.py               -> bench/results/week.json (city, about twenty minutes on two quiet cores)
    python bench/week.py --repeats 1   -> the same without medians; the result says so
    python bench/week.py --quick       -> the same on a village, printed only

CPU seconds of all processes stand beside wall seconds: on a crowded machine only they can be compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import city
import naive_spark
import numpy as np
import numpy.typing as npt
import record
from line import Line, Stages, cpu_seconds

from conf import tables as t
from conf.settings import Settings, Spark
from conf.trainers import TrainMf
from models.metrics import ndcg_at_k
from spark_jobs import session

LENGTH = 30
# Runs at each size behind the growth: of seconds that differ by one, three runs' median errs by a third.
GROWTH_REPEATS = 9


@dataclass(frozen=True)
class Scale:
    """How much to measure."""

    listeners: int
    tracks: int
    dimensions: int
    epochs: int
    repeats: int
    choose_on: int
    steps: tuple[int, int, int, int]


CITY = Scale(50_000, 30_000, 64, 10, 3, 10_000, (5_000, 10_000, 20_000, 40_000))
VILLAGE = Scale(2_000, 3_000, 16, 4, 1, 1_000, (500, 1_000, 2_000, 4_000))


def line(place: city.City, spark: Any, scale: Scale, sampled: bool = False) -> Stages:
    """Run the four jobs of this line: `mf` and the fallback are the only sources, asked for as much as the rival is."""
    settings, jobs = Settings(), Line(place, spark, sampled)
    asked = settings.generate_candidates.model_copy(update={"sources": ("mf",), "per_source": naive_spark.ASKED})
    jobs.train("train_mf", TrainMf(dimensions=scale.dimensions, epochs=scale.epochs))
    jobs.train("train_popularity", settings.train_popularity)
    jobs.transform("generate_candidates", asked)
    jobs.transform("build_discover_weekly", settings.build_discover_weekly)
    return jobs.stages


def rival(place: city.City, spark: Any, scale: Scale, setting: naive_spark.Setting) -> tuple[float, float]:
    """Seconds and CPU seconds of the naive pipeline; its lists lie in RIVAL below the warehouse."""
    start, burnt = time.perf_counter(), cpu_seconds()
    naive_spark.week(
        place.warehouse.frame(spark, t.HISTORIES), place.warehouse.frame(spark, t.TRACKS), setting,
        dimensions=scale.dimensions, epochs=scale.epochs, out=place.warehouse.root / "rival",
    )  # fmt: skip
    return time.perf_counter() - start, cpu_seconds() - burnt


def line_ndcg(place: city.City) -> float:
    """NDCG@30 of the lists in `playlists`."""
    lists = place.warehouse.rows(t.PLAYLISTS).table(columns=["user_id", "tracks"]).to_pylist()
    return ndcg(place, {int(row["user_id"][1:]): [int(x["track_id"][1:]) for x in row["tracks"]] for row in lists})


def rival_ndcg(place: city.City, spark: Any) -> float:
    """NDCG@30 of the rival's lists."""
    lists = spark.read.format("delta").load(str(place.warehouse.root / "rival")).toArrow().to_pylist()
    return ndcg(place, {row["listener"]: [x["track"] for x in row["tracks"]] for row in lists})


def ndcg(place: city.City, lists: dict[int, list[int]]) -> float:
    """Mean over the listeners who had a history and discovered anything; no list counts as no hit."""
    listener, track = np.divmod(place.discovered, place.tracks)
    known = {int(name[1:]) for name in place.warehouse.rows(t.HISTORIES).table(columns=["user_id"])["user_id"].to_pylist()}
    judged = np.array([row for row in np.unique(listener).tolist() if row in known])
    hits = np.zeros((len(judged), LENGTH), bool)
    relevant = np.zeros(len(judged), np.int64)
    bounds = np.searchsorted(listener, np.stack([judged, judged + 1]))
    for row, (number, first, last) in enumerate(zip(judged.tolist(), *bounds.tolist(), strict=True)):
        found: npt.NDArray[Any] = np.isin(lists.get(number, []), track[first:last])
        hits[row, : len(found)], relevant[row] = found[:LENGTH], last - first
    return float(np.mean(ndcg_at_k(hits, relevant)))


def choose_setting(place: city.City, spark: Any, scale: Scale) -> tuple[naive_spark.Setting, list[dict[str, Any]]]:
    """The rival's best setting on a smaller city, and what each reached there."""
    rows = []
    for setting in naive_spark.SETTINGS:
        rival(place, spark, scale, setting)
        rows.append({"alpha": setting.alpha, "reg": setting.reg, "ndcg": round(rival_ndcg(place, spark), 5)})
    best = max(range(len(rows)), key=lambda i: rows[i]["ndcg"])
    return naive_spark.SETTINGS[best], rows


def duel(place: city.City, small: city.City, spark: Any, scale: Scale, setting: naive_spark.Setting) -> dict[str, Any]:
    """Line and rival in turns, after a run of the line that is sampled for memory."""
    peaks = line(place, spark, scale, sampled=True)
    ours, theirs = [], []
    for _ in range(scale.repeats):
        line(small, spark, scale)
        settle(spark)
        ours.append(line(place, spark, scale))
        rival(small, spark, scale, setting)
        settle(spark)
        theirs.append(rival(place, spark, scale, setting))
    middle = sorted(ours, key=lambda run: run.total)[len(ours) // 2]
    return {
        "listeners": place.listeners,
        "interactions": place.interactions,
        "line_seconds": round(middle.total, 2),
        "rival_seconds": round(statistics.median(wall for wall, _ in theirs), 2),
        "line_cpu_seconds": round(sum(middle.cpu_seconds.values()), 2),
        "rival_cpu_seconds": round(statistics.median(cpu for _, cpu in theirs), 2),
        "line_ndcg": round(line_ndcg(place), 5),
        "rival_ndcg": round(rival_ndcg(place, spark), 5),
        "stages": middle.beside(peaks),
    }


def settle(spark: Any) -> None:
    """Let Java finish what the run before left behind: half a second of it fell into the next run."""
    spark._jvm.System.gc()
    time.sleep(2)


def growth(folder: Path, spark: Any, scale: Scale) -> tuple[list[dict[str, Any]], float]:
    """(seconds and memory per stage at each size, cost of the last step over that of the step before)."""
    rows, totals = [], []
    for size in scale.steps:
        place = city.build(folder / str(size), size, tracks=scale.tracks)
        peaks = line(place, spark, scale, sampled=True)
        runs = [line(place, spark, scale) for _ in range(GROWTH_REPEATS if scale.repeats > 1 else 1)]
        middle = sorted(runs, key=lambda run: run.total)[len(runs) // 2]
        totals.append(middle.total)
        rows.append({"listeners": size, "interactions": place.interactions, "stages": middle.beside(peaks)})
    return rows, (totals[3] - totals[2]) / (totals[2] - totals[1])


def measure(folder: Path, scale: Scale, keep: bool) -> None:
    """The whole result."""
    spark = session.get(Spark(cores=os.cpu_count() or 2, driver_memory="4g"))
    small = city.build(folder / "choice", scale.choose_on, tracks=scale.tracks)
    setting, tried = choose_setting(small, spark, scale)
    against = duel(city.build(folder / "duel", scale.listeners, tracks=scale.tracks), small, spark, scale, setting)
    steps, ratio = growth(folder / "growth", spark, scale)
    spark.stop()
    ratios = {
        "naive_spark": round(against["rival_seconds"] / against["line_seconds"], 2),
        "naive_spark_cpu": round(against["rival_cpu_seconds"] / against["line_cpu_seconds"], 2),
        "ndcg_over_naive_spark": round(against["line_ndcg"] / max(against["rival_ndcg"], 1e-9), 3),
        "last_step": round(ratio, 2),
    }
    chosen = {"setting": vars(setting), "tried_on": scale.choose_on, "tried": tried}
    record.write("week", [against, *steps], ratios, keep, repeats=scale.repeats, simulated=True, rival=chosen)


def main() -> None:
    """Measure and write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="a village instead of the city; writes no result file")
    arguments.add_argument("--repeats", type=int, help="runs behind each median")
    given = arguments.parse_args()
    scale = VILLAGE if given.quick else CITY
    with tempfile.TemporaryDirectory(prefix="bench-week-") as folder:
        measure(Path(folder), replace(scale, repeats=given.repeats or scale.repeats), keep=not given.quick)


if __name__ == "__main__":
    main()
