"""How fast the simulated world is written: `city` (about 20 M listens) against the promise of three minutes on two cores.

    python bench/simulate.py [--size city] [--listeners N] [--keep FOLDER]

Prints one line and writes bench/results/simulate.json. Needs about 1 GB of disk for the world, which it deletes unless kept.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.world import SIZES
from spark_jobs.intake.simulate import Summary, simulate

RESULT = Path(__file__).parent / "results" / "simulate.json"
MOST_SECONDS_PER_20M = 180.0


def commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "none"


def measure(size: str, listeners: int | None, folder: Path) -> tuple[Summary, float, float]:
    """Write one world; the compiled player is loaded beforehand, because it is compiled once per machine."""
    with tempfile.TemporaryDirectory() as warm:
        simulate("tiny", 1, Path(warm) / "landing", Path(warm) / "truth")
    start, cpu = time.perf_counter(), time.process_time()
    summary = simulate(size, 7, folder / "landing", folder / "truth", listeners=listeners)
    return summary, time.perf_counter() - start, time.process_time() - cpu


def report(summary: Summary, seconds: float, cpu: float, folder: Path) -> dict[str, Any]:
    written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    at_20m = seconds * 20e6 / summary.listens
    return {
        "bench": "simulate",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "cores": len(os.sched_getaffinity(0)),
        "rows": summary.rows,
        "size": summary.size,
        "listeners": summary.listeners,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "cpu_seconds_per_20M": round(cpu * 20e6 / summary.listens, 1),
        "load_average": round(os.getloadavg()[0], 1),  # above the number of cores: believe cpu_seconds, and run it again
        "seconds_per_20M": round(at_20m, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "megabytes_written": written // 2**20,
        "ratios": {"promised_over_measured": round(MOST_SECONDS_PER_20M / at_20m, 2)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="city", choices=list(SIZES))
    parser.add_argument("--listeners", type=int)
    parser.add_argument("--keep", type=Path, help="folder for the world; it is left there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        summary, seconds, cpu = measure(arguments.size, arguments.listeners, folder)
        result = report(summary, seconds, cpu, folder)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
