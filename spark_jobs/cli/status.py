"""`plant status`: last runs, what each store serves, why red, what to do next."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone

if TYPE_CHECKING:
    from spark_jobs.on_air import OnAir


@click.command()
@printing.json_option
@click.pass_obj
def status_command(options: Options, as_json: bool) -> None:
    """Say how the last runs ended, which generation each store serves, why something is red, and what to do next."""
    import_arrow_alone()
    from spark_jobs import line_state
    from spark_jobs.on_air import on_air
    from spark_jobs.warehouse import Warehouse

    settings = options.settings()
    warehouse = Warehouse(settings.warehouse)
    attempts = line_state.last_attempts(warehouse)
    document = {
        "runs": [asdict(attempt) for attempt in attempts],
        "stores": [_served(state) for state in on_air(settings)],
        "refused": line_state.refused(warehouse, attempts),
        "next": line_state.next_command(attempts, _typed(options)),
    }
    if as_json:
        printing.print_json(document)
    else:
        _print(document)


def _served(state: OnAir) -> dict[str, Any]:
    row: dict[str, Any] = {"surface": state.surface, "store": state.store, "state": state.error or "nothing published yet"}
    row |= dict.fromkeys(("run_date", "generation", "records", "previous", "epoch", "pinned"))
    if state.status is None or state.status.pointer is None:
        return row
    pointer, manifest = state.status.pointer, state.status.manifest
    verdict = "serves" if manifest else "its generation is missing: plant doctor"
    row |= {name: getattr(pointer, name) for name in ("run_date", "generation", "previous", "epoch", "pinned")}
    return row | {"state": verdict, "records": manifest.records if manifest else None}


def _print(document: dict[str, Any]) -> None:
    if runs := document["runs"]:
        shown = [row | {"seconds": None if row["seconds"] is None else f"{row['seconds']:.1f}"} for row in runs]
        shown = [row | {"at": row["at"].strftime("%Y-%m-%d %H:%M:%S")} for row in shown]
        printing.print_grid(shown, ("job", "run_date", "state", "seconds", "at"), "last runs (UTC)")
    printing.print_grid(
        document["stores"], ("surface", "store", "state", "run_date", "generation", "records", "epoch", "pinned"), "stores"
    )
    told = [row for row in runs if row["message"]]
    if told:
        printing.print_grid(told, ("job", "exit_code", "message"), "why red, and what was left out")
    if document["refused"]:
        printing.print_grid(document["refused"], ("job", "reason", "rows", "example"), "refused rows")
    click.echo(f"next: {document['next']}")


def _typed(options: Options) -> str:
    """The command as it was typed, so that the next one can be copied."""
    given = (("--env", options.env), ("--landing", options.landing), ("--warehouse", options.warehouse))
    return " ".join(["plant", *(f"{name} {value}" for name, value in given if value is not None)])
