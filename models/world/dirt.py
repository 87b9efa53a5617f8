"""genuine listens -> the known dirt: what real logs get wrong, planted so that every bad row breaks exactly one rule.

`REASONS` stands in the order in which intake asks; a row is counted under the first rule that it breaks. Dirt is made
from copies of a sample of genuine rows, each used once, so that no two kinds can meet in one row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.world.listening import Listens, mix
from models.world.sessions import DAY_MS
from models.world.streams import stream
from models.world.world import World

REASONS = (
    "malformed",
    "missing_field",
    "bad_value",
    "unknown_track",
    "ancient",
    "future",
    "duplicate_id",
    "duplicate_play",
    "impossible_day",
)
SHARES = {
    "malformed": 0.0004,
    "missing_field": 0.0004,
    "bad_value": 0.0004,
    "unknown_track": 0.0010,
    "ancient": 0.0003,
    "future": 0.0003,
    "duplicate_id": 0.0040,
    "duplicate_play": 0.0030,
}
LEAST = 6  # rows of each kind, in the smallest world too
SAMPLE_SHARE = 0.025  # of every block's listens; more than SHARES needs
TEXT_DAYS = 7  # the newest days come as JSON lines, where lines can be broken
BOT_TURN_MS = 300_000  # a bot starts a track this often and claims to have heard more than that of it
PLANTED_BLOCK = (1 << 20) - 1  # keys of planted rows come from a block that no listener has


@dataclass(frozen=True)
class Dirt:
    """Planted rows and the rule that each breaks.

    Attributes
    ----------
    rows : Listens [n]; for malformed, missing and unknown rows the writer spoils the text
    reason : int8 [n], index into REASONS
    variant : int64 [n], which way of breaking the rule: 0, 1, 2, ...
    """

    rows: Listens
    reason: NDArray[np.int8]
    variant: NDArray[np.int64]

    def counts(self) -> dict[str, int]:
        """Return the number of planted rows per reason."""
        return dict(zip(REASONS, np.bincount(self.reason, minlength=len(REASONS)).tolist(), strict=True))


def sample_for_dirt(world: World, block: Listens, number: int) -> Listens:
    """Pick the rows of a block from which dirt may be copied: with an id, and not in the world's last hour."""
    rng = stream(world.seed, "dirt sample", number)
    last = world.days * DAY_MS - DAY_MS // 24
    usable = np.flatnonzero((block.key != 0) & (block.start_ms < last) & (block.arrival_ms < last))
    wanted = min(len(usable), max(LEAST * len(SHARES), int(len(block) * SAMPLE_SHARE)))
    return block.take(np.sort(rng.choice(usable, wanted, replace=False)))


def plant(world: World, sample: Listens, listens: int) -> Dirt:
    """Turn the sample into dirt, in amounts that follow the number of genuine listens, and add the bots."""
    rng = stream(world.seed, "dirt")
    order, used = rng.permutation(len(sample)), 0
    kinds: list[tuple[Listens, int]] = []
    for reason, share in SHARES.items():
        wanted = min(max(LEAST, int(share * listens)), len(sample) - used)
        rows = sample.take(order[used : used + wanted])
        used += wanted
        kinds.append((_SPOIL[reason](rng, world, rows), REASONS.index(reason)))
    kinds.append((_bots(rng, world), REASONS.index("impossible_day")))
    rows = concatenate([rows for rows, _ in kinds])
    codes = np.concatenate([np.full(len(rows), code, np.int8) for rows, code in kinds])
    variant = np.concatenate([np.arange(len(rows)) for rows, _ in kinds])
    fresh = mix(np.arange(len(rows), dtype=np.uint64) | np.uint64(PLANTED_BLOCK << 40))
    keys = np.where(codes == REASONS.index("duplicate_id"), rows.key, fresh)
    return Dirt(replace(rows, key=keys), codes, variant)


def concatenate(parts: list[Listens]) -> Listens:
    """Return the rows of all parts."""
    return Listens(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in Listens.__annotations__})


def _malformed(rng: np.random.Generator, world: World, rows: Listens) -> Listens:
    day = rng.integers(world.days - TEXT_DAYS, world.days, len(rows))
    return replace(rows, arrival_ms=day * DAY_MS + rng.integers(0, DAY_MS, len(rows)))


def _bad(rng: np.random.Generator, world: World, rows: Listens) -> Listens:
    """Variant 0: negative ms_played, anywhere. Others: a time that cannot be read, which only text can hold."""
    negative = np.arange(len(rows)) % 2 == 0
    text = _malformed(rng, world, rows)
    return replace(
        rows,
        # 15 s off the row it was copied from: never the same play within 10 s
        start_ms=rows.start_ms + 15_000,
        arrival_ms=np.where(negative, rows.arrival_ms + 15_000, text.arrival_ms),
        ms_played=np.where(negative, -1 - rows.ms_played, rows.ms_played),
    )


def _ancient(rng: np.random.Generator, world: World, rows: Listens) -> Listens:
    epoch = -(world.first_day.toordinal() - 719_163) * DAY_MS  # 719163 = ordinal of 1970-01-01
    return replace(rows, start_ms=epoch + np.arange(len(rows)) * 60_000 + rng.integers(0, 30_000, len(rows)))


def _future(rng: np.random.Generator, world: World, rows: Listens) -> Listens:
    end = world.days * DAY_MS
    ahead = rng.integers(2 * DAY_MS, 9 * DAY_MS, len(rows)) // 60_000 * 60_000 + np.arange(len(rows))
    return replace(rows, start_ms=end + ahead, arrival_ms=end - 1 - rng.integers(0, DAY_MS, len(rows)))


def _again(rng: np.random.Generator, world: World, rows: Listens) -> Listens:
    """Every second duplicate comes with its original's file, the others one to four days later."""
    delay = np.where(np.arange(len(rows)) % 2 == 0, 0, rng.integers(1, 5, len(rows)) * DAY_MS)
    delay[rows.arrival_ms + delay >= world.days * DAY_MS] = 0
    return replace(rows, arrival_ms=rows.arrival_ms + delay)


def _again_seconds_later(rng: np.random.Generator, world: World, rows: Listens) -> Listens:
    shift = rng.integers(1_000, 9_000, len(rows))
    later = _again(rng, world, rows)
    return replace(later, start_ms=rows.start_ms + shift, arrival_ms=later.arrival_ms + shift)


def _unchanged(rng: np.random.Generator, world: World, rows: Listens) -> Listens:
    return rows


def _bots(rng: np.random.Generator, world: World) -> Listens:
    """One track after the other, each claimed in full although the next starts before: more than 24 h on a UTC date."""
    size, catalogue = world.size, world.catalogue
    turns = DAY_MS // BOT_TURN_MS
    long = np.argsort(-np.where(catalogue.release_day < 0, catalogue.duration_ms, 0), kind="stable")[: size.tracks // 20]
    days = np.stack([rng.choice(world.days, size.bot_days, replace=False) for _ in range(size.bots)])
    n = size.bots * size.bot_days * turns
    track = np.concatenate([np.resize(rng.permutation(long), turns) for _ in range(size.bots * size.bot_days)])
    start = np.repeat(days.ravel() * DAY_MS, turns) + np.tile(np.arange(turns) * BOT_TURN_MS, n // turns)
    zeros = np.zeros(n, np.int8)
    return Listens(
        listener=np.repeat(size.listeners + np.arange(size.bots), size.bot_days * turns).astype(np.int32),
        track=track.astype(np.int32), key=np.zeros(n, np.uint64), start_ms=start,
        ms_played=catalogue.duration_ms[track], arrival_ms=start, device=zeros + 6, reason=zeros, context=zeros + 2,
        feedback=zeros, session=zeros.astype(np.int32), mode=zeros,
    )  # fmt: skip


_SPOIL = {
    "malformed": _malformed,
    "missing_field": _unchanged,
    "bad_value": _bad,
    "unknown_track": _unchanged,
    "ancient": _ancient,
    "future": _future,
    "duplicate_id": _again,
    "duplicate_play": _again_seconds_later,
}
