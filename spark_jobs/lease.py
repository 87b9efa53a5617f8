"""One run at a time per warehouse: a lease with expiry, and a number that only grows.

Taking the lease links a written file to `_lease/<epoch>.json`, so of two takers of one number exactly one wins. The newest
file is the lease; an older holder sees the newer number and stops before it flips anything (fencing). A holder that
died on this machine is passed at once, one on another machine when its time is over.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from conf.errors import BusyError


@dataclass(frozen=True)
class Holder:
    """Who holds a lease, since and until when (Unix seconds); `born` tells a reused pid from the holder's."""

    what: str
    host: str
    pid: int
    born: str
    expires: float
    released: bool = False


@dataclass
class Lease:
    """A taken lease."""

    folder: Path
    epoch: int

    def fence(self) -> None:
        """Raise BusyError where a newer run has taken over."""
        if (newest := _newest(self.folder)) != self.epoch:
            raise BusyError(f"lease {self.epoch} was taken over by run {newest}: this run stops before it changes a store")

    def renew(self, seconds: float) -> None:
        """Push the expiry `seconds` ahead."""
        self.fence()
        holder = _read(self.folder, self.epoch)
        _replace(self.folder, self.epoch, Holder(**{**asdict(holder), "expires": time.time() + seconds}))

    def release(self) -> None:
        """Let the next run start; a no-op where it was taken over and its file is gone since."""
        if not _file(self.folder, self.epoch).exists():
            return
        holder = _read(self.folder, self.epoch)
        _replace(self.folder, self.epoch, Holder(**{**asdict(holder), "released": True}))
        for epoch in _epochs(self.folder)[:-3]:
            _file(self.folder, epoch).unlink(missing_ok=True)


@contextmanager
def held(warehouse: Path, what: str, minutes: float, force: bool = False) -> Iterator[Lease]:
    """Hold the warehouse's lease for a block; BusyError where a living run holds it and `force` is not set."""
    lease = take(warehouse / "_lease", what, minutes, force)
    done = threading.Event()
    threading.Thread(target=_keep, args=(lease, minutes * 60, done), daemon=True).start()
    try:
        yield lease
    finally:
        done.set()
        lease.release()


def _keep(lease: Lease, seconds: float, done: threading.Event) -> None:
    """Push the expiry while the block runs, so that only a dead holder's lease runs out."""
    while not done.wait(seconds / 3):
        try:
            lease.renew(seconds)
        except BusyError:
            return


def take(folder: Path, what: str, minutes: float, force: bool = False) -> Lease:
    """Take the lease, or raise BusyError naming its holder."""
    folder.mkdir(parents=True, exist_ok=True)
    newest = _newest(folder)
    if newest and not force and (holder := _read(folder, newest)) and _living(holder):
        left = max(0, holder.expires - time.time()) / 60
        raise BusyError(
            f"{holder.what} holds the lease of this warehouse (pid {holder.pid} on {holder.host}, {left:.0f} minutes left): "
            "try again when it has ended"
        )
    me = Holder(what, socket.gethostname(), os.getpid(), _born(os.getpid()), time.time() + minutes * 60)
    lease = Lease(folder, newest + 1)
    # Written first and linked into place: an empty file would look like a killed taker's to whoever comes next.
    draft = folder / f".{os.getpid()}-{threading.get_ident()}.tmp"
    draft.write_text(json.dumps(asdict(me)))
    try:
        os.link(draft, _file(folder, lease.epoch))
    except FileExistsError:
        raise BusyError("another run took the lease a moment ago: try again when it has ended") from None
    finally:
        draft.unlink()
    return lease


def newest_holder(warehouse: Path) -> tuple[Holder, bool] | None:
    """Who took the newest lease, and whether it still lives; None where nobody did or it was given back."""
    folder = warehouse / "_lease"
    newest = _newest(folder)
    if not newest or (found := _read(folder, newest)).released:
        return None
    return found, _living(found)


def _living(holder: Holder) -> bool:
    if holder.released or holder.expires < time.time():
        return False
    return holder.host != socket.gethostname() or _born(holder.pid) == holder.born != ""


def _born(pid: int) -> str:
    """Start time of a process in clock ticks since boot, empty where there is none (Linux; elsewhere: pid alive)."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        state, *fields = stat.read_text().rpartition(")")[2].split()
        return "" if state == "Z" else fields[18]
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return ""
    return "alive"


def _file(folder: Path, epoch: int) -> Path:
    return folder / f"{epoch:08d}.json"


def _epochs(folder: Path) -> list[int]:
    return sorted(int(p.stem) for p in folder.glob("*.json"))


def _newest(folder: Path) -> int:
    return max(_epochs(folder), default=0)


def _read(folder: Path, epoch: int) -> Holder:
    try:
        return Holder(**json.loads(_file(folder, epoch).read_text()))
    except (json.JSONDecodeError, TypeError):  # torn by a crash of the machine: it holds nothing
        return Holder("a killed run", "", 0, "", 0.0)


def _replace(folder: Path, epoch: int, holder: Holder) -> None:
    staging = folder / f".{epoch:08d}.tmp"
    staging.write_text(json.dumps(asdict(holder)))
    os.replace(staging, _file(folder, epoch))
