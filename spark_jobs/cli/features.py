"""`plant features`: the catalogue of features, whether the store keeps its promises, and a slice of it built again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

import click

from conf.errors import EXIT_BAD_DATA, ContractError, UsageError
from conf.features.feature import Entity, Feature, Layer
from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone

if TYPE_CHECKING:
    from spark_jobs.feature_check import Checked

_SHOWN = ("name", "layer", "entity", "type", "unit", "domain", "owner", "fresh_days", "default", "hot")
_CHECKED = ("name", "entity", "newest", "age days", "rows", "null share", "outside", "psi", "verdict")


@click.command()
@click.option("--entity", type=click.Choice(get_args(Entity)), help="Features of this entity alone.")
@click.option("--layer", type=click.Choice(get_args(Layer)), help="Features of this layer alone.")
@click.option(
    "--check", "as_check", is_flag=True, help="Compare the store with the promises; exit code 65 where one is broken."
)
@click.option("--run-date", type=click.DateTime(["%Y-%m-%d"]), help="Monday to check or build; a check takes the newest.")
@click.option("--shard", metavar="I/N", help="Build the features of this slice of the listeners again, for --run-date.")
@printing.json_option
@click.pass_obj
def features_command(
    options: Options,
    entity: Entity | None,
    layer: Layer | None,
    as_check: bool,
    run_date: datetime | None,
    shard: str | None,
    as_json: bool,
) -> int:
    """List every feature: layer, entity, type, unit, domain, owner, freshness promise, default when missing."""
    if shard is not None:
        if run_date is None or as_check:
            raise UsageError("--shard builds one week's slice: give it --run-date, and no --check")
        _rebuild(options, shard, run_date)
        return 0
    from conf.features.catalogue import CATALOGUE

    chosen = [f for f in CATALOGUE if entity in (None, f.entity) and layer in (None, f.layer)]
    if as_check:
        return _check(options, chosen, run_date, as_json)
    rows = [described(feature) for feature in chosen]
    if as_json:
        printing.print_json(rows)
    else:
        printing.print_grid(rows, _SHOWN)
    return 0


def described(feature: Feature) -> dict[str, Any]:
    """One row of the catalogue."""
    return asdict(feature) | {"domain": feature.domain}


def _check(options: Options, chosen: Iterable[Feature], run_date: datetime | None, as_json: bool) -> int:
    import_arrow_alone()
    from spark_jobs.feature_check import check, newest_week
    from spark_jobs.warehouse import Warehouse

    settings = options.settings()
    warehouse = Warehouse(settings.warehouse)
    monday = run_date.date() if run_date else newest_week(warehouse)
    if monday is None:
        raise ContractError("no features were built yet: run `plant week` first")
    stored = [feature for feature in chosen if feature.entity != "pair"]
    rows = [_row(found) for found in check(warehouse, monday, stored, settings.feature_store.max_listeners)]
    broken = [row for row in rows if row["verdict"] not in ("ok", "moved")]
    if as_json:
        printing.print_json({"run_date": monday, "broken": len(broken), "features": rows})
    else:
        printing.print_grid(rows, _CHECKED, title=f"features on {monday}: {len(broken)} of {len(rows)} break a promise")
    return EXIT_BAD_DATA if broken else 0


def _row(found: Checked) -> dict[str, Any]:
    rounded = {"null share": found.null_share, "psi": found.psi}
    return {
        "name": found.feature.name,
        "entity": found.feature.entity,
        "newest": found.newest,
        "age days": found.age_days,
        "rows": found.rows,
        "outside": found.outside,
        "verdict": found.verdict,
        **{name: None if value is None else round(value, 4) for name, value in rounded.items()},
    }


def _rebuild(options: Options, shard: str, run_date: datetime) -> None:
    from conf.pipeline import BY_NAME
    from spark_jobs.lease import held
    from spark_jobs.runner import Plant, run_job

    job, day = BY_NAME["build_listener_features"], run_date.date()
    settings = options.settings(build_listener_features={"shard": shard})
    with held(settings.warehouse.resolve(), f"features {shard} {day}", settings.lease_minutes) as lease:
        written = run_job(Plant(settings, lease), job, day)
    click.echo(json.dumps({"job": job.name, "run_date": str(day), "shard": shard, "rows": written.rows}))
