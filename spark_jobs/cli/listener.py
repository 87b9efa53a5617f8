"""`plant listener`: what the factory knows of one listener, as tables, as JSON or as a page with plots."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone

Row = dict[str, Any]


@click.command()
@click.argument("user_id", metavar="USER")
@click.option("--run-date", type=click.DateTime(["%Y-%m-%d"]), help="Monday served; without it, the newest with features.")
@click.option(
    "--html", "page_path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.html", help="Write a page with plots."
)
@printing.json_option
@click.pass_obj
def listener_command(options: Options, user_id: str, run_date: datetime | None, page_path: Path | None, as_json: bool) -> None:
    """Show what is known of one listener: activity, taste, contexts, and where they stand among everybody."""
    import_arrow_alone()
    from spark_jobs.portraits import facts, page
    from spark_jobs.warehouse import Warehouse

    settings = options.settings()
    known = facts.portrait(Warehouse(settings.warehouse), settings, user_id, run_date.date() if run_date else None)
    if page_path:
        page_path.parent.mkdir(parents=True, exist_ok=True)
        page_path.write_text(page.render(known))
    if as_json:
        printing.print_json(known)
    else:
        _print(known)
        if page_path:
            click.echo(f"\n{page_path}")


def _print(known: Row) -> None:
    marked = " (simulated listener)" if known["simulated"] else ""
    click.echo(
        f"{known['user_id']}{marked}, {known['country'] or 'country unknown'}, {known['timezone'] or 'timezone unknown'}"
    )
    fresh = known["freshness"]
    late = "" if fresh["fresh"] else f", {fresh['days_behind']} days behind the newest histories"
    click.echo(f"as of {known['as_of']} 00:00 UTC, before the week of {known['run_date']}{late}")
    _grid("activity", known["activity"])
    _grid("artists", [row | _signed(row, "skip_adjusted", "activation") for row in map(_shared, known["artists"])])
    _grid("genres", [_shared(row) for row in known["genres"]])
    _grid("devices", [{"device": row["name"], "share": _percent(row["share"])} for row in known["devices"]])
    _grid(f"features, against {known['compared_with']:,} listeners", [_feature(row) for row in known["features"]])
    _grid("contexts", [_context(row) for row in known["contexts"]])
    _grid("sessions of the last week", [_session(row) for row in known["week"]])
    _foreign(known["foreign"])
    if known["list"]:
        tracks = [row | {"artists": ", ".join(row["artists"] or [])} for row in known["list"]["tracks"]]
        _grid(f"list of {known['list']['run_date']}: first {len(tracks)} of {known['list']['length']}", tracks)


def _grid(title: str, rows: list[Row]) -> None:
    """A table under its title; nothing where there are no rows."""
    if rows:
        click.echo()
        printing.print_grid(rows, list(rows[0]), title)


def _percent(share: float | None) -> str:
    from spark_jobs.portraits.words import percent

    return "" if share is None else f"{percent(share):>5}"


def _shared(row: Row) -> Row:
    return row | {"affinity": _percent(row["affinity"])}


def _signed(row: Row, *names: str) -> Row:
    return {name: "" if row[name] is None else f"{row[name]:+6.2f}" for name in names}


def _feature(row: Row) -> Row:
    from spark_jobs.portraits.words import stands

    value = "" if row["value"] is None else f"{row['value']:8.3f}"
    told = {"feature": row["name"], "value": value, "unit": row["unit"], "in words": row["told"]}
    return told | {"stands": stands(row["percentile"])}


def _context(row: Row) -> Row:
    devices = ", ".join(f"{device['name']} {_percent(device['share']).strip()}" for device in row["devices"])
    sessions = f"{row['sessions'] or 0:.1f}"
    return {
        "context": row["context"],
        "plays": _percent(row["share"]),
        "sessions": sessions,
        "mostly at": row["hours"],
        "on": devices,
    }


def _session(row: Row) -> Row:
    own = "" if row["own"] else "not their own taste"
    return {
        "local start": row["local"], "plays": row["plays"], "for": row["mode"], "sure": _percent(row["probability"]),
        "device": row["device"], "note": own,
    }  # fmt: skip


def _foreign(found: Row) -> None:
    """What is heard for somebody else, and how to keep it out of taste."""
    if not found["modes"] and not found["share"]:
        return
    share = _percent(found["share"]).strip() or "an unknown share"
    modes = ", ".join(f"{row['mode']} ({_sessions(row['sessions'])}, mostly at {row['hours']})" for row in found["modes"])
    click.echo(f"\nnot their own taste: {share} of the plays of 90 days" + (f": {modes}" if modes else ""))
    click.echo(found["told"])


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"
