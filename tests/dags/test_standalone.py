"""Airflow on loopback: settings that exist, parts that start, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import standalone

from conf.errors import EXIT_DONE, UsageError

pytestmark = pytest.mark.xdist_group("airflow")

ROOT = Path(__file__).resolve().parents[2]
# Ignores SIGTERM and has a child in a session of its own, as a Spark job under a task has.
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True); "
    "print('ready', flush=True); time.sleep(60)"
)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_every_airflow_setting_exists(tmp_path, port):
    from airflow.configuration import retrieve_configuration_description

    known = {name: part["options"] for name, part in retrieve_configuration_description(include_providers=False).items()}
    names = [name for name in standalone.environment(tmp_path, port) if name.startswith("AIRFLOW__")]
    assert len(names) > 10
    for _, section, option in (name.lower().split("__") for name in names):
        assert option in known.get(section, ()), f"Airflow has no setting [{section}] {option}"


def test_only_loopback_and_fresh_secrets(tmp_path, port):
    first, second = standalone.environment(tmp_path, port), standalone.environment(tmp_path, port)
    assert first["AIRFLOW__API__BASE_URL"] == f"http://127.0.0.1:{port}"
    assert first["AIRFLOW__API_AUTH__JWT_SECRET"] != second["AIRFLOW__API_AUTH__JWT_SECRET"]


def test_a_taken_port_is_refused(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="--port"):
            standalone.serve(tmp_path / "home", taken.getsockname()[1])
    assert not (tmp_path / "home").exists()


def test_stop_leaves_nothing_behind(monkeypatch):
    monkeypatch.setattr(standalone, "STOP_SECONDS", 1)
    part = psutil.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True)
    part.stdout.readline()
    family = [part, *part.children(recursive=True)]
    assert len(family) == 2
    standalone.stop([part])
    _, left = psutil.wait_procs(family, timeout=5)  # until init has reaped the orphan
    assert left == []


@pytest.mark.airflow
@pytest.mark.faults
def test_the_real_thing_starts_and_stops(tmp_path, port):
    command = [sys.executable, "dags/standalone.py", "--port", str(port), "--home", str(tmp_path)]
    with (tmp_path / "said.txt").open("w") as said:
        airflow = psutil.Popen(command, cwd=ROOT, stdout=said, start_new_session=True)
    try:
        until = time.monotonic() + standalone.START_SECONDS
        while "Ctrl-C" not in (tmp_path / "said.txt").read_text() and airflow.poll() is None:
            assert time.monotonic() < until
            time.sleep(1)
        family = airflow.children(recursive=True)
        assert len(family) >= 3
        listening = {c.laddr.ip for process in family for c in process.net_connections("tcp") if c.status == "LISTEN"}
        assert listening == {"127.0.0.1"}
        airflow.send_signal(signal.SIGINT)
        assert airflow.wait(timeout=60) == EXIT_DONE
        assert psutil.wait_procs(family, timeout=5)[1] == []
    finally:
        standalone.stop([airflow])
    assert os.stat(tmp_path).st_mode & 0o777 == 0o700
