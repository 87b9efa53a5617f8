"""`plant backtest`: every source, their blend and the ranker on past weeks of the warehouse's own log, without a JVM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from conf.errors import ContractError, UsageError
from spark_jobs.cli import printing
from spark_jobs.cli.main import Options


@click.command()
@click.option(
    "--weeks", type=click.IntRange(min=1), default=4, show_default=True, help="Weeks judged; one more teaches the blend."
)
@click.option("--listeners", type=click.IntRange(min=1), default=20_000, show_default=True, help="Listeners replayed at most.")
@click.option("--sources", metavar="A,B", help="Sources to compare, in order; without it all.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where backtest.png and backtest.html go; else beside the warehouse.",
)
@click.option("--ranker/--no-ranker", default=True, show_default=True, help="Teach and judge the ranker too.")
@printing.json_option
@click.pass_obj
def backtest_command(
    options: Options, weeks: int, listeners: int, sources: str | None, out: Path | None, ranker: bool, as_json: bool
) -> None:
    """Judge sources, blend and ranker on discoveries of past weeks; writes `metrics` (surface backtest), a plot and a page."""
    from spark_jobs.cli.progress import doing
    from spark_jobs.evaluation import backtest, backtest_report
    from spark_jobs.evaluation.backtest_input import load
    from spark_jobs.lease import held

    settings = options.settings()
    names = _names(sources)
    with held(settings.warehouse.resolve(), "backtest", settings.lease_minutes), doing("reading the log") as tell:
        given = load(settings, weeks, listeners)
        trial = given.trial(settings) if ranker else None
        folds = backtest.run(given.past, given.catalogue_of, settings, names, tell, trial)
        if not any(len(fold.code) for fold in folds):
            raise ContractError("backtest: nobody discovered a track in the judged weeks; give a longer log or fewer --weeks")
        card = given.card(settings.evaluate)
        rows = backtest_report.rows(folds, card)
        given.store(rows)
        title = f"{weeks} weeks to {card.cut}, {given.replay_size}"
        notes = _notes(folds, given.simulated)
        paths = backtest_report.write(out or settings.warehouse.resolve().parent / "backtest", rows, title, notes)
    if as_json:
        printing.print_json(
            {"rows": rows, "weights": {str(f.cut.day): f.weights for f in folds}, "files": [str(p) for p in paths]}
        )
        return
    lines = backtest_report.summary(rows)
    printing.print_grid(lines, list(lines[0]), title)
    for line in [*backtest_report.verdicts(rows), *notes, *map(str, paths)]:
        click.echo(line)


def _names(given: str | None) -> list[str]:
    from models.sources.kinds import SOURCES

    names = list(SOURCES) if given is None else [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in SOURCES]:
        raise UsageError(f"backtest: no source is called {', '.join(unknown)}; sources are {', '.join(SOURCES)}")
    if not names:
        raise UsageError(f"backtest: --sources names none; sources are {', '.join(SOURCES)}")
    return list(dict.fromkeys(names))


def _notes(folds: list[Any], simulated: bool) -> list[str]:
    weights = {name: sum(f.weights.get(name, 0.0) for f in folds) / len(folds) for f in folds for name in f.weights}
    told = ", ".join(f"{name} {weight:.2f}" for name, weight in sorted(weights.items(), key=lambda pair: -pair[1]))
    notes = [f"weights of the blend, mean over weeks: {told}"]
    notes += [f"the ranker's gate, week of {fold.cut.day}: {fold.gate}" for fold in folds if fold.gate]
    if moved := {name: max(f.drift.get(name, 0.0) for f in folds) for f in folds for name in f.drift}:
        worst = max(moved, key=lambda name: moved[name])
        notes.append(f"drift of the sources' worths, taught against judged weeks: PSI {moved[worst]:.3f} at most ({worst})")
    failed = {f"{name}: {why}" for fold in folds for name, why in fold.failed.items()}
    notes += [f"left out, {line}" for line in sorted(failed)]
    return [*notes, *(["plays are simulated"] if simulated else [])]
