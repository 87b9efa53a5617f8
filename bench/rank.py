"""What ranking costs: from a week's candidates and features to orders with reasons, and against the same matrix by joins.

A simulated city (bench/city.py): real lists of eight sources, drawn features, and trees taught by what some of its listeners
discovered. The job `rank` runs as it does in the line: matrix, scores, the orders of two contexts beside the one for any, the
drivers of the first forty. It runs twice, sampled for memory and then timed, then on fewer listeners: `step` compares what the
last twenty thousand cost with the ten before.

The rival makes the same matrix of some listeners as it is usually made, by joins of tables with a row per candidate (pandas,
bench/rank_joins.py), and scores it with LightGBM. Both on one core, CPU seconds, the same trees; how many cells agree is told.

    python bench/rank.py                -> bench/results/rank.json, rank_core.json (forty minutes on two quiet cores)
    python bench/rank.py --part core    -> the ratios on one core alone (eight minutes)
    python bench/rank.py --quick        -> the same on a village, printed only
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import city
import drawn_features
import lightgbm
import numpy as np
import pyarrow as pa
import rank_rival
import record
from line import Line
from sources import CITY, VILLAGE, Scale

from conf import tables as t
from conf.contexts import CONTEXTS
from conf.features.pair import COLUMNS
from conf.ranking import Rank, TrainRanker
from conf.settings import Settings, Spark
from models.ranking.attribution import Attribution
from models.ranking.boosters import settings as told
from models.ranking.matrix import Pairs
from models.ranking.ranker import Ranker
from spark_jobs import session
from spark_jobs.artefacts import Artefact
from spark_jobs.serving import orderer
from spark_jobs.serving import rank as job
from spark_jobs.serving import ranking_rows as rr

PARTS = ("whole", "core")
SOURCES = ("popularity", "mf", "item_knn", "rp3beta", "gfcf", "ease", "content", "social", "fresh")
WEIGHTS = {"mf": 0.3, "fresh": 0.2, "content": 0.2, "gfcf": 0.2, "ease": 0.1}
TAUGHT, ROUNDS, SEEDS, DEPTH, ASKED = 2_000, 150, 3, 500, 200


def blocks(place: city.City, spark: Any, most: int) -> list[pa.RecordBatch]:
    """Rows of some listeners as the job gathers them."""
    names = ("candidates", "histories", "listener_features", "listener_contexts", "users")
    frames = [place.warehouse.frame(spark, t.TABLES[name]) for name in names]
    return list(job.gather(*frames).limit(most).toArrow().combine_chunks().to_batches())


def pairs_of(rows: pa.RecordBatch, side: Any, untaught: Ranker) -> Pairs:
    """Candidates of a block with the ranker's matrix."""
    row, flat = orderer.candidates(rows)
    return orderer.Block.of(rows, row, flat, untaught, side, city.RUN_DATE - timedelta(days=1)).pairs


def together(parts: list[Pairs]) -> Pairs:
    """Blocks as one."""
    sizes = np.concatenate([np.diff(part.first) for part in parts])
    rest = (np.concatenate([getattr(part, name) for part in parts]) for name in ("track", "because", "via"))
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Pairs(first, *rest, parts[0].sources, np.concatenate([part.x for part in parts]))


def taught(place: city.City, rows: pa.RecordBatch, side: Any) -> tuple[Ranker, list[Any]]:
    """A ranker of what some listeners discovered, and its boosters."""
    pairs = pairs_of(rows, side, Ranker.of([], WEIGHTS, DEPTH, ASKED))
    number = np.array([int(name[1:]) for name in rows.column("user_id").to_pylist()])
    picked = np.isin(number[pairs.listener] * place.tracks + pairs.track, place.discovered).astype(np.float32)
    data = lightgbm.Dataset(pairs.x, picked, group=np.diff(pairs.first), params={"max_bin": 63, "verbose": -1})
    params = told(TrainRanker(), 7) | {"label_gain": [0, 1], "lambdarank_truncation_level": 30}
    boosters = [lightgbm.train(params | {"seed": seed}, data, ROUNDS) for seed in range(SEEDS)]
    return Ranker.of([booster.dump_model() for booster in boosters], WEIGHTS, DEPTH, ASKED), boosters


def growth(place: city.City, jobs: Line, sizes: tuple[int, ...]) -> tuple[list[dict[str, Any]], float]:
    """(seconds of the job at each size, cost of the last step over the one before), medians of three."""
    rows = []
    for size in reversed(sizes):
        place, seconds = city.shrink(place, size), []
        for _ in range(3):
            jobs.transform("rank", Rank())
            seconds.append(jobs.stages.seconds["rank"])
        rows.insert(0, {"listeners": size, "rank_seconds": round(statistics.median(seconds), 2)})
    took = [row["rank_seconds"] for row in rows]
    return rows, (took[3] - took[2]) / (took[2] - took[1])


def one_core(place: city.City, rows: pa.RecordBatch, side: Any, ranker: Ranker, boosters: list[Any]) -> dict[str, Any]:
    """CPU seconds and rows of the matrix, its scores, their drivers, and LightGBM's own answers to the same."""
    begin = time.process_time()
    made = [pairs_of(rows.slice(start, 256), side, ranker) for start in range(0, len(rows), 256)]
    matrix = time.process_time() - begin
    x = np.concatenate([pairs.x for pairs in made])
    begin = time.process_time()
    scores = ranker.score(x)
    scored = time.process_time() - begin
    begin = time.process_time()
    theirs = np.mean([booster.predict(x, raw_score=True, num_threads=1) for booster in boosters], axis=0)
    lightgbm_scored = time.process_time() - begin
    some = x[:2000]
    attribution = Attribution.of([booster.dump_model() for booster in boosters])
    attribution.effects(some[:1])
    begin = time.process_time()
    attribution.effects(some)
    explained = time.process_time() - begin
    begin = time.process_time()
    for booster in boosters:
        booster.predict(some[:500], pred_contrib=True, num_threads=1)
    lightgbm_explained = (time.process_time() - begin) * 4
    rival = rank_rival.measured(place, rows, together(made), WEIGHTS, DEPTH, ASKED)
    return rival | {
        "rows": len(x), "matrix_us": 1e6 * matrix / len(x), "score_us": 1e6 * scored / len(x),
        "lightgbm_score_us": 1e6 * lightgbm_scored / len(x), "differing_scores": int((scores != theirs).sum()),
        "drivers_us": 1e6 * explained / len(some), "lightgbm_drivers_us": 1e6 * lightgbm_explained / len(some),
    }  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A city whose candidates are made, what is known of its tracks, rows of some listeners, and trees taught by them."""

    place: city.City
    jobs: Line
    side: Any
    rows: pa.RecordBatch
    ranker: Ranker
    boosters: list[Any]


def prepared(scale: Scale, home: Path, spark: Any) -> Prepared:
    """The city up to its candidates, features and a ranker."""
    place = city.build(home, scale.listeners, tracks=scale.tracks, told=True)
    jobs = Line(place, spark, sampled=True)
    for source in SOURCES:
        jobs.train(f"train_{source}", getattr(Settings(), f"train_{source}"))
    jobs.transform("generate_candidates", Settings().generate_candidates)
    drawn_features.features(place)
    side = side_of(place)
    (rows,) = blocks(place, spark, min(TAUGHT, scale.listeners // 2))
    return Prepared(place, jobs, side, rows, *taught(place, rows, side))


def whole(given: Prepared, steps: tuple[int, ...]) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The job on all listeners and on fewer."""
    place, jobs = given.place, given.jobs
    arrays, params = given.ranker.save()
    jobs.keep("ranker", Artefact(arrays, params | {"serves": True, "why": ""}))
    jobs.transform("rank", Rank())
    peak, jobs.stages.sampled = jobs.stages.peak_mib["rank"], False
    jobs.transform("rank", Rank())
    row = {"listeners": place.listeners, "tracks": place.tracks, "columns": len(COLUMNS), "contexts": len(CONTEXTS)}
    row |= {"rank_seconds": round(jobs.stages.seconds["rank"], 1), "cpu_seconds": round(jobs.stages.cpu_seconds["rank"], 1)}
    rows, step = growth(place, jobs, steps)
    return [row, *rows], {"rank_seconds": row["rank_seconds"], "peak_mib": round(peak), "step": round(step, 2)}


def ratios_of(core: dict[str, Any]) -> dict[str, float]:
    """Ours against the rivals, one core."""
    ours = core["matrix_us"] + core["score_us"]
    return {
        "rows_per_second_per_core": round(1e6 / ours), "joins": round(core["joins_us"] / core["matrix_us"], 1),
        "joins_and_lightgbm": round((core["joins_us"] + core["lightgbm_score_us"]) / ours, 1),
        "lightgbm_scores": round(core["lightgbm_score_us"] / core["score_us"], 2),
        "lightgbm_shap": round(core["lightgbm_drivers_us"] / core["drivers_us"], 1),
    }  # fmt: skip


def side_of(place: city.City) -> Any:
    """What is known of tracks, as the job ships it."""
    read = (
        (t.TRACK_FEATURES, rr.TRACK_FEATURES), (t.ARTIST_FEATURES, rr.ARTIST_FEATURES), (t.TRACKS, rr.TRACK_COLUMNS),
        (t.TRACK_AUDIO, rr.AUDIO_COLUMNS),
    )  # fmt: skip
    return rr.tracks_of(*(place.warehouse.rows(table).table(columns=columns) for table, columns in read), city.RUN_DATE)


def main() -> None:
    """Measure and write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="a village instead of the city; writes no result file")
    arguments.add_argument("--part", choices=PARTS, action="append", help="only this part")
    given = arguments.parse_args()
    scale, spark = VILLAGE if given.quick else CITY, session.get(Spark(cores=os.cpu_count() or 2, driver_memory="3g"))
    with tempfile.TemporaryDirectory(prefix="bench-rank-") as folder:
        made = prepared(scale, Path(folder), spark)
        if "core" in (given.part or PARTS):
            core = one_core(made.place, made.rows.slice(0, 512), made.side, made.ranker, made.boosters)
            rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in core.items()}
            record.write("rank_core", [rounded], ratios_of(core), keep=not given.quick, simulated=True)
        if "whole" in (given.part or PARTS):
            rows, ratios = whole(made, scale.steps)
            record.write("rank", rows, ratios, keep=not given.quick, simulated=True)
    spark.stop()


if __name__ == "__main__":
    main()
