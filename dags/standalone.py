"""Airflow for this repository on loopback until Ctrl-C, with its state below run/airflow (`make airflow`).

`airflow standalone` listens on every interface and leaves processes behind. This starts the same parts one by one, and stops
each by its pid together with the jobs that it is running.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import psutil

from conf.errors import EXIT_DONE, EXIT_SERVICE_AWAY, FactoryError, UsageError

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
START_SECONDS = 180  # 25 on two idle cores
STOP_SECONDS = 20


class AirflowAwayError(FactoryError):
    """A part of Airflow did not start, or ended by itself."""

    exit_code = EXIT_SERVICE_AWAY


def main(arguments: list[str]) -> int:
    """Run Airflow until Ctrl-C, SIGTERM or a closed terminal; returns the exit code."""
    parser = argparse.ArgumentParser(prog="dags/standalone.py", description="Airflow on loopback until Ctrl-C.")
    parser.add_argument("--port", type=int, default=8080, help=f"of the page on {LOOPBACK} (default: 8080)")
    parser.add_argument("--home", type=Path, default=REPOSITORY / "run" / "airflow", help="state (default: run/airflow)")
    given = parser.parse_args(arguments)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        serve(given.home.resolve(), given.port)
    except KeyboardInterrupt:
        return EXIT_DONE
    except FactoryError as failed:
        print(f"airflow: {failed}", file=sys.stderr)
        return failed.exit_code


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def serve(home: Path, port: int) -> NoReturn:
    """Migrate the metadata, start the parts, say where the page is, and watch until a part ends or somebody interrupts."""
    _refuse_taken(port)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)  # Airflow keeps its keys here
    settings = environment(home, port)
    print("airflow: preparing the metadata database", flush=True)
    for words in (["db", "migrate"], ["pools", "import", str(REPOSITORY / "conf" / "airflow_pools.json")]):
        if subprocess.run(airflow(words), env=settings, stdout=subprocess.DEVNULL, cwd=REPOSITORY).returncode:
            raise AirflowAwayError(f"`airflow {' '.join(words)}` failed: its lines are above; state is in {home}")
    with running(home, settings, port) as parts:
        _wait_until_healthy(parts, port)
        print(f"airflow: http://{LOOPBACK}:{port} is up, logs in {home}; schedules start paused; Ctrl-C stops it", flush=True)
        while True:
            _refuse_ended(parts)
            time.sleep(1)


def environment(home: Path, port: int) -> dict[str, str]:
    """Environment of every part: conf/airflow.env, and what depends on this start. Secrets live as long as the processes."""
    lines = (REPOSITORY / "conf" / "airflow.env").read_text()
    fixed = dict(word.split("=", 1) for word in shlex.split(lines, comments=True))
    url = f"http://{LOOPBACK}:{port}"
    return {
        **os.environ,
        **fixed,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(64),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), LOOPBACK])),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])),
    }


def airflow(words: list[str]) -> list[str]:
    """Command line of this interpreter's Airflow."""
    return [sys.executable, "-m", "airflow", *words]


@contextmanager
def running(home: Path, settings: dict[str, str], port: int) -> Iterator[dict[str, psutil.Popen]]:
    """The started parts by name; however the block ends, none of them nor of their children is left."""
    words = {
        "api-server": ["api-server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"],
        "dag-processor": ["dag-processor"],
        "scheduler": ["scheduler", "--skip-serve-logs"],
    }
    parts: dict[str, psutil.Popen] = {}
    try:
        for name in words:
            with (home / f"{name}.log").open("ab") as log:
                # A session of its own: Ctrl-C reaches this process alone, which then stops the parts in order.
                parts[name] = psutil.Popen(
                    airflow(words[name]), env=settings, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True
                )
        yield parts
    finally:
        for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(again, signal.SIG_IGN)
        stop(list(parts.values()))


def stop(parts: list[psutil.Popen]) -> None:
    """End the parts, last started first, then whatever is left of their children: jobs run in sessions of their own."""
    left = _with_children(parts)
    _send(signal.SIGTERM, parts[::-1])
    _, left = psutil.wait_procs(left, timeout=STOP_SECONDS)  # a job that is nearly done may end by itself
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = _with_children(left)
        _send(number, left)
        _, left = psutil.wait_procs(left, timeout=STOP_SECONDS / 4)


def _with_children(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    family = list(processes)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            family += process.children(recursive=True)
    return list(dict.fromkeys(family))


def _send(number: signal.Signals, processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _wait_until_healthy(parts: dict[str, psutil.Popen], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        _refuse_ended(parts)
        if healthy(port):
            return
        time.sleep(1)
    raise AirflowAwayError(f"not healthy after {START_SECONDS} s: the parts' logs lie in AIRFLOW_HOME")


def healthy(port: int) -> bool:
    """Whether the API server answers and sees a living scheduler and DAG processor."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/api/v2/monitor/health")
        states = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return all(states[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as taken:
            raise UsageError(f"port {port} on {LOOPBACK} cannot be had ({taken.strerror}): give another with --port") from None


def _refuse_ended(parts: dict[str, psutil.Popen]) -> None:
    for name, part in parts.items():
        if (code := part.poll()) is not None:
            raise AirflowAwayError(f"{name} ended with exit code {code}: {name}.log in AIRFLOW_HOME says why")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
