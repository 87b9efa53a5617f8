"""One job as a task: which exit codes retry, which pool holds it, what its command says."""

from __future__ import annotations

import json
import shlex
from types import SimpleNamespace

import pytest

from conf import errors
from conf.pipeline import BY_NAME, JOBS

pytestmark = pytest.mark.xdist_group("airflow")


@pytest.fixture
def exiting():
    """Run a task whose command is replaced by `bash`."""
    from factory_task import FactoryTask

    def run(bash: str) -> None:
        task = FactoryTask(job=BY_NAME["sessionize"], run_date="2026-09-05")
        task.bash_command = bash
        task.execute({})

    return run


@pytest.mark.parametrize(
    ("ending", "retried"),
    [
        pytest.param(f"exit {errors.EXIT_USAGE}", False, id="usage"),
        pytest.param(f"exit {errors.EXIT_BAD_DATA}", False, id="bad-data"),
        pytest.param(f"exit {errors.EXIT_SERVICE_AWAY}", True, id="service-away"),
        pytest.param(f"exit {errors.EXIT_BUG}", False, id="bug"),
        pytest.param(f"exit {errors.EXIT_IO}", True, id="disk"),
        pytest.param(f"exit {errors.EXIT_TRY_LATER}", True, id="lease-held"),
        pytest.param("exit 1", False, id="python-did-not-start"),
        pytest.param("exec no-such-program", False, id="no-such-program"),
        pytest.param("kill -9 $$", True, id="killed-for-memory"),
        # 99 means "skipped" to a plain BashOperator: a skipped job would let the run end well.
        pytest.param("exit 99", False, id="no-code-of-ours"),
    ],
)
def test_an_exit_code_decides_about_the_retry(exiting, ending, retried):
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    with pytest.raises(AirflowException) as failed:
        exiting(ending)
    assert isinstance(failed.value, AirflowFailException) is not retried


@pytest.mark.parametrize(
    ("code", "tries", "skipped"),
    [
        pytest.param(errors.EXIT_BAD_DATA, 1, True, id="bad-data"),
        pytest.param(errors.EXIT_IO, 1, False, id="disk-is-tried-again"),
        pytest.param(errors.EXIT_IO, 5, True, id="disk-stays-full"),
    ],
)
def test_a_source_that_cannot_be_trained_is_skipped(code, tries, skipped):
    """The week goes on without it: its list leaves the blend."""
    from airflow.sdk.exceptions import AirflowException, AirflowSkipException
    from factory_task import FactoryTask

    task = FactoryTask(job=BY_NAME["train_mf"], run_date="2026-09-07")
    task.bash_command = f"exit {code}"
    with pytest.raises(AirflowException) as failed:
        task.execute({"ti": SimpleNamespace(try_number=tries)})
    assert isinstance(failed.value, AirflowSkipException) is skipped


def test_done_is_done(exiting):
    exiting(f"exit {errors.EXIT_DONE}")


def test_every_meaning_has_a_decision():
    from factory_task import TRYING_AGAIN_HELPS

    assert set(errors.MEANING) - TRYING_AGAIN_HELPS == {0, 64, 65, 70}


def test_retries_outlast_a_lost_lease(schedules):
    from conf.settings import load

    task = schedules["discover_weekly"].get_task("train_mf")
    waits = [task.retry_delay * task.retry_exponential_backoff**n for n in range(task.retries)]
    assert sum(wait.total_seconds() for wait in waits) / 60 > load().lease_minutes


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_pool_and_words(schedules, job):
    from factory_task import REPOSITORY

    task = next(dag.get_task(job.name) for dag in schedules.values() if job.name in dag.task_ids)
    pools = json.loads((REPOSITORY / "conf" / "airflow_pools.json").read_text())
    assert task.pool == ("spark" if job.engine == "spark" else "default_pool")
    assert pools["spark"]["slots"] == 1
    assert " -> " in task.doc_md and "\n" not in task.doc_md
    assert task.cwd == str(REPOSITORY)


def test_folders_of_the_environment_become_options(monkeypatch):
    from factory_task import command

    monkeypatch.setenv("PLANT_ENV", "demo")
    monkeypatch.setenv("PLANT_WAREHOUSE", "disk 2/ware; rm x")
    words = shlex.split(command(BY_NAME["train_mf"], "2026-09-07"))
    assert words[:2] == ["exec", words[1]]
    assert words[2:] == [
        *("-m", "spark_jobs", "--env", "demo", "--warehouse", "disk 2/ware; rm x"),
        *("run", "train_mf", "--run-date", "2026-09-07"),
    ]
