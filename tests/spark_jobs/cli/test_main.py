"""The command line itself: words, exit codes, and what --help must not import."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from conf.errors import BusyError
from conf.landing import ENTITIES
from spark_jobs.cli import main as command_line
from spark_jobs.cli.main import WORDS, main

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_a_described_command(word: str) -> None:
    module = importlib.import_module(f"spark_jobs.cli.{WORDS[word]}")
    command = getattr(module, f"{word}_command")
    assert isinstance(command, click.Command)
    assert command.help
    assert f"plant {word}" in (ROOT / "docs" / "operations.md").read_text(), "the runbook knows every word"


@pytest.mark.parametrize(
    "words", [["--help"], ["week", "--help"], ["sql", "--help"], ["rollback"], ["nonsense"], ["run", "x", "--run-date", "no"]]
)
def test_help_and_wrong_arguments_start_nothing_heavy(words: list[str]) -> None:
    script = (
        f"import sys, time; from spark_jobs.cli.main import main; code = main({words!r});"
        "heavy = [m for m in ('pyspark', 'pyarrow', 'deltalake', 'duckdb', 'pandas', 'numba') if m in sys.modules];"
        "print(code, heavy, time.process_time() < 1.0)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    code = 0 if "--help" in words else 64
    assert answer.stdout.splitlines()[-1] == f"{code} [] True"


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["sql"], "Missing argument 'STATEMENT'"),
        (["--env", "mars", "tables"], "no settings file mars.yaml"),
        (["run", "press", "--run-date", "2026-09-07"], "no job is called press: jobs are ingest_catalogue"),
        (["show", "ana", "--run-date", "monday"], "'monday' does not match the format"),
    ],
)
def test_wrong_usage_is_64_and_says_what_exists(words: list[str], seen: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 64
    assert seen in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "seen"),
    [
        (BusyError("the lease is held"), 75, "plant: the lease is held\n"),
        (PermissionError(13, "Permission denied", "warehouse"), 74, "plant: Permission denied: warehouse"),
        (ZeroDivisionError("division by zero"), 70, ""),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_errors_become_one_line_and_an_exit_code(
    raised: Exception, code: int, seen: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> None:
        raise raised

    monkeypatch.setattr(command_line.plant, "main", fail)
    monkeypatch.setattr(sys.stderr, "close", lambda: None)
    assert main(["tables"]) == code
    assert seen in capsys.readouterr().err


def test_a_reader_that_leaves_early_sees_no_traceback(planted: Any) -> None:
    line = f"{sys.executable} -m spark_jobs --warehouse {planted.root} sql 'select range from range(100000)' --csv | head -1"
    answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert (answer.stdout, answer.stderr) == ("range\n", "")


def test_the_runbook_lists_the_reasons_in_the_order_of_the_rules() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    listed = re.findall(r"^\| \d \| `(\w+)` \|", text, re.MULTILINE)
    rules = (ROOT / "spark_jobs" / "intake" / "ingest_listens.py").read_text()
    asked = re.search(r"Rules, in the order in which they are asked: (.+?)\.", rules, re.DOTALL)
    assert asked
    assert listed == re.findall(r"[a-z]+_?[a-z]+(?=[,;(\s])", re.sub(r"\(.*?\)", "", asked.group(1)) + " ")


def test_the_landing_page_has_every_entity() -> None:
    page = (ROOT / "docs" / "landing.md").read_text()
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == list(ENTITIES)
