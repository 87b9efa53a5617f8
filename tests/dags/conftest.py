"""Airflow in a folder of its own, set before anything imports it; the schedules as Airflow's own parser finds them."""

from __future__ import annotations

import os
import runpy
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags"
HOME = Path(tempfile.mkdtemp(prefix="plant-airflow-"))

os.environ |= dict(word.split("=", 1) for word in shlex.split((ROOT / "conf" / "airflow.env").read_text(), comments=True))
os.environ |= {"AIRFLOW_HOME": str(HOME), "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
for own in ("PLANT_ENV", "PLANT_LANDING", "PLANT_WAREHOUSE"):
    os.environ.pop(own, None)
sys.path.append(str(DAGS))  # as Airflow does with its DAGs folder


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def bag() -> Any:
    """The DAGs folder as Airflow's parser reads it; no database."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(DAGS)


@pytest.fixture(scope="session")
def schedules(bag: Any) -> dict[str, DAG]:
    """DAGs by id."""
    return bag.dags


@pytest.fixture(scope="session")
def interval() -> dict[str, tuple[datetime, datetime]]:
    """Data interval of each DAG's run around Sunday 6 September 2026."""
    return {
        "intake": (datetime.fromisoformat("2026-09-05T00:00Z"), datetime.fromisoformat("2026-09-06T00:00Z")),
        "discover_weekly": (datetime.fromisoformat("2026-08-30T02:00Z"), datetime.fromisoformat("2026-09-06T02:00Z")),
    }


@pytest.fixture(scope="session")
def rendered(interval: dict[str, tuple[datetime, datetime]]) -> Callable[[DAG, str], BaseOperator]:
    """Copy of a task with its templates rendered for the DAG's run of `interval`."""
    from airflow.sdk.execution_time.context import MacrosAccessor

    def render(dag: DAG, task_id: str) -> BaseOperator:
        begin, end = interval[dag.dag_id]
        task = dag.get_task(task_id).prepare_for_execution()
        task.render_template_fields({"data_interval_start": begin, "data_interval_end": end, "macros": MacrosAccessor()})
        return task

    return render


@pytest.fixture(scope="session")
def metadata() -> None:
    """Migrated metadata database in the temporary AIRFLOW_HOME, once."""
    from airflow.utils.db import upgradedb

    upgradedb()


@pytest.fixture
def reparsed() -> Callable[[str], DAG]:
    """A DAG made anew: its commands take in the environment and the interpreter of the moment."""
    return lambda dag_id: runpy.run_path(str(DAGS / f"{dag_id}.py"))[dag_id]


@pytest.fixture
def fake_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make `sys.executable` a script that notes its arguments and exits with a job's next code; the last one repeats."""

    def make(**codes: list[int]) -> Path:
        script, notes = tmp_path / "python", tmp_path / "ran.txt"
        notes.touch()
        script.write_text(
            f"#!{sys.executable}\n"
            "import sys\nfrom pathlib import Path\n"
            f"notes, codes = Path({str(notes)!r}), {codes!r}\n"
            "job = sys.argv[sys.argv.index('run') + 1]\n"
            "tried = notes.read_text().count(f' {job} ')\n"
            "notes.open('a').write(' '.join(sys.argv[1:]) + '\\n')\n"
            "sys.exit((codes.get(job, [0]) + [codes.get(job, [0])[-1]] * tried)[tried])\n"
        )
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))
        return notes

    return make
