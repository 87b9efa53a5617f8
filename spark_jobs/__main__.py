"""`python -m spark_jobs`: the same as the installed `plant`."""

from spark_jobs.cli.main import run

run()
