"""`plant show`: one listener's list, as the tables have it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from conf.errors import ContractError
from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone

if TYPE_CHECKING:
    from spark_jobs.warehouse import Warehouse

_NEWEST = "select max(run_date) as run_date from charts where surface = $surface"
_LIST = """
select timezone, country, valid_from, filled, tracks, simulated from playlists
where run_date = $run_date and surface = $surface and user_id = $user_id
"""
# The country's list, else the one of everywhere: the empty country sorts last.
_POPULAR = """
select country, tracks, simulated from charts
where run_date = $run_date and surface = $surface and country in ($country, '') order by country desc limit 1
"""


@click.command()
@click.argument("user_id", metavar="USER")
@click.option("--run-date", type=click.DateTime(["%Y-%m-%d"]), help="Monday served; without it, the newest that was made.")
@click.option("--surface", default="discover_weekly", show_default=True)
@printing.json_option
@click.pass_obj
def show_command(options: Options, user_id: str, run_date: datetime | None, surface: str, as_json: bool) -> None:
    """Show the list of one listener: tracks, artists, reasons, and since when it is valid where they live."""
    import_arrow_alone()
    from spark_jobs.warehouse import Warehouse

    warehouse = Warehouse(options.settings().warehouse)
    shown = find(warehouse, user_id, surface, run_date.date() if run_date else None)
    if as_json:
        printing.print_json(shown)
        return
    left = f", {shown['filled']} of them popular ones" if shown["filled"] else ""
    title = f"{surface} of {user_id} for {shown['run_date']}: {len(shown['tracks'])} tracks{left}"
    click.echo(title + (" (simulated listener)" if shown["simulated"] else ""))
    click.echo(shown["note"])
    tracks = [track | {"artists": ", ".join(track["artists"])} for track in shown["tracks"]]
    printing.print_grid(tracks, ("position", "title", "artists", "reason", "source"))


def find(warehouse: Warehouse, user_id: str, surface: str, run_date: date | None) -> dict[str, Any]:
    """The listener's list, or the popular one that they are served; UsageError for a listener nobody knows."""
    from spark_jobs.queries import rows

    run_date = run_date or rows(warehouse, _NEWEST, {"surface": surface})[0]["run_date"]
    if run_date is None:
        raise ContractError(f"no list of {surface} was made yet: run `plant week` first")
    wanted = {"run_date": run_date, "surface": surface}
    own = rows(warehouse, _LIST, {**wanted, "user_id": user_id})
    found = own[0] if own else _popular(warehouse, user_id, wanted)
    return {"user_id": user_id, "surface": surface, "run_date": run_date, "filled": 0, **found, "note": _note(found)}


def _popular(warehouse: Warehouse, user_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
    from spark_jobs.names import check_listener
    from spark_jobs.queries import rows

    check_listener(warehouse, user_id)
    home = rows(warehouse, "select country from users where user_id = $user_id", {"user_id": user_id})
    country = (home[0]["country"] if home else None) or ""
    charts = rows(warehouse, _POPULAR, {**wanted, "country": country})
    if not charts:
        raise ContractError(f"no list of {wanted['surface']} was made for {wanted['run_date']}: run `plant week` for that date")
    return charts[0]


def _note(found: dict[str, Any]) -> str:
    """When the list is valid, or why it is not the listener's own."""
    if "valid_from" not in found:
        return f"no list of their own that week: they are served the popular list of {found['country'] or 'everywhere'}"
    local = found["valid_from"].astimezone(ZoneInfo(found["timezone"]))
    return f"valid from {local:%A %Y-%m-%d %H:%M} in {found['timezone']} ({found['valid_from']:%Y-%m-%d %H:%M} UTC)"
