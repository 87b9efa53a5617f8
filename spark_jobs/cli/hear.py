"""`plant hear`: tempo, key, loudness and mood of any audio files, without a JVM; the first answer takes a second or two."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click
import orjson

from conf.errors import EXIT_BAD_DATA, EXIT_DONE, UsageError

if TYPE_CHECKING:  # numpy and scipy cost half a second, --help needs neither
    from spark_jobs.hearing.ear import FileHeard
    from spark_jobs.hearing.rows import Row

# Up to so many files this process listens itself: a second one would take longer to start than they take to hear.
HEARD_HERE = 3


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line and file, as they come.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="OUT.png",
    help="Draw the one file: waveform, spectrogram, beat, and pitch over time.",
)
def hear_command(paths: tuple[Path, ...], as_json: bool, plot: Path | None) -> int:
    r"""Hear audio files: tempo, key, loudness, energy, mood.

    PATH is a file, or a folder whose files are all heard, whatever they are called; what is hidden is left out.
    Of each file 90 s are heard, from 15 % in. A "?" marks a guess: a tempo or key that is rather wrong than right.

    Results go to stdout in the order of the files, each as soon as it is there; progress and a last line of counts to stderr.

    \b
    Exit codes: 0  at least one file was heard
                64 no files in the folders, or --plot with other than one file
                65 no file could be heard; each line says why
    """
    from spark_jobs.hearing.folders import files_of

    files = list(files_of(paths))
    _check(paths, files, plot)
    started = monotonic()
    with _listening(files, plot) as rows, _printer(len(files)) as (tell, advance):
        from spark_jobs.hearing.lines import HEADER, NOTE, Tally, line_of  # numpy, by now in all processes at once

        tally = Tally()
        if not as_json:
            tell(HEADER)
        for row in rows:
            tell(orjson.dumps(row).decode() if as_json else line_of(row))
            tally.add(row)
            advance()
    if not as_json and tally.heard:
        click.echo(NOTE, err=True)
    click.echo(tally.summary(monotonic() - started), err=True)
    return EXIT_DONE if tally.heard else EXIT_BAD_DATA


def _check(named: Sequence[Path], files: Sequence[Path], plot: Path | None) -> None:
    if not files:
        raise UsageError(f"hear: no files in {', '.join(map(str, named))}; hidden files and special files are left out")
    if plot is None:
        return
    if len(files) != 1:
        raise UsageError(f"hear: --plot draws one file, here are {len(files)}; name one of them, or leave --plot out")
    if plot.suffix.lower() != ".png":  # `plant hear --plot a.mp3 b.mp3` must not draw b over a
        raise UsageError(f"hear: --plot writes a PNG, and {plot} is not called so; give OUT.png")
    if not plot.absolute().parent.is_dir():
        raise UsageError(f"hear: --plot: there is no folder {plot.absolute().parent}; make it first")


@contextmanager
def _listening(files: Sequence[Path], plot: Path | None) -> Iterator[Iterator[Row]]:
    """Row of each file in order: heard here where they are few, else by a process per core."""
    from models.cores import one_blas_thread, usable

    if len(files) > HEARD_HERE:
        from spark_jobs.hearing.crew import Crew

        with Crew(min(usable(), len(files))) as crew:
            yield crew.hear(files)
        return
    from spark_jobs.hearing.ear import Ear
    from spark_jobs.hearing.rows import row_of

    with Ear() as ear, one_blas_thread():
        heard = (ear.hear_file(path) for path in files)
        yield map(row_of, heard) if plot is None else _drawn(heard, plot)


def _drawn(heard: Iterator[FileHeard], out: Path) -> Iterator[Row]:
    """Row of each file, of which there is one; then its portrait goes to `out`, if it was heard."""
    from spark_jobs.hearing.rows import printable, row_of

    for file in heard:
        yield row_of(file)
        if file.heard is not None and file.y is not None and file.duration_s is not None:
            from audio.portrait import portrait

            out.write_bytes(portrait(file.y, file.heard, file.duration_s, printable(Path(file.path.name))))
            click.echo(f"drawn: {out}", err=True)


@contextmanager
def _printer(files: int) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """(print a line to stdout, count a file): with a progress bar below the lines where stderr is a terminal."""
    if not sys.stderr.isatty() or files == 1:
        yield click.echo, lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False)
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("", total=files)
        # On one terminal both must go through the bar, which else would be drawn into the lines; a pipe gets its own.
        above = (lambda line: console.print(line, soft_wrap=True)) if sys.stdout.isatty() else click.echo
        yield above, lambda: bar.advance(task)
