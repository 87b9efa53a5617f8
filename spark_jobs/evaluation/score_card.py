"""values per listener -> rows of `metrics`: means with bootstrap intervals over listeners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from conf import tables as t
from models.bootstrap import Interval, mean_intervals
from spark_jobs.schema import arrow_schema

Columns = dict[tuple[str, str], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class ScoreCard:
    """What every row of one evaluation shares.

    Attributes
    ----------
    cut : first UTC day that the lists did not see.
    resamples, seed : of the bootstrap.
    simulated : whether simulated plays are behind the numbers.
    """

    run_date: date
    surface: str
    cut: date
    resamples: int
    seed: int
    simulated: bool

    def means(self, columns: Columns) -> list[dict[str, Any]]:
        """One row per (model, metric): float64 [n] values of the same n listeners each."""
        if not columns:
            return []
        values = np.stack(list(columns.values()))
        intervals = mean_intervals(values, self.resamples, self.seed)
        return [self.measured(*name, interval, values.shape[1]) for name, interval in zip(columns, intervals, strict=True)]

    def whole(self, model: str, metric: str, value: float, listeners: int) -> dict[str, Any]:
        """One row for a number that belongs to all listeners together and has no interval."""
        return self.measured(model, metric, Interval(value, np.nan, np.nan), listeners)

    def table(self, rows: list[dict[str, Any]]) -> pa.Table:
        """Rows of the table `metrics`, by model and metric."""
        ordered = sorted(rows, key=lambda row: (row["model"], row["metric"]))
        return pa.Table.from_pylist(ordered, schema=arrow_schema(t.METRICS))

    def measured(self, model: str, metric: str, interval: Interval, listeners: int) -> dict[str, Any]:
        """One row."""
        low, high = (None if np.isnan(end) else end for end in interval[1:])
        return {
            "run_date": self.run_date,
            "surface": self.surface,
            "cut": self.cut,
            "model": model,
            "metric": metric,
            "value": interval.value,
            "low": low,
            "high": high,
            "listeners": listeners,
            "simulated": self.simulated,
        }


def with_difference(columns: Columns, model: str, rival: str) -> Columns:
    """Columns and, for every metric of both, the paired difference `model_minus_rival`."""
    metrics = [metric for name, metric in columns if name == model and (rival, metric) in columns]
    paired = {(f"{model}_minus_{rival}", m): columns[model, m] - columns[rival, m] for m in metrics}
    return columns | paired
