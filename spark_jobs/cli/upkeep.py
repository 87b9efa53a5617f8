"""`plant migrate` and `plant vacuum`: bring tables to their contract, and drop what retention allows."""

from __future__ import annotations

import click

from conf.features.feature import TABLE_OF
from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@printing.json_option
@click.pass_obj
def migrate_command(options: Options, dry_run: bool, as_json: bool) -> None:
    """Bring tables of an older contract to today's; nothing happens to those that keep it."""
    import_arrow_alone()
    from spark_jobs import migrations
    from spark_jobs.lease import held
    from spark_jobs.warehouse import Warehouse

    settings = options.settings()
    warehouse = Warehouse(settings.warehouse)
    with held(warehouse.root, "migrate", settings.lease_minutes):
        planned = migrations.plan(warehouse)
        for migration in () if dry_run else planned:
            migrations.apply(warehouse, migration)
    rows = [{"table": m.table.name, "step": step, "done": not dry_run} for m in planned for step in m.steps]
    if as_json:
        printing.print_json(rows)
    elif rows:
        printing.print_grid(rows, ("table", "step", "done"))
    else:
        click.echo("every table keeps its contract: nothing to migrate")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@printing.json_option
@click.pass_obj
def vacuum_command(options: Options, dry_run: bool, as_json: bool) -> None:
    """Drop rows past their retention, then files and artefacts that no week within the backfill horizon needs.

    Feature tables get one file a week once a week is old.
    """
    import_arrow_alone()
    from spark_jobs import retention
    from spark_jobs.lease import held
    from spark_jobs.warehouse import Warehouse

    settings = options.settings()
    warehouse = Warehouse(settings.warehouse)
    with held(warehouse.root, "vacuum", settings.lease_minutes):
        store = settings.feature_store
        dropped = retention.vacuum(warehouse, dry_run, store.keep_days)
        packed = retention.compact(warehouse, TABLE_OF.values(), store.compact_days, dry_run)
        artefacts = retention.stray_artefacts(warehouse)
        if not dry_run:
            retention.drop_artefacts(artefacts)
    rows = [{"table": d.table, "rows before": d.before, "rows": d.rows, "files": d.files} for d in dropped]
    rows.append({"table": "(artefacts)", "rows before": None, "rows": None, "files": len(artefacts)})
    if as_json:
        printing.print_json({"dry_run": dry_run, "dropped": rows, "packed": packed})
        return
    printing.print_grid(rows, ("table", "rows before", "rows", "files"), title="would go" if dry_run else "gone")
    click.echo(f"files of old weeks of features packed: {sum(packed.values())}")
