"""blocks of listeners -> listens: plans the sessions, plays them, and adds what the log of an app would show.

Blocks are independent of one another: each draws from its own streams, so they may be made in any order and in threads.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from models.world import modes
from models.world.listeners import Listeners
from models.world.playback import DRAWS, play
from models.world.sessions import DAY_MS, WEEK_MS, SessionPlan, plan_sessions
from models.world.shelf import Ears, Plays, Shelf
from models.world.streams import stream

BLOCK = 1_000  # listeners; part of the definition of the world: another size gives other listens
LATE_SHARE = 0.02
NO_ID_SHARE = 0.05


@dataclass(frozen=True)
class Listens:
    """Listens as the app's server receives them; rows in order of listener and start.

    Attributes
    ----------
    listener, track : int32 [n]
    key : uint64 [n], unique number from which the listen_id is written; 0 where the app gave none
    start_ms, ms_played : int64 [n]; start counts from the first day of the world, UTC
    arrival_ms : int64 [n], when the row reached the server; later than the day of its start for late rows
    device, reason, context, feedback : int8 [n], codes of `modes.DEVICES` and of `playback`
    session : int32 [n], number of the session within the block
    mode : int8 [n], row of `modes.MODES`
    """

    listener: NDArray[np.int32]
    track: NDArray[np.int32]
    key: NDArray[np.uint64]
    start_ms: NDArray[np.int64]
    ms_played: NDArray[np.int64]
    arrival_ms: NDArray[np.int64]
    device: NDArray[np.int8]
    reason: NDArray[np.int8]
    context: NDArray[np.int8]
    feedback: NDArray[np.int8]
    session: NDArray[np.int32]
    mode: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.track)

    def take(self, rows: NDArray[np.integer] | slice) -> Listens:
        """Return the given rows."""
        return Listens(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def listen_block(shelf: Shelf, listeners: Listeners, number: int, seed: int) -> Listens:
    """Return all listens of block `number` (listeners `number * BLOCK` and on)."""
    block = listeners.block(number * BLOCK, (number + 1) * BLOCK)
    rng = stream(seed, "listens", number)
    plan = plan_sessions(rng, block, shelf.horizon_ms // WEEK_MS)
    rows = int(plan.length.sum())
    ears = Ears(block.taste, block.drift, block.own_slot, block.country, block.repeat, block.charts, block.impatience)
    out = _empty_plays(rows)
    n = play(shelf, ears, plan, rng.random((rows, DRAWS), dtype=np.float32), out)
    return _as_received(rng, _first_rows(out, n), plan, block, number, int(shelf.horizon_ms))


def _empty_plays(n: int) -> Plays:
    dense, long, code = np.empty((3, n), np.int32), np.empty((2, n), np.int64), np.empty((3, n), np.int8)
    return Plays(dense[0], dense[1], dense[2], long[0], long[1], code[0], code[1], code[2])


def _first_rows(plays: Plays, n: int) -> Plays:
    return Plays._make(column[:n] for column in plays)


def _as_received(
    rng: np.random.Generator, plays: Plays, plan: SessionPlan, block: Listeners, number: int, horizon_ms: int
) -> Listens:
    n = len(plays.track)
    mode = block.mode[plan.listener, plan.slot]
    device = (rng.random(len(mode))[:, None] > modes.device_shares()[mode]).sum(axis=1).clip(0, len(modes.DEVICES) - 1)
    late = np.where(rng.random(n) < LATE_SHARE, rng.integers(1, 6, n) * DAY_MS, 0)
    late[plays.start_ms + late >= horizon_ms] = 0  # would arrive after the world ends
    key = mix(np.arange(n, dtype=np.uint64) | np.uint64((number + 1) << 40))
    key[rng.random(n) < NO_ID_SHARE] = 0
    return Listens(
        plays.listener + np.int32(number * BLOCK), plays.track, key, plays.start_ms, plays.ms_played,
        plays.start_ms + late, device.astype(np.int8)[plays.session], plays.reason, plays.context, plays.feedback,
        plays.session, mode.astype(np.int8)[plays.session],
    )  # fmt: skip


def mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit numbers one to one (splitmix64 finaliser), so that ids are unique but say nothing."""
    x = numbers.copy()
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
