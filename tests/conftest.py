"""Fixtures that many tests share: one Spark session, a real Redis on loopback, real data where it is given."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from exports.stores import Store

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One local session for every test marked spark: a session costs 6.5 s, its first Delta write 7-10 s more."""
    from conf.settings import Spark
    from spark_jobs import session

    made = session.get(Spark(cores=2, driver_memory="1g"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real inputs: PLANT_REAL_DATA, else `shared/data` beside the checkout; skips where neither is there."""
    given = os.environ.get("PLANT_REAL_DATA")
    folder = Path(given) if given else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real input data is not here: set PLANT_REAL_DATA to its folder")
    return folder


class RedisServer:
    """One redis-server process on a free loopback port; nothing is kept on disk unless the options ask for it."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._options = options
        self._password = options[options.index("--requirepass") + 1] if "--requirepass" in options else None
        self.start()

    def start(self) -> None:
        """Start, or start again on the same port and folder."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no", *self._options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait_for_ping()

    def _wait_for_ping(self) -> None:
        with self.client() as client:
            for _ in range(200):
                try:
                    client.ping()
                    return
                except redis.exceptions.ConnectionError:
                    time.sleep(0.02)
        self.kill()
        raise RuntimeError("redis-server did not answer within 4 s")

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=self._password, protocol=2, socket_timeout=10)

    def store(self, folder: Path, **environ: str) -> Store:
        from exports.stores.opening import open_store

        return open_store("redis", folder, environ={"PLANT_REDIS_URL": self.url, **environ})

    def kill(self) -> None:
        """SIGKILL by pid."""
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


@pytest.fixture(scope="session")
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RedisServer]]:
    """Start servers of one's own, e.g. to kill them; all are stopped at the end of the session."""
    if shutil.which("redis-server") is None:
        if os.environ.get("CI"):
            pytest.fail("redis-server is not on PATH: apt-get install redis-server")
        pytest.skip("redis-server is not on PATH")
    started: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        started.append(RedisServer(tmp_path_factory.mktemp("redis"), *options))
        return started[-1]

    yield start
    for server in started:
        server.stop()
