"""Every error of the factory has an exit code that a shell, Airflow and docs/operations.md know."""

from __future__ import annotations

from pathlib import Path

from conf import errors
from conf.errors import MEANING, FactoryError

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def test_every_error_class_has_a_known_code() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, FactoryError)]
    assert len(classes) > 8
    assert {c.exit_code for c in classes} == MEANING.keys() - {errors.EXIT_DONE}


def test_the_runbook_explains_every_code() -> None:
    text = OPERATIONS.read_text()
    for code, meaning in MEANING.items():
        assert f"| {code} | {meaning} |" in text
