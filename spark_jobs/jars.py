"""Spark's two Delta jars: fetched once by coordinate through Spark's own Ivy, checked by sha256, then local paths only.

`python -m spark_jobs.jars` is the set-up step. They lie below the virtual environment, so a new one fetches them anew.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from conf.errors import ContractError, StoreAwayError
from conf.settings import CONF
from spark_jobs.artefacts import file_sha256

HOME = Path(sys.prefix) / "jars"
# Everything else that the coordinates would pull stands in PySpark already, at other versions.
EXCLUDED = "org.*:*,com.*:*,commons-*:*,io.airlift:*,io.unitycatalog:*,javax.*:*,io.delta:delta-kernel-*"


def locked() -> dict[str, str]:
    """Coordinate -> sha256, from conf/jars.lock."""
    lines = (CONF / "jars.lock").read_text().splitlines()
    pairs = (line.split() for line in lines if line and not line.startswith("#"))
    return dict((coordinate, digest) for coordinate, digest in pairs)


def path_of(coordinate: str) -> Path:
    """Local path of a coordinate's jar.

    >>> path_of("io.delta:delta-storage:4.4.0").name
    'delta-storage-4.4.0.jar'
    """
    _, artefact, version = coordinate.split(":")
    return HOME / f"{artefact}-{version}.jar"


def paths() -> list[str]:
    """Paths of all locked jars; ContractError where one is missing or is not the locked one."""
    for coordinate, digest in locked().items():
        jar = path_of(coordinate)
        if not jar.is_file() or file_sha256(jar) != digest:
            state = "missing" if not jar.is_file() else "not the one of conf/jars.lock"
            raise ContractError(f"jar {jar.name} is {state}: run `make setup`")
    return [str(path_of(c)) for c in locked()]


def fetch() -> None:
    """Fetch what is missing or damaged. A no-op when all is there."""
    try:
        paths()
        return
    except ContractError:
        HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ivy-", dir=HOME) as ivy:
        _resolve(ivy)
        for coordinate in locked():
            group, artefact, version = coordinate.split(":")
            found = Path(ivy) / "jars" / f"{group}_{artefact}-{version}.jar"
            if found.is_file():
                os.replace(shutil.copy(found, HOME / f".{found.name}"), path_of(coordinate))
    paths()


def _resolve(ivy: str) -> None:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.jars.ivy", ivy).config("spark.jars.packages", ",".join(locked()))
    try:
        builder.config("spark.jars.excludes", EXCLUDED).getOrCreate().stop()
    except Exception as failed:  # Ivy's failure reaches Python as "Java gateway process exited"
        raise StoreAwayError(
            f"could not fetch {', '.join(locked())} ({type(failed).__name__}): is the network there, and Java 17+?"
        ) from failed


if __name__ == "__main__":
    fetch()
    print(f"jars: {len(locked())} checked in {HOME.name}/")
