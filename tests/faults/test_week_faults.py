"""Kill the line everywhere: readers see old or new, never a mix, and a re-run gives the undisturbed hashes at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conf import tables as t
from conf.contract import Table
from exports.reader import Reader
from exports.stores.opening import open_store
from spark_jobs.rows import Condition
from spark_jobs.warehouse import Warehouse
from tests.processes import wait_for

if TYPE_CHECKING:
    from tests.conftest import RedisServer

pytestmark = [pytest.mark.faults]
DRILL = Path(__file__).with_name("drill.py")
MONDAY, BEFORE, SATURDAY = "2026-09-07", "2026-08-31", "2026-09-05"
SURFACE = "discover_weekly"
KILLED, AWAY, BUSY, REFUSED = -9, 69, 75, 65


@dataclass(frozen=True)
class Line:
    """A warehouse over one landing folder, driven through the command line."""

    folder: Path
    landing: Path
    env: str | None = "tiny"
    environ: dict[str, str] | None = None

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse"

    def plant(self, *words: str, fault: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(words, fault), capture_output=True, text=True, timeout=400, env=self.environ, check=False
        )

    def start(self, *words: str, fault: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command(words, fault), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environ
        )

    def _command(self, words: tuple[str, ...], fault: str | None) -> list[str]:
        program = [sys.executable, str(DRILL), fault, "--"] if fault else [sys.executable, "-m", "spark_jobs"]
        env = ["--env", self.env] if self.env else []
        return [*program, *env, "--landing", str(self.landing), "--warehouse", str(self.warehouse), *words]

    def publish(self, run_date: str, fault: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.plant("run", "publish_discover_weekly", "--run-date", run_date, fault=fault)

    def generation(self, store: str = "sqlite") -> str | None:
        pointer = open_store(store, self.warehouse / "stores", environ=self.environ or {}).pointer(SURFACE)
        return pointer.generation if pointer else None

    def lists_hash(self) -> str:
        return self.table_hash(t.PLAYLISTS, [("run_date", "=", date.fromisoformat(MONDAY))])

    def table_hash(self, table: Table, conditions: Iterable[Condition] = ()) -> str:
        """Content hash of a table's rows, whatever order the files give them in."""
        rows = Warehouse(self.warehouse).rows(table, conditions=conditions)
        lines = sorted(json.dumps(row, default=str, sort_keys=True) for row in rows.table().to_pylist())
        assert lines
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def copy_to(self, folder: Path) -> Line:
        shutil.copytree(self.warehouse, folder / "warehouse")
        return dataclasses.replace(self, folder=folder)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    words = ["simulate", "tiny", "--landing", str(folder / "landing"), "--truth", str(folder / "truth")]
    subprocess.run([sys.executable, "-m", "spark_jobs", *words], check=True, capture_output=True, timeout=120)
    return folder / "landing"


@pytest.fixture(scope="module")
def undisturbed(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A line that ran one week in peace; copies of it are disturbed."""
    line = Line(tmp_path_factory.mktemp("undisturbed"), tiny)
    done = line.plant("week", "--run-date", MONDAY)
    assert done.returncode == 0, done.stderr
    return line


@pytest.fixture
def unpublished(undisturbed: Line, tmp_path: Path) -> Line:
    """The same tables; the stores serve the Monday before, so that a half-done week would show."""
    line = undisturbed.copy_to(tmp_path)
    shutil.rmtree(line.warehouse / "stores")
    assert line.publish(BEFORE).returncode == 0
    return line


@pytest.fixture(scope="module")
def catalogued(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A line that took in the catalogue and no listens yet."""
    line = Line(tmp_path_factory.mktemp("catalogued"), tiny)
    done = line.plant("run", "ingest_catalogue", "--run-date", SATURDAY)
    assert done.returncode == 0, done.stderr
    return line


@pytest.mark.parametrize("table", ["quarantine", "listens"])
def test_killed_in_intake_a_rerun_takes_each_row_once(table: str, catalogued: Line, undisturbed: Line, tmp_path: Path) -> None:
    line = catalogued.copy_to(tmp_path)
    intake = ("run", "ingest_listens", "--run-date", SATURDAY)
    assert line.plant(*intake, fault=f"after:{table}").returncode == KILLED
    again = line.plant(*intake)
    assert again.returncode == 0, again.stderr
    for counted in (t.LISTENS, t.QUARANTINE):
        assert line.table_hash(counted) == undisturbed.table_hash(counted)


def test_killed_after_a_weekly_write_a_rerun_gives_the_undisturbed_hashes(undisturbed: Line, tmp_path: Path) -> None:
    line = undisturbed.copy_to(tmp_path)
    rest = ("week", "--run-date", MONDAY, "--from", "generate_candidates")
    assert line.plant(*rest, fault="after:candidates").returncode == KILLED
    again = line.plant(*rest)
    assert again.returncode == 0, again.stderr
    assert line.lists_hash() == undisturbed.lists_hash()
    assert line.generation() == undisturbed.generation()


@pytest.mark.parametrize("fault", ["audit", "load:sqlite:20", "load:bundle:20", "flip:sqlite", "flip:bundle"])
def test_killed_while_publishing_readers_see_old_until_the_rerun(fault: str, unpublished: Line, undisturbed: Line) -> None:
    old = {store: unpublished.generation(store) for store in ("sqlite", "bundle")}
    assert unpublished.publish(MONDAY, fault=fault).returncode == KILLED
    new = undisturbed.generation()
    for store, before in old.items():
        assert unpublished.generation(store) in (before, new)
    assert_no_mix(unpublished, {old["sqlite"], new})
    started = time.monotonic()
    assert unpublished.publish(MONDAY).returncode == 0
    assert time.monotonic() - started < 60, "a dead run's lease must not be waited for"
    assert {unpublished.generation(store) for store in ("sqlite", "bundle")} == {new}
    assert_no_mix(unpublished, {new})


def assert_no_mix(line: Line, generations: set[str | None]) -> None:
    """Every listener is served from one generation, an old or a new one."""
    store = open_store("sqlite", line.warehouse / "stores")
    users = Warehouse(line.warehouse).rows(t.PLAYLISTS).table(columns=["user_id"])["user_id"].unique().to_pylist()
    at = datetime(2026, 9, 8, tzinfo=UTC)
    served = {Reader(store).get(user, SURFACE, at=at).generation for user in users}
    assert len(served) == 1
    assert served <= generations


def test_a_lost_record_refuses_the_flip(unpublished: Line) -> None:
    old = unpublished.generation()
    assert unpublished.publish(MONDAY, fault="lose:sqlite").returncode == REFUSED
    assert unpublished.generation() == old
    assert unpublished.publish(MONDAY).returncode == 0


def test_two_weeks_at_once_one_wins_and_the_other_exits_75(undisturbed: Line, tmp_path: Path) -> None:
    line = undisturbed.copy_to(tmp_path)
    go = tmp_path / "go"
    first = line.start("week", "--run-date", MONDAY, "--only", "publish_discover_weekly", fault=f"wait:{go}")
    assert wait_for(lambda: go.with_suffix(".reached").exists(), seconds=60)
    second = line.plant("week", "--run-date", MONDAY, "--only", "publish_discover_weekly")
    assert second.returncode == BUSY
    assert "holds the lease" in second.stderr
    go.touch()
    assert first.wait(timeout=120) == 0


def test_a_backfill_gives_the_same_lists_although_late_rows_and_new_tracks_came(
    undisturbed: Line, tmp_path: Path, tiny: Path
) -> None:
    landing = tmp_path / "landing"
    shutil.copytree(tiny, landing)
    line = dataclasses.replace(undisturbed.copy_to(tmp_path), landing=landing)
    late_rows_and_new_tracks(landing)
    later = line.plant("week", "--run-date", MONDAY)
    assert later.returncode == 0, later.stderr
    assert Warehouse(line.warehouse).rows(t.TRACKS).count() == Warehouse(undisturbed.warehouse).rows(t.TRACKS).count() + 1
    assert Warehouse(line.warehouse).rows(t.LISTENS).count() == Warehouse(undisturbed.warehouse).rows(t.LISTENS).count() + 50
    assert line.lists_hash() == undisturbed.lists_hash()
    assert line.generation() == undisturbed.generation()
    fresh = line.plant("week", "--run-date", MONDAY, "--fresh")
    assert fresh.returncode == 0, fresh.stderr
    assert line.lists_hash() != undisturbed.lists_hash()


def late_rows_and_new_tracks(landing: Path) -> None:
    """Fifty late plays of one new track, each by another second of one listener's day."""
    track = {"track_id": "new-track", "title": "New", "artist_ids": ["new-artist"], "duration_ms": 200000, "simulated": True}
    (landing / "tracks" / "later.jsonl").write_text(json.dumps(track) + "\n")
    user = json.loads((landing / "users" / "users.jsonl").read_text().splitlines()[0])["user_id"]
    rows = [
        {
            "user_id": user,
            "track_id": "new-track",
            "started_at": f"2026-09-03T{h:02d}:{m:02d}:00Z",
            "ms_played": 200000,
            "simulated": True,
        }
        for h in range(10)
        for m in range(0, 50, 10)
    ]
    (landing / "listens" / "late.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def with_redis(unpublished: Line, start_redis: Callable[..., RedisServer]) -> tuple[Line, RedisServer]:
    """All three stores, each serving the Monday before."""
    server = start_redis()
    line = dataclasses.replace(unpublished, env="redis", environ={**os.environ, "PLANT_REDIS_URL": server.url})
    assert line.publish(BEFORE).returncode == 0
    return line, server


@pytest.mark.redis
@pytest.mark.parametrize("fault", ["load:redis:20", "flip:redis"])
def test_killed_in_redis_the_pointer_is_unmoved_and_a_rerun_completes(
    fault: str, with_redis: tuple[Line, RedisServer], undisturbed: Line
) -> None:
    line, _ = with_redis
    old = line.generation("redis")
    assert line.publish(MONDAY, fault=fault).returncode == KILLED
    assert line.generation("redis") == old
    assert line.publish(MONDAY).returncode == 0
    assert line.generation("redis") == undisturbed.generation()


@pytest.mark.redis
def test_redis_that_dies_in_mid_load_fails_alone(with_redis: tuple[Line, RedisServer], undisturbed: Line) -> None:
    line, server = with_redis
    failed = line.publish(MONDAY, fault=f"stop:{server.process.pid}:20")
    assert failed.returncode == AWAY, failed.stderr
    assert "redis" in failed.stderr
    assert {line.generation(store) for store in ("sqlite", "bundle")} == {undisturbed.generation()}
    status = line.plant("status")
    assert "redis store does not answer" in status.stdout, status.stdout
    assert line.publish(MONDAY).returncode == AWAY
