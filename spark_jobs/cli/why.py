"""`plant why`: why a track is on a listener's list at its place, or why it is not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from conf.contexts import CONTEXTS
from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone

Row = dict[str, Any]


@click.command()
@click.argument("user_id", metavar="USER")
@click.argument("track", metavar="TRACK")
@click.option("--run-date", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Monday served.")
@click.option("--context", type=click.Choice(CONTEXTS), default="any", show_default=True, help="The order for which context.")
@printing.json_option
@click.pass_obj
def why_command(options: Options, user_id: str, track: str, run_date: datetime, context: str, as_json: bool) -> None:
    """Say why TRACK, an id or a title, is on the list of USER, or which rule or rank keeps it off."""
    import_arrow_alone()
    from spark_jobs.warehouse import Warehouse
    from spark_jobs.why.account import account

    settings = options.settings()
    found = account(Warehouse(settings.warehouse), settings, user_id, track, run_date.date(), context)
    if as_json:
        printing.print_json(found)
    else:
        _print(found)


def _print(found: Row) -> None:
    track = found["track"]
    who = f"{track['title'] or track['track_id']} by {', '.join(track['artists']) or 'nobody known'} ({track['track_id']})"
    marked = " (simulated)" if found["simulated"] else ""
    click.echo(f"{who} and {found['user_id']}{marked}, week of {found['run_date']}, context {found['context']}")
    verdict = found["verdict"]
    click.echo(f"{'listed' if verdict['listed'] else 'not listed'}: {verdict['told']}")
    for other in verdict.get("also", ()):
        click.echo(f"also: {other['told']}")
    for note in found["notes"]:
        click.echo(f"note: {note}")
    if "proposals" not in found:
        return
    _proposals(found)
    if found["reasons"]:
        click.echo()
        rows = [{"source": row["source"], "says": row["told"]} for row in found["reasons"]]
        printing.print_grid(rows, ("source", "says"), "what the sources say")
    _ranker(found["ranker"])


def _proposals(found: Row) -> None:
    lines = [_proposal(row) for row in found["proposals"]]
    blend = found["blend"]
    if blend:
        via = f"mostly {blend['via']}" if blend["via"] else ""
        lines.append(_proposal({"source": "blend", "weight": None, **blend}) | {"heard before": via})
    click.echo()
    printing.print_grid(lines, ("source", "rank", "score", "weight", "heard before"), "who proposed it")


def _proposal(row: Row) -> Row:
    rank = (
        f"{row['rank']:>3} of {row['of']}" if row["rank"] else f"not among its {row['of']}" if row["of"] else "proposed nothing"
    )
    score = "" if row["score"] is None else f"{row['score']:.4g}"
    weight = "" if row["weight"] is None else f"{row['weight']:.3f}"
    return {"source": row["source"], "rank": rank, "score": score, "weight": weight, "heard before": row["because"] or ""}


def _ranker(judged: Row | None) -> None:
    """The model's verdict and the features behind it."""
    if judged is None:
        return
    click.echo(f"\n{judged['told']}")
    for note in judged["notes"]:
        click.echo(f"note: {note}")
    if judged["drivers"]:
        rows = [
            {"feature": row["feature"], "says": row["meaning"], "value": row["told"], "effect": f"{row['effect']:+8.4f}"}
            for row in judged["drivers"]
        ]
        printing.print_grid(rows, ("effect", "feature", "value", "says"), "what moved its score (SHAP)")
