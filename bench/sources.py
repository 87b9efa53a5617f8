"""What a week of all sources costs on a city: every training, then one pass of candidates over all listeners.

Simulated histories (bench/city.py), default settings, 200 candidates per listener and source, two hundred for the blend. The
first run at each size is sampled for memory, the second is timed. `step` compares what the candidates of the last twenty
thousand listeners cost with those of the ten thousand before.

    python bench/sources.py           -> bench/results/sources.json (about half an hour on two quiet cores)
    python bench/sources.py --quick   -> the same on a village, printed only
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import city
import record
from line import Line

from conf.settings import Settings, Spark
from spark_jobs import session

CITY = (50_000, 30_000, (5_000, 10_000, 20_000, 40_000))
VILLAGE = (2_000, 3_000, (500, 1_000, 2_000, 4_000))


def trained(place: city.City, spark: Any, sampled: bool) -> Line:
    """All trainers of the sources, in the order of the settings, and the fallback's; then candidates."""
    settings, jobs = Settings(), Line(place, spark, sampled)
    for source in ("popularity", *settings.generate_candidates.sources):
        jobs.train(f"train_{source}", getattr(settings, f"train_{source}"))
    jobs.transform("generate_candidates", settings.generate_candidates)
    return jobs


def whole(place: city.City, spark: Any) -> dict[str, Any]:
    """Training and candidates of the whole city, once sampled for memory and once timed."""
    sampled, timed = (trained(place, spark, sampled) for sampled in (True, False))
    return {
        "listeners": place.listeners,
        "interactions": place.interactions,
        "stages": timed.stages.beside(sampled.stages),
        "artefact_mb": {name: round(size / 1e6, 1) for name, size in timed.artefact_bytes().items()},
    }


def growth(folder: Path, spark: Any, sizes: tuple[int, ...], tracks: int) -> tuple[list[dict[str, Any]], float]:
    """(candidates at each size, cost of the last step over the one before)."""
    rows, seconds = [], []
    for size in sizes:
        place = city.build(folder / str(size), size, tracks=tracks, told=True)
        jobs = trained(place, spark, sampled=False)
        jobs.transform("generate_candidates", Settings().generate_candidates)  # again: the first run was warm-up
        seconds.append(jobs.stages.seconds["generate_candidates"])
        rows.append({"listeners": size, "interactions": place.interactions, "candidates_seconds": round(seconds[-1], 2)})
    return rows, (seconds[3] - seconds[2]) / (seconds[2] - seconds[1])


def main() -> None:
    """Measure and write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="a village instead of the city; writes no result file")
    quick = arguments.parse_args().quick
    listeners, tracks, sizes = VILLAGE if quick else CITY
    spark = session.get(Spark(cores=os.cpu_count() or 2, driver_memory="4g"))
    with tempfile.TemporaryDirectory(prefix="bench-sources-") as folder:
        home = Path(folder)
        one = whole(city.build(home / "whole", listeners, tracks=tracks, told=True), spark)
        steps, step = growth(home, spark, sizes, tracks)
    spark.stop()
    stages = one["stages"]
    ratios = {
        "training_seconds": round(sum(s["seconds"] for name, s in stages.items() if name.startswith("train_")), 1),
        "candidates_seconds": stages["generate_candidates"]["seconds"],
        "peak_mib": max(s["peak_mib"] for s in stages.values()),
        "step": round(step, 2),
    }
    record.write("sources", [one, *steps], ratios, keep=not quick, simulated=True)


if __name__ == "__main__":
    main()
