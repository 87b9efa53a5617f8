"""Result files of benchmarks: what was measured, when, at which commit, on how many cores."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory import family

from models import cores

ROOT = Path(__file__).parent.parent


def write(bench: str, rows: list[dict[str, Any]], ratios: dict[str, Any], keep: bool = True, **more: Any) -> None:
    """Print a result and, where it is to be kept, write bench/results/BENCH.json."""
    head = {"bench": bench, "date": datetime.now(UTC).date().isoformat(), "commit": commit(), "cores": cores.usable()}
    result = json.dumps({**head, **more, "rows": rows, "ratios": ratios}, indent=2)
    if keep:
        target = ROOT / "bench" / "results" / f"{bench}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(result + "\n")
    print(result)


def cpu_seconds(processes: Iterable[int], ended: bool = True) -> float:
    """CPU seconds so far of the processes that live, and, with `ended`, of their children that ended and were waited for."""
    ticks = 0
    for process in processes:
        with suppress(OSError):  # it ended meanwhile
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
            ticks += sum(map(int, fields[11 : 15 if ended else 13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def cpu_seconds_below() -> float:
    """CPU seconds so far of the living processes below this one (Spark's JVM and its Python workers)."""
    return cpu_seconds(family(os.getpid())[1:], ended=False)


def commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "none"
