"""What a long command is doing, on stderr: a spinner on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console

# A log wants to know that work goes on, not every step of it.
SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def doing(first: str) -> Iterator[Callable[[str], None]]:
    """Show `first`, then whatever the yielded function is told, until the block ends."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with console.status(first) as status:
            yield status.update
        return
    shown = -SECONDS_BETWEEN_LINES

    def tell(what: str) -> None:
        nonlocal shown
        if time.monotonic() - shown >= SECONDS_BETWEEN_LINES:
            shown = time.monotonic()
            click.echo(what, err=True)

    tell(first)
    yield tell
