"""Rows on stdout: a table for people, JSON or CSV for programs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click
import orjson
from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

Row = Mapping[str, Any]
# Rich has to see every row before it can draw the first: longer answers are for --csv or --json.
MOST_ROWS = 1_000
# Without a terminal nothing limits a line, and a cut cell would be lost to grep.
_UNLIMITED = 4_000

json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def console() -> Console:
    """Console on today's stdout: as wide as the terminal, or as wide as its content where there is none."""
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _UNLIMITED)


def print_json(document: Any) -> None:
    """One JSON document, times as RFC 3339."""
    click.echo(_json(document, orjson.OPT_INDENT_2))


def print_grid(rows: Iterable[Row], columns: Sequence[str], title: str | None = None) -> int:
    """Print rows as a table with the given columns; returns how many rows were left out."""
    frame = box.HEAVY_HEAD if sys.stdout.isatty() else None
    grid = Grid(title=title and Text(title, style="bold"), title_justify="left", box=frame)
    left_out = 0
    numbers: set[str] = set()
    cells: list[list[str]] = []
    for row in rows:
        if len(cells) == MOST_ROWS:
            left_out += 1
            continue
        numbers |= {c for c in columns if isinstance(row[c], int | float) and not isinstance(row[c], bool)}
        cells.append([cell(row[c]) for c in columns])
    for name in columns:
        grid.add_column(Text(name), justify="right" if name in numbers else "left", overflow="fold")
    for line in cells:
        grid.add_row(*map(Text, line))  # Text: square brackets in titles are no markup
    console().print(grid)
    return left_out


def print_json_rows(rows: Iterable[Row]) -> None:
    """Rows as one JSON array, written while they come."""
    click.echo("[", nl=False)
    for i, row in enumerate(rows):
        click.echo(("," if i else "") + "\n" + _json(dict(row)), nl=False)
    click.echo("\n]")


def print_csv(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Rows as CSV with a header, written while they come; lists, structs and maps are JSON in their cell."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(row[c]) for c in columns] for row in rows)


def cell(value: Any) -> str:
    """Text of one value: empty for null, JSON for what is nested, times as RFC 3339.

    >>> cell(None), cell(True), cell(1.5), cell(["a", 1])
    ('', 'true', '1.5', '["a",1]')
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(value).strip('"')


def size(count: float) -> str:
    """Bytes as people read them.

    >>> size(999), size(12_345), size(3_200_000_000)
    ('999 B', '12.3 kB', '3.2 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _json(document: Any, option: int = 0) -> str:
    return orjson.dumps(document, default=str, option=option | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()
