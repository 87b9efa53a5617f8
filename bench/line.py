"""Jobs of the line on a simulated city, one after the other in this process, with what each stage takes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import city
import record
from memory import Peak, family, peak_memory

from conf import tables as t
from conf.pipeline import BY_NAME, cut
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact
from spark_jobs.contract import Output, Run


@dataclass
class Stages:
    """Seconds and CPU seconds of each stage of one run, or its peak MiB: the sampler takes a tenth of a core itself."""

    sampled: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block."""
        start, burnt = time.perf_counter(), cpu_seconds()
        with peak_memory() if self.sampled else nullcontext(Peak()) as peak:
            yield
        self.seconds[name] = time.perf_counter() - start
        self.cpu_seconds[name] = cpu_seconds() - burnt
        self.peak_mib[name] = peak.mib

    def beside(self, peaks: Stages) -> dict[str, dict[str, float]]:
        """Rounded, stage by stage, with the peaks of a run that was sampled."""
        return {
            name: {
                "seconds": round(seconds, 2),
                "cpu_seconds": round(self.cpu_seconds[name], 2),
                "peak_mib": round(peaks.peak_mib[name]),
            }
            for name, seconds in self.seconds.items()
        }

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())


class Line:
    """The line's jobs on one city, each writing its table; every job is a stage."""

    def __init__(self, place: city.City, spark: Any, sampled: bool = False) -> None:
        self.stages = Stages(sampled)
        self._warehouse, self._spark = place.warehouse, spark
        root = place.warehouse.root
        self._run = Run(city.RUN_DATE, cut(city.RUN_DATE), root, root, spark=spark, write=self._write)

    def train(self, job: str, params: Any) -> None:
        """Run a trainer; the jobs after it find its artefact."""
        with self.stages.stage(job):
            read = {r.table.name: self._warehouse.rows(r.table) for r in BY_NAME[job].reads}
            made = import_module(BY_NAME[job].module).train(**read, params=params, run=self._run)
            self.keep(job.removeprefix("train_"), made)

    def transform(self, job: str, params: Any) -> None:
        """Run a transform."""
        with self.stages.stage(job):
            read = {r.table.name: self._warehouse.frame(self._spark, r.table) for r in BY_NAME[job].reads}
            for name, output in import_module(BY_NAME[job].module).transform(**read, params=params, run=self._run).items():
                self._write(name, output)

    def keep(self, name: str, made: Artefact) -> None:
        """Save an artefact that no trainer of the line made; the jobs after it find it."""
        ref = artefacts.save(self._warehouse.root, name, city.RUN_DATE.isoformat(), made)
        self._run = replace(self._run, artefacts={**self._run.artefacts, name: ref})

    def _write(self, name: str, output: Output) -> None:
        self._warehouse.write_arrow(t.TABLES[name], output.data, f"run_date = DATE '{city.RUN_DATE}'")

    def artefact_bytes(self) -> dict[str, int]:
        """Size of each artefact on disk."""
        return {
            name: sum(path.stat().st_size for path in Path(ref.uri.removeprefix("file://")).rglob("*") if path.is_file())
            for name, ref in self._run.artefacts.items()
        }


def cpu_seconds() -> float:
    """Of this process and all below it: the JVM and its Python workers, those that ended included."""
    return record.cpu_seconds(family(os.getpid()))
