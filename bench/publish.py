"""Publishing to Redis against `redis-cli --pipe` on the same bytes, and how long a reader waits.

Ours starts from record objects: it serialises, packs SET with an expiry, sends, and checks every reply. The rival gets a
file of the finished commands. Both write to one real redis-server on loopback, in turns; medians of five.

    python bench/publish.py [--keys 20000]          -> bench/results/publish.json
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from redis import Redis
from redis.exceptions import ConnectionError

from exports.edition import Edition
from exports.gates import PublishGates
from exports.publish import publish
from exports.reader import Reader
from exports.records import Record, Track
from exports.stores.redis import UNPUBLISHED_SECONDS, RedisStore
from exports.stores.redis_wire import set_command

ROOT = Path(__file__).parent.parent
SURFACE, WEEK, GENERATION = "discover_weekly", date(2026, 9, 7), "0" * 32
TURNS = 5
READS = 10_000
# (tracks of a list, length of a reason): records of about 600 bytes and about 4 KB.
SHAPES = {"600 B": (2, 58), "4 KB": (20, 40)}


def a_list(number: int | None, tracks: int, reason: int) -> Record:
    entries = [
        Track(
            artist_ids=[f"artist{i:05d}"],
            artists=[f"The Artists {i}"],
            position=i + 1,
            reason="x" * reason,
            source="mf",
            title=f"A title of a song {i}",
            track_id=f"track{i:07d}",
        )
        for i in range(tracks)
    ]
    user = None if number is None else f"listener-{number:07d}"
    starts = None if number is None else datetime(2026, 9, 6, 22, tzinfo=UTC)
    return Record(SURFACE, WEEK, user, None, starts, entries, 0, simulated=True)


@contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    server = subprocess.Popen([*command, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
    try:
        client = Redis(port=port, protocol=2)
        for _ in range(200):
            try:
                client.ping()
                break
            except ConnectionError:
                time.sleep(0.02)
        yield client
    finally:
        server.terminate()
        server.wait(timeout=10)


def keys_per_second(client: Redis, keys: int, write: Callable[[], object]) -> float:
    client.flushall()
    start = time.perf_counter()
    write()
    seconds = time.perf_counter() - start
    held = sum(1 for _ in client.scan_iter(match="*:u:*", count=1000))
    if held != keys:
        raise RuntimeError(f"{held} of {keys} keys arrived")
    return keys / seconds


def write_speed(client: Redis, folder: Path, keys: int, shape: tuple[int, int]) -> dict[str, float]:
    """Keys per second of us, of redis-cli --pipe and of redis-py's own pipeline, in turns."""
    records = [a_list(i, *shape) for i in range(keys)]
    store = RedisStore(client)
    prefix = f"pp:v1:{SURFACE}:{GENERATION}:"
    commands = folder / "commands"
    with commands.open("wb") as file:
        expiry = str(UNPUBLISHED_SECONDS).encode()
        file.writelines(set_command((prefix + r.key).encode(), r.encode(), expiry) for r in records)
    port = str(client.get_connection_kwargs()["port"])

    def redis_cli() -> None:
        with commands.open("rb") as file:
            subprocess.run(["redis-cli", "-p", port, "--pipe"], stdin=file, stdout=subprocess.DEVNULL, check=True)

    def redis_py_pipeline() -> None:
        pipeline = client.pipeline(transaction=False)
        for number, record in enumerate(records, start=1):
            pipeline.set(prefix + record.key, record.encode(), ex=UNPUBLISHED_SECONDS)
            if number % 1000 == 0:
                pipeline.execute()
        pipeline.execute()

    rivals: dict[str, Callable[[], object]] = {
        "ours": lambda: store.load(SURFACE, GENERATION, ((r.key, r.encode()) for r in records)),
        "redis_cli_pipe": redis_cli,
        "redis_py_pipeline": redis_py_pipeline,
    }
    speeds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(TURNS):
        for name, write in rivals.items():
            speeds[name].append(keys_per_second(client, keys, write))
    sizes = [len(r.encode()) for r in records[:100]]
    return {name: statistics.median(seen) for name, seen in speeds.items()} | {"bytes": statistics.mean(sizes)}


def reader_waits(client: Redis, keys: int) -> dict[str, float]:
    """Milliseconds of one `Reader.get` after a real publication; every tenth listener is unknown."""
    client.flushall()
    store = RedisStore(client)
    records = [a_list(i, *SHAPES["4 KB"]) for i in range(keys)] + [a_list(None, *SHAPES["4 KB"])]
    edition = Edition(SURFACE, WEEK, lambda: iter(records), keys)
    start = time.perf_counter()
    gates = PublishGates(list_length=1)
    (outcome,) = publish(edition, [store], gates, fence=lambda: None, exposures=lambda generation: None)
    if outcome.state != "flipped":
        raise RuntimeError(f"not published: {outcome.error}")
    seconds = time.perf_counter() - start
    reader, at, waits = Reader(store), datetime(2026, 9, 8, tzinfo=UTC), []
    for number in np.random.default_rng(7).integers(0, keys, READS).tolist():
        user = f"nobody-{number}" if number % 10 == 0 else f"listener-{number:07d}"
        start = time.perf_counter()
        served = reader.get(user, SURFACE, at=at)
        waits.append((time.perf_counter() - start) * 1e3)
        if served.rung != ("everywhere" if number % 10 == 0 else "current"):
            raise RuntimeError(f"{user} was served from rung {served.rung}")
    p50, p99 = np.percentile(waits, [50, 99])
    return {"reader_p50_ms": float(p50), "reader_p99_ms": float(p99), "publish_seconds": seconds}


def commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else "uncommitted"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--keys", type=int, default=20_000)
    keys = arguments.parse_args().keys
    rows, ratios = [], {}
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as client:
        for size, shape in SHAPES.items():
            speed = write_speed(client, Path(folder), keys, shape)
            rows.append({"value": size, "keys": keys} | {name: round(number) for name, number in speed.items()})
            ratios[size] = speed["ours"] / speed["redis_cli_pipe"]
        waits = reader_waits(client, keys)
    rows.append({"keys": keys, "reads": READS} | {name: round(number, 3) for name, number in waits.items()})
    result = {
        "bench": "publish",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "cores": os.cpu_count(),
        "rows": rows,
        "ratios": {"redis_cli_pipe": round(ratios["4 KB"], 3), "redis_cli_pipe_600_bytes": round(ratios["600 B"], 3)},
    }
    target = ROOT / "bench" / "results" / "publish.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
