"""What a long command says without a terminal."""

from __future__ import annotations

import pytest

from spark_jobs.cli import progress


def test_without_a_terminal_lines_are_far_between(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with progress.doing("reading") as tell:
        tell("mf: trial 1 of 2")
        now += progress.SECONDS_BETWEEN_LINES
        tell("mf: trial 2 of 2")
        tell("ease: trial 1 of 2")
    printed = capsys.readouterr()
    assert printed.err.splitlines() == ["reading", "mf: trial 2 of 2"]
    assert printed.out == ""
