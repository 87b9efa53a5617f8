"""`plant tables`, `plant sql` and `plant graph`: look at the line without a JVM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from conf.contract import Table
from conf.errors import DiskError
from conf.pipeline import JOBS
from conf.tables import TABLES
from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone
from spark_jobs.graph import mermaid

if TYPE_CHECKING:
    from spark_jobs.warehouse import Warehouse


@click.command()
@printing.json_option
@click.pass_obj
def tables_command(options: Options, as_json: bool) -> None:
    """List the tables: rows, versions, size, newest partition, meaning, owner."""
    import_arrow_alone()
    from spark_jobs.warehouse import Warehouse

    warehouse = Warehouse(options.settings().warehouse)
    rows = [_described(warehouse, table) for table in TABLES.values()]
    if as_json:
        printing.print_json(rows)
        return
    shown = [row | {"size": "" if row["bytes"] is None else printing.size(row["bytes"])} for row in rows]
    columns = ("name", "rows", "version", "size", "newest", "owner", "meaning")
    printing.print_grid(shown, columns)


def _described(warehouse: Warehouse, table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {"name": table.name, "rows": None, "version": None, "bytes": None, "newest": None}
    row |= {"owner": ", ".join(owners(table)), "meaning": table.meaning}
    if not warehouse.exists(table):
        return row
    try:
        state = warehouse.state(table)
    except DiskError as torn:  # one damaged table must not hide the others
        return row | {"meaning": str(torn)}
    return row | {"rows": state.rows, "version": state.version, "bytes": sum(state.files.values()), "newest": state.newest}


def owners(table: Table) -> list[str]:
    """Jobs that write the table; `runner` for the book that every job writes.

    >>> owners(TABLES["sessions"]), owners(TABLES["runs"])
    (['sessionize'], ['runner'])
    """
    return [job.name for job in JOBS if table in job.writes] or ["runner"]


@click.command()
@click.argument("statement")
@printing.json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.pass_obj
def sql_command(options: Options, statement: str, as_json: bool, as_csv: bool) -> None:
    """Ask the tables: one read-only STATEMENT in DuckDB's SQL, e.g. "select count(*) from listens"."""
    import_arrow_alone()
    from spark_jobs.queries import ask
    from spark_jobs.warehouse import Warehouse

    answer = ask(Warehouse(options.settings().warehouse), statement)
    if as_json:
        printing.print_json_rows(answer.rows())
    elif as_csv:
        printing.print_csv(answer.rows(), answer.schema.names)
    elif left_out := printing.print_grid(answer.rows(), answer.schema.names):
        click.echo(f"{left_out:,} more rows: --csv or --json prints them all", err=True)


@click.command()
def graph_command() -> None:
    """Draw jobs and tables as a mermaid flowchart."""
    click.echo(mermaid(JOBS))
