"""What `plant week` shows: a line per finished job on stderr, then what was made, how good it is, and one listener's list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import islice
from typing import Any

import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table as Grid

from conf import tables as t
from conf.pipeline import cut
from spark_jobs.runner import Plant
from spark_jobs.week import Done

SURFACE = "discover_weekly"
LOOKED_AT = 200  # lists among which the one to show is found


@contextmanager
def progress() -> Iterator[Callable[[Done], None]]:
    """A spinner on stderr while jobs run; finished ones stay as lines."""
    console = Console(stderr=True, highlight=False)
    with console.status("starting"):

        def tell(done: Done) -> None:
            made = ", ".join(f"{name} {rows:,}" for name, rows in done.rows.items())
            console.print(f"{done.job:<24} {done.run_date}  {done.seconds:6.1f} s  {made or 'nothing new'}")
            for told in done.left_out:
                console.print(f"  left out: {told}", style="yellow", markup=False)

        yield tell


def print_week(plant: Plant, monday: date, done: list[Done], seconds: float) -> None:
    """Print tables made, measured quality and one listener's tracks on stdout; `seconds` is what all took."""
    console = Console(width=None if Console().is_terminal else 110, highlight=False)
    simulated = _simulated(plant, monday)
    console.print(f"\n[bold]Week of Monday {monday}[/bold]{'  (simulated listeners)' if simulated else ''}")
    console.print(_made(done, seconds))
    console.print(_quality(plant, monday))
    console.print(_one_list(plant, monday))


def _made(done: list[Done], seconds: float) -> Grid:
    grid = Grid("table", "rows written", "by", "seconds", title="made", title_justify="left")
    for step in done:
        for i, (name, rows) in enumerate(step.rows.items() or [("nothing new", 0)]):
            grid.add_row(name, f"{rows:,}", f"{step.job} {step.run_date}", f"{step.seconds:.1f}" if i == 0 else "")
    for told in (told for step in done for told in step.left_out):
        grid.add_row("left out", "", told, "")
    grid.add_section()
    grid.add_row("all, side by side where they could be", "", "", f"{seconds:.1f}")
    return grid


def _quality(plant: Plant, monday: date) -> Grid | str:
    rows = plant.warehouse.rows(t.METRICS, conditions=[("run_date", "=", monday)]).table().to_pylist()
    if not rows:
        return "quality: not measured, there are no lists of the Monday before with listens after their cut"
    before = cut(monday - timedelta(days=7))
    title = f"quality of the lists cut on {before}, against what was played in the seven days after (95 % intervals)"
    grid = Grid("model", "metric", "value", "low", "high", "listeners", title=title, title_justify="left")
    for row in sorted(rows, key=lambda r: (r["metric"], -r["value"])):
        ends = [f"{row[c]:.4f}" if row[c] is not None else "" for c in ("value", "low", "high")]
        grid.add_row(row["model"], row["metric"], *ends, f"{row['listeners']:,}")
    return grid


def _one_list(plant: Plant, monday: date) -> Grid | str:
    conditions = [("run_date", "=", monday), ("surface", "=", SURFACE)]
    lists = plant.warehouse.rows(t.PLAYLISTS, conditions=conditions)
    row = telling(row for batch in lists.batches() for row in batch.slice(0, LOOKED_AT).to_pylist())
    if row is None:
        return "no list was made: there are no listeners before the cut"
    title = (
        f"{SURFACE} of {row['user_id']} ({row['country'] or 'no country'}), valid from {row['valid_from']:%Y-%m-%d %H:%M} UTC"
    )
    grid = Grid("#", "title", "artist", "reason", title=title, title_justify="left")
    for track in row["tracks"]:
        grid.add_row(str(track["position"]), track["title"], ", ".join(track["artists"]), track["reason"])
    return grid


def telling(lists: Iterator[dict[str, Any]]) -> dict[str, Any] | None:
    """The first of `lists` that owes no track to the charts, else the first: what the line makes of a known listener."""
    seen = list(islice(lists, LOOKED_AT))
    own = (row for row in seen if all(track["source"] != "popularity" for track in row["tracks"]))
    return next(own, seen[0] if seen else None)


def _simulated(plant: Plant, monday: date) -> bool:
    conditions = [("run_date", "=", monday)]
    rows = plant.warehouse.rows(t.HISTORIES, conditions=conditions)
    return any(pc.any(batch.column("simulated")).as_py() for batch in rows.batches(columns=["simulated"]))
