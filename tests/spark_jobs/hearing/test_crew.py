"""Processes that hear: each loses its own file alone, none holds the others up for ever, and none stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from audio.decode import Limits
from spark_jobs.hearing import crew as crews
from spark_jobs.hearing.crew import Crew
from tests.processes import alive, children_of, wait_for

ROOT = Path(__file__).resolve().parents[3]
on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc which processes live")


@on_linux
def test_a_process_that_dies_loses_only_its_file(shelf: Path) -> None:
    files = [shelf / "a c.flac"] * 4
    with Crew(1, Limits(timeout_s=20.0)) as crew:
        rows = crew.hear(files)
        assert next(rows)["status"] == "ok"
        (pid,) = crew.pids
        os.kill(pid, signal.SIGSTOP)  # so that it is surely at work when it dies
        killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
        killer.start()
        lost = next(rows)
        killer.join()
        assert (lost["reason"], lost["path"]) == ("crash", str(files[1]))
        assert "SIGKILL" in str(lost["detail"])
        assert next(rows)["key"] == "C major"
        (second,) = crew.pids
        os.kill(second, signal.SIGKILL)
        os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
        assert next(rows)["key"] == "C major", "it died between two files, which is neither's fault"
        assert [*rows] == []


@on_linux
def test_a_process_that_hangs_is_killed(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Crew(1, Limits(timeout_s=20.0)) as crew:
        rows = crew.hear([shelf / "a c.flac"] * 2)
        next(rows)
        (pid,) = crew.pids
        os.kill(pid, signal.SIGSTOP)
        monkeypatch.setattr(crews, "_PATIENCE_S", -19.5)
        assert next(rows)["reason"] == "timeout"
        assert not alive(pid)


def test_a_slow_file_holds_up_only_so_many_others(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order is kept by waiting; what waits is bounded, and what comes after the bound is still heard."""
    monkeypatch.setattr(crews, "_AHEAD", 1)
    files = [shelf / "a c.flac", *[shelf / "e.mp3"] * 9, shelf / "b fis.wav"]
    with Crew(2, Limits(timeout_s=20.0)) as crew:
        rows = [*crew.hear(files)]
        assert len(crew.pids) <= 2
    assert [row["path"] for row in rows] == [str(path) for path in files]
    assert [row["key"] for row in rows] == ["C major", *[None] * 9, "F# minor"]


@on_linux
def test_leaving_a_crew_takes_its_processes_and_their_decoders_along(shelf: Path) -> None:
    with Crew(2, Limits(timeout_s=20.0)) as crew:
        next(crew.hear([shelf / "a c.flac"] * 6))
        below = children_of(crew.pids[0])
        all_of_them = {*crew.pids, *below}
        assert below, "a decoder"
    assert wait_for(lambda: not any(alive(pid) for pid in all_of_them))


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_from_outside_leaves_no_child(number: signal.Signals, shelf: Path) -> None:
    files = [str(shelf / "a c.flac")] * 2000
    command = [sys.executable, "-m", "spark_jobs", "hear", *files, "--json"]
    plant = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    assert plant.stdout is not None
    assert json.loads(plant.stdout.readline())["key"] == "C major", "it comes long before the last one"
    below = children_of(plant.pid)
    assert len(below) >= 2, "a process that listens and its decoder"
    plant.send_signal(number)
    assert plant.wait(timeout=20) == (130 if number == signal.SIGINT else -signal.SIGKILL)
    plant.stdout.close()  # not before: a line that nobody takes would end it first
    assert wait_for(lambda: not any(alive(pid) for pid in below))
