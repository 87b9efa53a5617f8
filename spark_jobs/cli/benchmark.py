"""`plant benchmark`: the sources on a public split, by the field's own protocol, without a JVM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from conf.errors import UsageError
from spark_jobs.cli import printing


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--sources", metavar="A,B,blend", help="Sources to try, in order; without it all that fit, and their blend.")
@click.option("--tune", "trials", type=click.IntRange(min=0), default=0, metavar="TRIALS", show_default=True,
              help="Settings tried per source on the validation; 0 takes the defaults.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Of the search, and of the validation where no valid.txt names it.")  # fmt: skip
@printing.json_option
def benchmark_command(folder: Path, sources: str | None, trials: int, seed: int, as_json: bool) -> None:
    """Measure sources on DIR: train.txt and test.txt (and valid.txt), or one file of chronological sequences.

    Settings are chosen on the validation, models trained again on all but the test, and all items ranked.
    """
    from spark_jobs.cli.progress import doing
    from spark_jobs.evaluation import benchmark, public_splits

    split = public_splits.read(folder, seed)
    names = _names(sources, split.kind)
    with doing("reading") as tell:
        rows = benchmark.measure(split, names, trials, seed, tell)
    document = {"dataset": split.name, "rows": rows}
    if as_json:
        printing.print_json(document)
    else:
        _print(split.name, rows)


def _names(given: str | None, kind: str) -> list[str]:
    from spark_jobs.evaluation.benchmark import BLEND
    from spark_jobs.evaluation.search_spaces import CONTESTANTS, IN_ORDER

    possible = [name for name in CONTESTANTS if kind == "sequences" or name not in IN_ORDER]
    if given is None:
        return [*possible, BLEND]
    names = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in names if name not in {*possible, BLEND}]
    if unknown or not names:
        what = f"{', '.join(unknown)} cannot be tried on {kind}" if unknown else "--sources names none"
        raise UsageError(f"benchmark: {what}; choose among {', '.join([*possible, BLEND])}")
    if names == [BLEND]:  # a blend of nothing is nothing: it takes all
        return [*possible, BLEND]
    return list(dict.fromkeys(names))


def _print(name: str, rows: list[dict[str, Any]]) -> None:
    shown = []
    for row in rows:
        if "error" in row:
            click.echo(f"{row['source']} failed and is left out: {row['error']}", err=True)
            continue
        metrics = {key: f"{value:.4f}" for key, value in row.items() if "@" in key and not key.endswith("_interval")}
        spread = {f"{key} 95 %": "{:.4f} {:.4f}".format(*row[f"{key}_interval"]) for key in metrics}
        params = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row["params"].items()
        )
        shown.append(
            {"source": row["source"], **metrics, **spread, "cpu_s": row["cpu_s"], "peak_mb": row["peak_mb"], "params": params}
        )
    if shown:
        printing.print_grid(shown, list(shown[0]), title=name)
