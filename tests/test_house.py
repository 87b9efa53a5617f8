"""The house keeps its own rules: who imports whom, who names what, who writes which table."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import yaml

from conf import settings
from conf.job import Job
from conf.lineage import edges
from conf.pipeline import BY_NAME, JOBS
from conf.tables import RUNS, TABLES
from models.sources.kinds import SOURCES

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("conf", "models", "audio", "spark_jobs", "exports", "dags")
# room -> rooms that it may import besides itself: conf <- models, audio <- spark_jobs, exports <- dags
MAY_IMPORT = {
    "conf": set(),
    "models": {"conf"},
    "audio": {"conf"},
    "exports": {"conf", "models"},
    "spark_jobs": {"conf", "models", "audio", "exports"},
    "dags": {"conf"},
}
SERVERS = {"redis", "hiredis", "boto3", "botocore", "sqlite3"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names that a file imports, anywhere in it and for types alone too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def files_of_house() -> Iterator[Path]:
    return (path for room in ROOMS for path in modules(room))


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    wrong = {p.relative_to(ROOT).as_posix(): packages(p) & set(ROOMS) - allowed for p in modules(room)}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_only_the_warehouse_names_delta() -> None:
    naming = {p.relative_to(ROOT).as_posix() for p in files_of_house() if packages(p) & {"deltalake", "delta"}}
    assert naming == {"spark_jobs/warehouse.py"}


def test_only_the_session_builds_a_spark_session() -> None:
    """jars.py is the one exception: set-up starts a bare session once, whose Ivy fetches the jars that session.py needs."""
    builds = re.compile(r"SparkSession\s*\.\s*builder|\bSparkContext\(")
    building = {p.relative_to(ROOT).as_posix() for p in files_of_house() if builds.search(p.read_text())}
    assert building == {"spark_jobs/session.py", "spark_jobs/jars.py"}


def test_only_stores_name_a_server() -> None:
    naming = [p.relative_to(ROOT) for p in files_of_house() if packages(p) & SERVERS]
    assert naming
    assert {path.parent.as_posix() for path in naming} == {"exports/stores"}


def test_models_and_audio_see_neither_spark_nor_clock() -> None:
    banned = {"pyspark", "deltalake", "airflow", "click", "rich", "time"}
    paths = [*modules("models"), *modules("audio")]
    assert {p.name: packages(p) & banned for p in paths if packages(p) & banned} == {}
    clock = re.compile(r"\b(datetime|date)\.(now|today|utcnow)\(|\btime\.time\(")
    assert [p.name for p in paths if clock.search(p.read_text())] == []


def test_no_pickle_and_no_salted_hash() -> None:
    paths = list(files_of_house())
    assert [p.name for p in paths if packages(p) & {"pickle", "cloudpickle", "joblib", "dill", "shelve"}] == []
    calls = [(p.name, n.lineno) for p in paths for n in ast.walk(ast.parse(p.read_text())) if _is_call_of(n, "hash")]
    assert calls == []


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def test_dags_start_light() -> None:
    heavy = {"pyspark", "numpy", "pandas", "pyarrow", "librosa", "lightgbm", "jax"}
    assert {p.name: packages(p) & heavy for p in modules("dags") if packages(p) & heavy} == {}


def test_help_imports_nothing_heavy() -> None:
    """What `plant --help` imports from our rooms is conf and the command line alone."""
    heavy = {"pyspark", "numpy", "pyarrow", "deltalake", "duckdb", "pandas", "redis"}
    words = [ROOT / "spark_jobs" / "__init__.py", ROOT / "spark_jobs" / "cli" / "main.py", *modules("conf")]
    assert {p.name: packages(p) & heavy for p in words if packages(p) & heavy} == {}


def test_every_benchmark_finds_what_it_imports() -> None:
    """Nothing else runs them: a change of the house must not leave one behind."""
    scripts = sorted(str(path) for path in (ROOT / "bench").glob("*.py"))
    load = f"import runpy, sys; sys.path.insert(0, {str(ROOT / 'bench')!r}); [runpy.run_path(p) for p in sys.argv[1:]]"
    done = subprocess.run([sys.executable, "-c", load, *scripts], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len(scripts) > 20


def test_every_module_has_a_name_of_the_field() -> None:
    vague = {"utils", "util", "common", "helpers", "helper", "misc"}
    assert [p.relative_to(ROOT).as_posix() for p in files_of_house() if vague & set(re.split(r"[_/]", p.stem))] == []


def test_every_module_says_what_it_is() -> None:
    silent = [p.relative_to(ROOT).as_posix() for p in files_of_house() if not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


def test_files_and_functions_stay_short() -> None:
    """300 lines a file and 40 a function, docstring not counted; tables of data are no code."""
    data = {"conf/tables.py"}
    long_files = {p.relative_to(ROOT).as_posix() for p in files_of_house() if p.read_text().count("\n") > 300}
    assert long_files <= data
    long = [(p.relative_to(ROOT).as_posix(), n.name) for p in files_of_house() for n in _functions(p) if _body_lines(n) > 40]
    assert long == []


def _functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]


def _body_lines(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


# --- jobs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_job_module_takes_exactly_what_the_registry_gives(job: Job) -> None:
    function = _function_of(job)
    assert not function.args.args, "a job takes keywords alone"
    required = [
        a.arg for a, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if default is None
    ]
    given = {read.table.name for read in job.reads} | {"params", "run"}
    known = {a.arg for a in function.args.kwonlyargs}
    assert set(required) <= given, "the runner does not give these"
    assert given <= known, "the registry reads these for nothing"


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_job_module_begins_with_its_arrow(job: Job) -> None:
    docstring = ast.get_docstring(ast.parse(_path_of(job).read_text())) or ""
    assert re.match(r".+ -> .+[:.]", docstring.splitlines()[0])


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_job_params_are_its_own_settings(job: Job) -> None:
    part = settings.Settings.model_fields[job.name].annotation
    assert part is not None
    words = "".join(word.capitalize() for word in job.name.split("_"))
    assert part.__name__ == words
    annotation = next(a.annotation for a in _function_of(job).args.kwonlyargs if a.arg == "params")
    assert annotation is not None
    assert ast.unparse(annotation).split(".")[-1] == words


def test_every_source_can_be_named_in_the_settings() -> None:
    names = set(get_args(settings.SourceName))
    assert names == set(BY_NAME["generate_candidates"].may_use) - {"blend"}
    assert names == set(SOURCES) - {"popularity"}


def test_settings_know_no_job_that_is_gone() -> None:
    parts = {name for name, f in settings.Settings.model_fields.items() if inspect.isclass(f.annotation)}
    frozen = {n for n in parts if issubclass(settings.Settings.model_fields[n].annotation or object, settings.Frozen)}
    assert frozen - {"spark", "feature_store"} == set(BY_NAME)


def _path_of(job: Job) -> Path:
    spec = importlib.util.find_spec(job.module)
    assert spec is not None and spec.origin is not None, f"job {job.name} has no module {job.module}"
    return Path(spec.origin)


def _function_of(job: Job) -> ast.FunctionDef:
    wanted = "train" if job.trains else "transform"
    return next(f for f in ast.parse(_path_of(job).read_text()).body if isinstance(f, ast.FunctionDef) and f.name == wanted)


# --- lineage ------------------------------------------------------------------------------------------------------

# Tables that several jobs write, each its own partition, named by this column.
SHARED = {"quarantine": "job", "landing_files": "job", "models": "name", "publications": "surface"}


def test_each_table_or_partition_has_one_writer() -> None:
    for table in TABLES.values():
        writers = [job for job in JOBS if table in job.writes]
        if table is RUNS:
            assert writers == [], "the runner alone keeps this book"
        elif table.name in SHARED:
            assert table.partition[0] == SHARED[table.name]
        else:
            assert len(writers) == 1, table.name


def test_each_artefact_has_one_trainer() -> None:
    trained = [job.trains for job in JOBS if job.trains]
    used = {name for job in JOBS for name in (*job.uses, *job.may_use, *job.uses_last_week)}
    assert len(set(trained)) == len(trained)
    assert used <= set(trained)


def test_writers_come_before_readers_and_nothing_turns_in_a_circle() -> None:
    """A job sees this run's rows of what earlier jobs wrote; the books that jobs share are partitioned by job."""
    place = {job.name: n for n, job in enumerate(JOBS)}
    backward = {(w, thing, r) for w, thing, r in edges() if place[w] >= place[r] and thing not in SHARED}
    assert backward == set()


def test_every_table_read_is_written_by_somebody() -> None:
    written = {table.name for job in JOBS for table in job.writes} | {RUNS.name}
    assert {read.table.name for job in JOBS for read in job.reads} <= written
    assert written == TABLES.keys()


def test_what_is_read_by_time_has_a_clock_and_what_is_read_by_week_has_weeks() -> None:
    for read in (read for job in JOBS for read in job.reads):
        if read.rows in {"before_cut", "after_last_cut"}:
            assert read.table.clock is not None, read.table.name
        if read.rows in {"this_week", "last_week"}:
            assert read.table.scope == "week", read.table.name


def test_a_table_has_one_writer_engine() -> None:
    """Spark and delta-rs never write the same table; an arrow job cannot write a table of Spark's."""
    for job in JOBS:
        for table in job.writes:
            assert table.engine == "delta-rs" or job.engine == "spark", (job.name, table.name)


# --- settings files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "conf").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_yaml_loads(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text()), dict)
    settings.load(None if path.stem == "base" else path.stem)


def test_no_file_names_this_machine_or_a_registry() -> None:
    paths = [*files_of_house(), *(ROOT / "conf").glob("*.*"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    machine = re.compile(r"(?<![\w.])/(?:work|root|home)/|https?://\S*(?:maven|pypi|npm|crates)")
    assert [p.name for p in paths if machine.search(p.read_text())] == []
