"""plan -> drum strokes: a pattern a song with changes of its own, ghosts, fills every few bars, a crash on a new section."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio.synth.plan import Float64s, Int64s, Plan
from audio.synth.rhythm import player_of, scattered
from audio.synth.song import Song, stream

# kick and snare of one bar, a sign a step: x a stroke, g a ghost, - nothing
PATTERNS: dict[str, tuple[tuple[str, str], ...]] = {
    "backbeat": (
        ("x-------x-------", "----x-------x---"),
        ("x-------x-x-----", "----x-------x---"),
        ("x-----x-x-------", "----x-------x---"),
        ("x-----x---x-----", "----x--g----x---"),
        ("x--x--x-x-------", "----x-------x--g"),
    ),
    "four_on_the_floor": (
        ("x---x---x---x---", "----x-------x---"),
        ("x---x---x---x-x-", "----x-------x---"),
        ("x---x---x---x---", "----------------"),
    ),
    "half_time": (("x---------x-----", "--------x-------"), ("x-----x-----x---", "--------x-----g-")),
    "breakbeat": (
        ("x-x-------xx----", "----x--g-g--x--g"),
        ("x-x-------x-----", "----x--x-x--x---"),
        ("x---------x-----", "----x--g-g--x---"),
    ),
    "one_drop": (("--------x-------", "--------x-------"), ("x-------x-------", "--------x-----g-")),
    "tresillo": (("x---x---x---x---", "---x--x----x--x-"), ("x--x--x-x--x--x-", "----x-------x---")),
    "waltz": (("x-----------", "----x---x---"), ("x---------x-", "----x---x---"), ("x-----------", "--------x---")),
    "compound": (("x-----------", "------x-----"), ("x---x-------", "------x-----"), ("x---------x-", "------x---g-")),
}
_GHOST = 0.35


@dataclass(frozen=True)
class Strokes:
    """Strokes of one drum: start float64 [m] in seconds, velocity float64 [m]."""

    start: Float64s
    velocity: Float64s


def drum_strokes(song: Song, plan: Plan) -> dict[str, Strokes]:
    """Strokes of every drum in the bars that the drummer plays; empty without one."""
    bars = np.flatnonzero(plan.played)
    if not len(bars):
        return {}
    rng = stream(song, "drums")
    kick, snare = PATTERNS[plan.drums][rng.integers(len(PATTERNS[plan.drums]))]
    filled = _filled(plan, bars, int(rng.choice([4, 8])))
    cut = plan.metre.bar - plan.metre.steps  # a fill takes the last beat
    hits = {
        "kick": _repeated(plan, bars, _varied(rng, kick, plan)),
        "snare": _repeated(plan, bars, snare),
        "shaker" if rng.random() < 0.6 * song.acousticness else "hat": _repeated(plan, bars, _cymbal(rng, song, plan)),
        "open_hat": _repeated(plan, bars, _open_hat(rng, plan)),
    }
    hits = {name: [(s, v) for s, v in made if not (s // plan.metre.bar in filled and s % plan.metre.bar >= cut)]
            for name, made in hits.items()}  # fmt: skip
    for name in ("snare", "tom"):
        hits[name] = hits.get(name, []) + _fill(rng, song, plan, filled, cut, name)
    starts = [int(bar) for bar in bars if bar == 0 or plan.section[bar] != plan.section[bar - 1]]
    hits["crash"] = [(bar * plan.metre.bar, 0.8) for bar in starts if plan.level[bar] == 1.0]
    return {name: _played(rng, song, plan, made) for name, made in hits.items() if made}


def _filled(plan: Plan, bars: Int64s, every: int) -> set[int]:
    """Bars that end with a fill: each `every`-th, and those before a new section."""
    new = set((np.flatnonzero(np.diff(plan.section)) + 0).tolist())
    return {int(bar) for bar in bars if bar % every == every - 1 or int(bar) in new}


def _repeated(plan: Plan, bars: Int64s, pattern: str) -> list[tuple[int, float]]:
    bar = [(step, 1.0 if sign == "x" else _GHOST) for step, sign in enumerate(pattern) if sign != "-"]
    return [(int(b) * plan.metre.bar + step, velocity) for b in bars for step, velocity in bar]


def _varied(rng: np.random.Generator, kick: str, plan: Plan) -> str:
    """Half of the drummers add a kick off the beat."""
    free = [s for s in range(2, len(kick), 2) if kick[s] == "-" and s % plan.metre.steps]
    if plan.drums == "one_drop" or not free or rng.random() < 0.5:
        return kick
    at = int(rng.choice(free))
    return f"{kick[:at]}x{kick[at + 1 :]}"


def _cymbal(rng: np.random.Generator, song: Song, plan: Plan) -> str:
    """One, two, or as many strokes a beat as steps / 2 or steps, whichever comes nearest to a pace that follows density."""
    wanted = (2.5 + 0.5 * song.density + 1.5 * song.energy) * rng.uniform(0.75, 1.3) * plan.beat_s
    choices = [every for every in (1, 2, plan.metre.steps) if plan.metre.steps / every / plan.beat_s < 11]
    every = min(choices or [plan.metre.steps], key=lambda e: abs(np.log(plan.metre.steps / e / wanted)))
    accent = 2 if rng.random() < 0.5 else plan.metre.steps
    return "".join("-" if s % every else ("x" if s % accent == 0 else "g") for s in range(plan.metre.bar))


def _open_hat(rng: np.random.Generator, plan: Plan) -> str:
    """House music opens the hat on each off-beat; others once a bar, before its end, or never."""
    half = plan.metre.steps // 2
    if plan.drums == "four_on_the_floor" and rng.random() < 0.7:
        return "".join("x" if s % plan.metre.steps == half else "-" for s in range(plan.metre.bar))
    last = plan.metre.bar - half if rng.random() < 0.3 else -1
    return "".join("x" if s == last else "-" for s in range(plan.metre.bar))


def _fill(
    rng: np.random.Generator, song: Song, plan: Plan, filled: set[int], cut: int, name: str
) -> list[tuple[int, float]]:  # fmt: skip
    every = 1 if plan.metre.steps / plan.beat_s < 10 else 2
    busy = 0.35 + 0.4 * song.energy
    return [
        (bar * plan.metre.bar + step, float(rng.uniform(0.5, 1.0)))
        for bar in sorted(filled)
        for step in range(cut, plan.metre.bar, every)
        if rng.random() < busy
    ]


def _played(rng: np.random.Generator, song: Song, plan: Plan, hits: list[tuple[int, float]]) -> Strokes:
    steps, velocity = np.array([s for s, _ in hits]), np.array([v for _, v in hits])
    weight = 0.85 + 0.2 * plan.level[np.minimum(steps // plan.metre.bar, plan.bars - 1)]
    human = rng.normal(1, 0.05 + 0.12 * song.acousticness, len(hits))
    return Strokes(scattered(rng, plan, player_of(rng, song), steps), np.clip(velocity * weight * human, 0.1, 1.3))
