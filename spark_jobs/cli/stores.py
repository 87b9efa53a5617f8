"""`plant rollback`: last week's lists again, in every store, in less than a second."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from conf.errors import FactoryError
from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone

if TYPE_CHECKING:
    from pathlib import Path

    from exports.generations import Manifest, Pointer
    from exports.stores import Store


@click.command()
@click.argument("surface", metavar="SURFACE")
@click.option("--store", "only", metavar="NAME", help="This store alone.")
@click.option(
    "--release", is_flag=True, help="Take the pin of a rollback away instead: the withdrawn week may be served again."
)
@printing.json_option
@click.pass_obj
def rollback_command(options: Options, surface: str, only: str | None, release: bool, as_json: bool) -> None:
    """Serve the previous generation of SURFACE again, and pin it: runs for the withdrawn week leave it alone.

    Takes the lease by force, so a run that is about to publish stops first. Stores that answer are rolled back even when
    another one is away; the exit code then is the failed store's.
    """
    from spark_jobs.lease import held
    from spark_jobs.on_air import store, store_names

    settings = options.settings()
    names = store_names(settings, surface, only)
    moved, failed = [], []
    root = settings.warehouse.resolve()
    with held(root, "rollback", 1.0, force=True):
        for name in names:
            try:
                with store(settings, surface, name) as opened:
                    moved.append(_move(opened, surface, release))
            except FactoryError as refused:
                failed.append(refused)
        if moved:  # pointers first, books later: readers wait for nothing
            _record(root, moved)
    if as_json:
        printing.print_json({"moved": moved, "failed": [str(error) for error in failed]})
    elif moved:
        printing.print_grid(moved, ("surface", "store", "action", "run_date", "generation", "records", "epoch"))
    if failed:
        raise type(failed[0])("; ".join(map(str, failed)))


def _move(store: Store, surface: str, release: bool) -> dict[str, Any]:
    from exports import rollback

    pointer = (rollback.release if release else rollback.rollback)(store, surface)
    return _row(store.name, surface, "release" if release else "rollback", pointer, store.manifest(surface, pointer.generation))


def _row(store: str, surface: str, action: str, pointer: Pointer, manifest: Manifest | None) -> dict[str, Any]:
    """Row of `publications`."""
    return {
        "run_date": pointer.run_date,
        "surface": surface,
        "store": store,
        "generation": pointer.generation,
        "epoch": pointer.epoch,
        "action": action,
        "records": manifest.records if manifest else 0,
        "at": datetime.now(UTC),
    }


def _record(root: Path, moved: list[dict[str, Any]]) -> None:
    import_arrow_alone()
    import pyarrow as pa

    from conf.tables import PUBLICATIONS
    from spark_jobs.schema import arrow_schema
    from spark_jobs.warehouse import Warehouse

    Warehouse(root).write_arrow(PUBLICATIONS, pa.Table.from_pylist(moved, schema=arrow_schema(PUBLICATIONS)), "")
