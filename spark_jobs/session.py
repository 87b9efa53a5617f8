"""The only module that builds a SparkSession."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from conf.errors import SettingsError
from conf.settings import CONF, Spark
from spark_jobs import jars

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
_JAVA = "spark.driver.extraJavaOptions"


def profile(name: str) -> dict[str, str]:
    """Settings of conf/spark/NAME.conf, one `key value` a line."""
    path = CONF / "spark" / f"{name}.conf"
    if not path.is_file():
        raise SettingsError(f"no Spark profile {path.name} in conf/spark/")
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))


def get(settings: Spark, **extra: str) -> SparkSession:
    """The process's session: made on first call (6.5 s), shared by every job after."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    # Workers run one numpy thread each: the cores are Spark's to share out.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
    builder = SparkSession.builder.appName("pressing-plant").config("spark.jars", ",".join(jars.paths()))
    builder = builder.config("spark.driver.memory", settings.driver_memory)
    logs = f"-Dlog4j2.configurationFile={(CONF / 'spark' / 'log4j2.properties').as_uri()}"
    conf = {"spark.master": f"local[{settings.cores}]", **DELTA, **profile(settings.profile), **extra}
    conf[_JAVA] = f"{logs} {conf.get(_JAVA, '')}".strip()
    for key, value in conf.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    return session
