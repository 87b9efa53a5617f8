"""The lease: one living holder, a number that only grows, dead holders passed at once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from conf.errors import BusyError
from spark_jobs.lease import Holder, held, take


def plant_holder(folder: Path, epoch: int, **changes: object) -> None:
    """A lease file as another run would have left it."""
    folder.mkdir(parents=True, exist_ok=True)
    holder = Holder("week 2026-09-07", "elsewhere", 1, "1", time.time() + 600)
    (folder / f"{epoch:08d}.json").write_text(json.dumps(asdict(holder) | changes))


def test_second_taker_is_told_who_holds_it(tmp_path: Path) -> None:
    with held(tmp_path, "week 2026-09-07", 30), pytest.raises(BusyError, match=rf"week 2026-09-07 holds.*pid {os.getpid()} on"):
        take(tmp_path / "_lease", "week 2026-09-14", 30)


def test_numbers_grow_and_a_released_lease_is_free(tmp_path: Path) -> None:
    epochs = []
    for _ in range(5):
        with held(tmp_path, "week", 30) as lease:
            epochs.append(lease.epoch)
    assert epochs == [1, 2, 3, 4, 5]
    assert len(list((tmp_path / "_lease").glob("*.json"))) == 3, "old files go, the newest stay"


def test_released_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), held(tmp_path, "week", 30):
        raise ZeroDivisionError
    take(tmp_path / "_lease", "next", 30)


def test_killed_holder_of_this_machine_is_passed_at_once(tmp_path: Path) -> None:
    script = (
        "import sys, os, signal; from pathlib import Path; from spark_jobs.lease import take;"
        "take(Path(sys.argv[1]), 'week', 30); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "_lease")], check=False)
    assert take(tmp_path / "_lease", "next", 30).epoch == 2


def test_reused_pid_is_not_the_holder(tmp_path: Path) -> None:
    plant_holder(tmp_path, 4, host=socket.gethostname(), pid=os.getpid(), born="before this process")
    assert take(tmp_path, "next", 30).epoch == 5


@pytest.mark.parametrize(("expires_in", "free"), [(600, False), (-1, True)])
def test_holder_of_another_machine_keeps_it_until_its_time_is_over(tmp_path: Path, expires_in: float, free: bool) -> None:
    plant_holder(tmp_path, 1, expires=time.time() + expires_in)
    if free:
        assert take(tmp_path, "next", 30).epoch == 2
        return
    with pytest.raises(BusyError, match="on elsewhere"):
        take(tmp_path, "next", 30)


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"what": "week"}'])
def test_taker_killed_while_writing_never_held_it(tmp_path: Path, torn: str) -> None:
    plant_holder(tmp_path, 1)
    (tmp_path / "00000002.json").write_text(torn)
    assert take(tmp_path, "next", 30).epoch == 3


def test_forced_taker_fences_the_holder(tmp_path: Path) -> None:
    old = take(tmp_path, "week", 30)
    old.fence()
    take(tmp_path, "rollback", 30, force=True)
    with pytest.raises(BusyError, match="lease 1 was taken over by run 2"):
        old.fence()
    with pytest.raises(BusyError, match="taken over"):
        old.renew(60)


def test_renewal_pushes_the_expiry(tmp_path: Path) -> None:
    lease = take(tmp_path, "week", 1)
    lease.renew(3600)
    assert json.loads((tmp_path / "00000001.json").read_text())["expires"] > time.time() + 3000


def test_of_many_takers_at_once_exactly_one_wins(tmp_path: Path) -> None:
    won, lost = [], []
    gate = threading.Barrier(8)

    def race() -> None:
        gate.wait()
        try:
            won.append(take(tmp_path, "week", 30).epoch)
        except BusyError:
            lost.append(1)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
