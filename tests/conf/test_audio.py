"""The words of the audio quarantine, the runbook that explains them, and the remedies on the command line."""

from __future__ import annotations

import re
from pathlib import Path

from conf.audio import REASONS
from spark_jobs.hearing.lines import REMEDIES

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def test_the_runbook_explains_every_reason_and_no_other() -> None:
    section = OPERATIONS.read_text().split("## Audio quarantine\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert [word for word, *_ in rows] == list(REASONS)
    assert all(means and remedy for _, means, remedy in rows)


def test_every_reason_has_its_remedy_on_the_command_line() -> None:
    assert list(REMEDIES) == list(REASONS)
