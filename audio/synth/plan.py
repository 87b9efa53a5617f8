"""song -> its plan: metre, grid of time, sections with their loudness, and the drummer's pattern.

Time is exact: beats lie at first_beat_s + k * 60 / tempo, players scatter around them. The clip is an excerpt, so it may begin
anywhere in a beat and in a bar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio.synth.song import Song, stream

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

TUNING_CENTS = 20.0  # songs are tuned up to this far from 440 Hz, either way
NO_DRUMS = "none"


@dataclass(frozen=True)
class Metre:
    """Beats of a bar, and steps of a beat: 4 where a beat is halved, 6 where it has three parts."""

    name: str
    beats: int
    steps: int

    @property
    def bar(self) -> int:
        """Steps of a bar."""
        return self.beats * self.steps


METRES = {m.name: m for m in (Metre("4/4", 4, 4), Metre("3/4", 3, 4), Metre("6/8", 2, 6))}


@dataclass(frozen=True)
class Plan:
    """The grid and the form of a song.

    Attributes
    ----------
    first_beat_s : time of the first beat, in [0, beat_s).
    pickup : beats of the first bar that lie before `first_beat_s`, 1 to all of them.
    level : float64 [bars], 0 = quiet section .. 1 = chorus.
    section : int64 [bars], number of the section.
    played : bool [bars], whether the drummer plays: an intro may do without.
    drums : name of the pattern, or NO_DRUMS.
    """

    metre: Metre
    beat_s: float
    swing: float
    first_beat_s: float
    pickup: int
    tuning_cents: float
    level: Float64s
    section: Int64s
    played: npt.NDArray[np.bool_]
    drums: str

    @property
    def bars(self) -> int:
        """Bars that the clip touches."""
        return len(self.level)

    @property
    def bar_s(self) -> float:
        """Seconds of a bar."""
        return self.metre.beats * self.beat_s

    def seconds_at(self, step: npt.ArrayLike) -> Float64s:
        """Time of steps counted from the first bar's downbeat, seconds; negative before the clip."""
        beat, part = np.divmod(np.asarray(step, np.float64) / self.metre.steps, 1.0)
        late = np.where(part < 0.5, part * 2 * self.swing, self.swing + (part - 0.5) * 2 * (1 - self.swing))
        return np.asarray(self.first_beat_s + (beat + late - self.pickup) * self.beat_s)


def plan_of(song: Song) -> Plan:
    """Return the plan of a song: same song, same plan."""
    rng = stream(song, "plan")
    metre = METRES[song.metre or _metre(rng, song.tempo)]
    beat_s = 60.0 / song.tempo
    bar_s = beat_s * metre.beats
    pickup = int(rng.integers(metre.beats)) + 1  # never 0: something sounds from the first sample on
    bars = int(np.ceil(song.seconds / bar_s)) + 1
    section, level, bare = _sections(rng, bars, bar_s, song.seconds)
    drums = _pattern(rng, song, metre)
    return Plan(
        metre, beat_s,
        swing=song.swing if metre.steps == 4 else 0.5,  # a beat of three parts has no middle to be late
        first_beat_s=float(rng.uniform(0, beat_s)),
        pickup=pickup,
        tuning_cents=float(rng.uniform(-TUNING_CENTS, TUNING_CENTS)),
        level=level, section=section, played=~bare if drums != NO_DRUMS else np.zeros(bars, bool),
        drums=drums,
    )  # fmt: skip


def _metre(rng: np.random.Generator, tempo: float) -> str:
    """6/8 only where its eighths (three a beat) can still be played."""
    draw = rng.random()
    if draw < 0.1:
        return "3/4"
    return "6/8" if draw < 0.2 and tempo < 125 else "4/4"


def _sections(
    rng: np.random.Generator, bars: int, bar_s: float, seconds: float
) -> tuple[Int64s, Float64s, npt.NDArray[np.bool_]]:
    """Section number, level, and absence of drums of each bar: quiet and loud sections take turns, at least two a clip."""
    length = next((n for n in (8, 4) if 4.0 < n * bar_s < 0.55 * seconds), 2)
    first = int(rng.integers(1, length + 1))  # the excerpt begins somewhere in its first section
    section = np.maximum(0, np.arange(bars) - first + length) // length
    count = int(section[-1]) + 1
    loud = (np.arange(count) + rng.integers(2)) % 2 == 1
    level = np.where(loud, 1.0, rng.uniform(0.0, 0.25, count))
    bare = np.zeros(count, bool)
    bare[0] = not loud[0] and rng.random() < 0.5
    return section, level[section], bare[section]


def _pattern(rng: np.random.Generator, song: Song, metre: Metre) -> str:
    """Quiet acoustic songs have no drummer; others one who suits metre and tempo."""
    quiet = 0.12 + 0.3 * song.acousticness * (1 - song.energy) + rng.uniform(0, 0.08)
    if song.percussiveness < quiet:
        return NO_DRUMS
    if metre.name != "4/4":
        return {"3/4": "waltz", "6/8": "compound"}[metre.name]
    fits = {
        "backbeat": 3.0,
        "four_on_the_floor": 3.0 * (1 - 0.6 * song.acousticness) if 95 <= song.tempo <= 160 else 0.4,
        "half_time": 0.7 if 100 <= song.tempo <= 150 else 0.0,
        "breakbeat": 1.2 if song.tempo >= 80 else 0.0,
        "one_drop": 0.8 if song.tempo <= 95 else 0.0,
        "tresillo": 0.8 if 80 <= song.tempo <= 130 else 0.0,
    }
    share = np.array(list(fits.values()))
    return str(rng.choice(list(fits), p=share / share.sum()))
