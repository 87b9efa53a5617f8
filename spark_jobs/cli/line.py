"""`plant run` and `plant week`: the line itself."""

from __future__ import annotations

import dataclasses
import json
import time
from datetime import date, datetime

import click

from conf.errors import UsageError
from conf.pipeline import BY_NAME
from spark_jobs.cli.main import Options

DATE = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("job", metavar="JOB")
@click.option("--run-date", type=DATE, required=True, help="Monday served (weekly jobs) or day taken in (daily jobs).")
@click.option("--fresh", is_flag=True, help="Read the newest rows instead of those that this date recorded.")
@click.pass_obj
def run_command(options: Options, job: str, run_date: datetime, fresh: bool) -> None:
    """Run one JOB for one date."""
    if job not in BY_NAME:
        raise UsageError(f"no job is called {job}: jobs are {', '.join(BY_NAME)}")
    from spark_jobs.lease import held
    from spark_jobs.runner import Plant, run_job
    from spark_jobs.week import in_use

    day = run_date.date()
    settings = options.settings()
    if not in_use(BY_NAME[job], settings):
        click.echo(f"plant: {job} has nothing to do: generate_candidates.sources does not name its source", err=True)
        return
    with held(settings.warehouse.resolve(), f"run {job} {day}", settings.lease_minutes) as lease:
        plant = Plant(settings, lease)
        plant.books.pack()
        edition = plant.books.edition(day) + 1 if fresh else None
        written = run_job(plant, BY_NAME[job], day, edition)
    click.echo(json.dumps({"job": job, "run_date": str(day), "rows": written.rows, "versions": written.versions}))


@click.command()
@click.option("--run-date", type=DATE, help="Monday served; without it, the newest that the landing folder reaches.")
@click.option("--from", "start", metavar="JOB", help="Start at this job.")
@click.option("--only", metavar="JOB", help="Run this job alone.")
@click.option("--fresh", is_flag=True, help="Read the newest rows instead of those that this week recorded.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def week_command(
    options: Options, run_date: datetime | None, start: str | None, only: str | None, fresh: bool, as_json: bool
) -> None:
    """Run the whole line for one Monday: intake, models, lists, publishing, evaluation."""
    from spark_jobs.cli.summary import print_week, progress
    from spark_jobs.landing_note import monday_to_serve
    from spark_jobs.lease import held
    from spark_jobs.runner import Plant
    from spark_jobs.week import choose, run_week

    settings = options.settings()
    chosen = choose(start, only)
    monday = run_date.date() if run_date else monday_to_serve(settings.landing, date.today())
    begin = time.monotonic()
    with held(settings.warehouse.resolve(), f"week {monday}", settings.lease_minutes) as lease, progress() as tell:
        plant = Plant(settings, lease)
        done = run_week(plant, monday, chosen, fresh, tell)
    seconds = time.monotonic() - begin
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(d) | {"run_date": str(d.run_date)} for d in done]))
    else:
        print_week(plant, monday, done, seconds)
