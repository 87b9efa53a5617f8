"""What a week of all sources costs on a city: every training, then one pass of candidates over all listeners.

Simulated histories (bench/city.py), default settings, 200 candidates per listener and source, two hundred for the blend. All of
it runs twice: sampled for memory, then timed. After that the candidates of the first 40,000, 20,000, 10,000 and 5,000 listeners
are made from the same artefacts, medians of three: `step` compares what the last twenty thousand cost with the ten before.
Last, all sources learn a wide catalogue, for the size of their artefacts.

    python bench/sources.py           -> bench/results/sources.json (about a quarter of an hour on two quiet cores)
    python bench/sources.py --quick   -> the same on a village, printed only
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import city
import record
from line import Line

from conf.settings import Settings, Spark
from spark_jobs import session

REPEATS = 3


@dataclass(frozen=True)
class Scale:
    """How much to measure; `wide`: listeners and tracks of the wide catalogue."""

    listeners: int
    tracks: int
    steps: tuple[int, int, int, int]
    wide: tuple[int, int]


CITY = Scale(50_000, 30_000, (5_000, 10_000, 20_000, 40_000), (20_000, 100_000))
VILLAGE = Scale(4_000, 3_000, (500, 1_000, 2_000, 4_000), (1_000, 5_000))


def trained(place: city.City, spark: Any, sampled: bool) -> Line:
    """All trainers of the sources, in the order of the settings, and the fallback's; then candidates."""
    settings, jobs = Settings(), Line(place, spark, sampled)
    for source in ("popularity", *settings.generate_candidates.sources):
        jobs.train(f"train_{source}", getattr(settings, f"train_{source}"))
    jobs.transform("generate_candidates", settings.generate_candidates)
    return jobs


def whole(place: city.City, spark: Any) -> tuple[dict[str, Any], Line]:
    """Training and candidates of the whole city, once sampled for memory and once timed; and the jobs of the latter."""
    sampled, timed = (trained(place, spark, sampled) for sampled in (True, False))
    result = {
        "listeners": place.listeners,
        "interactions": place.interactions,
        "tracks": place.tracks,
        "stages": timed.stages.beside(sampled.stages),
        "artefact_mb": megabytes(timed),
    }
    return result, timed


def megabytes(jobs: Line) -> dict[str, float]:
    """Size of each artefact on disk, which is also what a worker maps."""
    return {name: round(size / 1e6, 1) for name, size in jobs.artefact_bytes().items()}


def wide(place: city.City, spark: Any) -> dict[str, Any]:
    """Peaks and artefacts of one run over a wide catalogue."""
    jobs = trained(place, spark, sampled=True)
    row = {"listeners": place.listeners, "interactions": place.interactions, "tracks": place.tracks}
    return row | {"peak_mib": round(max(jobs.stages.peak_mib.values())), "artefact_mb": megabytes(jobs)}


def growth(place: city.City, jobs: Line, sizes: tuple[int, ...]) -> tuple[list[dict[str, Any]], float]:
    """(candidates at each size, cost of the last step over the one before): fewer and fewer listeners, the same artefacts."""
    settings, rows = Settings().generate_candidates, []
    for size in reversed(sizes):
        place, seconds = city.shrink(place, size), []
        for _ in range(REPEATS):
            jobs.transform("generate_candidates", settings)
            seconds.append(jobs.stages.seconds["generate_candidates"])
        row = {"listeners": size, "interactions": place.interactions}
        rows.insert(0, row | {"candidates_seconds": round(statistics.median(seconds), 2)})
    took = [row["candidates_seconds"] for row in rows]
    return rows, (took[3] - took[2]) / (took[2] - took[1])


def main() -> None:
    """Measure and write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="a village instead of the city; writes no result file")
    quick = arguments.parse_args().quick
    scale = VILLAGE if quick else CITY
    spark = session.get(Spark(cores=os.cpu_count() or 2, driver_memory="4g"))
    with tempfile.TemporaryDirectory(prefix="bench-sources-") as folder:
        home = Path(folder)
        place = city.build(home / "city", scale.listeners, tracks=scale.tracks, told=True)
        one, jobs = whole(place, spark)
        steps, step = growth(place, jobs, scale.steps)
        listeners, tracks = scale.wide
        broad = wide(city.build(home / "wide", listeners, tracks=tracks, told=True), spark)
    spark.stop()
    stages = one["stages"]
    ratios = {
        "training_seconds": round(sum(s["seconds"] for name, s in stages.items() if name.startswith("train_")), 1),
        "candidates_seconds": stages["generate_candidates"]["seconds"],
        "peak_mib": max(s["peak_mib"] for s in stages.values()),
        "step": round(step, 2),
        "wide_artefacts_mb": round(sum(broad["artefact_mb"].values()), 1),
    }
    record.write("sources", [one, *steps, broad], ratios, keep=not quick, simulated=True)


if __name__ == "__main__":
    main()
