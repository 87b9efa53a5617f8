"""One job as one Airflow task: the command line that a person would type, and which of its exit codes deserve another try."""

from __future__ import annotations

import ast
import os
import shlex
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from conf.errors import EXIT_DONE, EXIT_IO, EXIT_SERVICE_AWAY, EXIT_TRY_LATER, MEANING
from conf.job import Job
from conf.lineage import can_go_on_without, does_without

REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT_POOL = "default_pool"
SPARK_POOL = "spark"  # one slot: two local sessions need 2 x 2 GB of driver and wait for the same cores

# A store comes back, a full disk gets emptied, a lease ends. Bad data, a wrong setting or a bug fail again in the same way.
TRYING_AGAIN_HELPS = frozenset({EXIT_SERVICE_AWAY, EXIT_IO, EXIT_TRY_LATER})

# 5, 10, 20, 40 minutes, which Airflow stretches to at most twice that: past the half hour after which a lost lease expires,
# and over by 05:00 on Sunday.
RETRIES: dict[str, Any] = {"retries": 4, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": 2.0}


class FactoryTask(BashOperator):
    """Runs one job of the registry from the repository's root.

    Parameters
    ----------
    job : entry of `conf.pipeline.JOBS`; its name becomes the task id.
    run_date : Jinja template of the run date.
    """

    def __init__(self, *, job: Job, run_date: str, **airflow: Any) -> None:
        super().__init__(
            task_id=job.name,
            bash_command=command(job, run_date),
            cwd=str(REPOSITORY),
            doc_md=arrow(job),
            do_xcom_push=False,
            pool=SPARK_POOL if job.engine == "spark" else DEFAULT_POOL,
            # A source that was left out is skipped, and a job that does without it runs all the same.
            trigger_rule="none_failed" if does_without(job) else "all_success",
            **RETRIES,
            **airflow,
        )
        self.left_out_where_it_fails = can_go_on_without(job)

    def execute(self, context: Context) -> None:
        """Run the command; its exit code decides between done, try again and give up.

        Raises
        ------
        AirflowFailException
            Where trying again cannot help: the task fails at once.
        AirflowException
            Where it can: the task retries.
        AirflowSkipException
            Instead of either's last word, where the week goes on without this job.
        """
        result = self.subprocess_hook.run_command(
            ["bash", "-c", str(self.bash_command)], env=self.get_env(context), cwd=self.cwd
        )
        if result.exit_code == EXIT_DONE:
            return
        told = MEANING.get(result.exit_code, "killed" if result.exit_code < 0 else "no exit code of the factory")
        failure = AirflowException if may_help(result.exit_code) else AirflowFailException
        if self.left_out_where_it_fails and (failure is AirflowFailException or self._is_last_try(context)):
            failure = AirflowSkipException
        raise failure(f"{self.task_id} exited {result.exit_code} ({told}): docs/operations.md says what to do")

    def _is_last_try(self, context: Context) -> bool:
        instance: Any = context["ti"]
        return bool(instance.try_number > (self.retries or 0))


def command(job: Job, run_date: str) -> str:
    """Bash command of a job. `exec` lets Airflow's SIGTERM and the job's exit code pass without a shell between them.

    PLANT_ENV, PLANT_LANDING and PLANT_WAREHOUSE of Airflow's environment become the options of the same names.
    """
    words = [sys.executable, "-m", "spark_jobs"]
    for option in ("env", "landing", "warehouse"):
        if given := os.environ.get(f"PLANT_{option.upper()}"):
            words += [f"--{option}", given]
    return f"exec {shlex.join([*words, 'run', job.name])} --run-date {run_date}"


def arrow(job: Job) -> str:
    """First docstring line of the job's module, read without importing it: importing would start pyspark in the scheduler."""
    path = REPOSITORY / f"{job.module.replace('.', '/')}.py"
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    return docstring.partition("\n")[0]


def may_help(exit_code: int) -> bool:
    """Whether the same command can succeed later; a negative code is a signal, and a killed job leaves nothing half done.

    >>> may_help(EXIT_TRY_LATER), may_help(-9), may_help(65), may_help(1)
    (True, True, False, False)
    """
    return exit_code < 0 or exit_code in TRYING_AGAIN_HELPS
