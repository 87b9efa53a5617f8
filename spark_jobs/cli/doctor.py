"""`plant doctor`: what is installed, what is damaged, and what to do about it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

import click

from conf.errors import EXIT_BAD_DATA, EXIT_DONE
from conf.settings import Settings
from spark_jobs.cli import printing
from spark_jobs.cli.main import Options
from spark_jobs.cli.quick_start import import_arrow_alone

PACKAGES = ("pyspark", "deltalake", "pyarrow", "duckdb", "numpy", "onnxruntime", "redis", "apache-airflow")


@click.command()
@printing.json_option
@click.pass_obj
def doctor_command(options: Options, as_json: bool) -> int:
    """Say what is installed and what is damaged; exit 65 when something is.

    Looks at the jars' hashes, disk space, every table's log and files, every artefact's hashes, the lease and the stores.
    """
    import_arrow_alone()
    from spark_jobs.checkup import examine

    settings = options.settings()
    facts = installed(settings)
    findings = [asdict(finding) for finding in examine(settings)]
    if as_json:
        printing.print_json({"installed": facts, "damaged": findings})
    else:
        printing.print_grid([{"what": k, "version": v} for k, v in facts.items()], ("what", "version"), "installed")
        if findings:
            printing.print_grid(findings, ("what", "where", "seen", "remedy"), "damaged")
        else:
            click.echo("nothing is damaged")
    return EXIT_BAD_DATA if findings else EXIT_DONE


def installed(settings: Settings) -> dict[str, str]:
    """What the factory stands on, and where the warehouse has how much room."""
    from spark_jobs import jars

    facts = {"python": sys.version.split()[0], "java": _java()}
    facts |= {name: _version(name) for name in PACKAGES}
    for coordinate, digest in jars.locked().items():
        facts[coordinate] = f"sha256 {digest[:12]}" if jars.path_of(coordinate).is_file() else "missing: make setup"
    root = settings.warehouse.resolve()
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    return facts | {"disk": f"{printing.size(shutil.disk_usage(place).free)} free below {settings.warehouse}"}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing: make setup"


def _java() -> str:
    """Version of the Java that Spark would start."""
    try:
        answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "missing: install a headless Java 17 or newer"
    found = re.search(r'version "([^"]+)"', answer.stderr)
    return found.group(1) if found else "not recognised"
