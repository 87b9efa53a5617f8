"""`plant simulate` and `plant import`: commands that write a landing folder."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import click

from conf.errors import UsageError
from conf.landing import truth_beside
from spark_jobs.cli.main import Options

DATE = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("size", metavar="SIZE")
@click.option("--landing", type=click.Path(path_type=Path), help="Where to write; default: the settings' landing folder.")
@click.option(
    "--truth", type=click.Path(path_type=Path), help="Where the planted truth goes; default: beside the landing folder."
)
@click.option("--seed", default=1, show_default=True, help="Same seed, same bytes.")
@click.option("--listeners", type=click.IntRange(1), help="Number of listeners, instead of the size's own.")
@click.option("--audio", type=click.IntRange(0), help="Tracks that have a sound file, instead of the size's own number.")
@click.option("--until", type=DATE, help="First day without listens; default: the world's own end.")
@click.option("--plain", is_flag=True, help="Without planted dirt.")
@click.option("--keep", is_flag=True, help="Do nothing where the landing folder already holds this world.")
@click.pass_obj
def simulate_command(
    options: Options, size: str, landing: Path | None, truth: Path | None, seed: int, listeners: int | None,
    audio: int | None, until: datetime | None, plain: bool, keep: bool,
) -> None:  # fmt: skip
    """Write a simulated world of SIZE tiny, demo or city, and its truth, in the landing format."""
    from models.world import SIZES, WORLD_END
    from spark_jobs import landing_note
    from spark_jobs.intake.simulate import simulate

    if size not in SIZES:
        raise UsageError(f"no world is called {size}: sizes are {', '.join(SIZES)}")
    settings = replace(options, landing=landing or options.landing).settings()
    place = settings.landing.resolve()
    truth = (truth or settings.truth or truth_beside(place)).resolve()
    note = landing_note.LandingNote(f"simulated {size}", str(until.date() if until else WORLD_END), seed, simulated=True)
    if keep and landing_note.read(place) == note:
        click.echo(f"landing folder already holds the simulated {size} world of seed {seed}", err=True)
        return
    if landing_note.read(place) is not None:
        raise UsageError(f"{place} already holds a landing folder: choose another --landing, or remove it first")
    day = until.date() if until else WORLD_END
    summary = simulate(size, seed, place, truth, until=day, listeners=listeners, audio=audio, plain=plain)
    note.write(place)
    click.echo(json.dumps(asdict(summary), default=str))


@click.command(name="import")
@click.argument("name", metavar="FORMAT")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--landing", type=click.Path(path_type=Path), help="Where to write; default: the settings' landing folder.")
@click.option("--tracks", type=click.Path(path_type=Path), help="Folder of real tracks to hang under the artists (lastfm-2k).")
@click.option("--seed", type=int, help="Seed of whatever has to be simulated.")
@click.option("--until", type=DATE, help="First day without listens, where days are simulated.")
@click.option("--user", help="Listener id, where the source names none.")
@click.pass_obj
def import_command(
    options: Options, name: str, source: Path, landing: Path | None, tracks: Path | None, seed: int | None,
    until: datetime | None, user: str | None,
) -> None:  # fmt: skip
    """Write a landing folder from real listening data."""
    from spark_jobs import landing_note
    from spark_jobs.intake.importers import importer

    chosen = importer(name)
    place = (landing or options.settings().landing).resolve()
    given = {"tracks": tracks, "until": until.date() if until else None, "user_id": user, "seed": seed}
    report = chosen.run(source, place, given)
    if until_day := report.facts.get("until"):
        landing_note.LandingNote(f"import {name}", str(until_day), report.facts.get("seed")).write(place)
    click.echo(json.dumps(report.as_dict()))
