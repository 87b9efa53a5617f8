"""size, seed -> landing folder, truth folder: a simulated world in the landing format, with dirt in known amounts.

The arrays come from `models.world`, the files from `spark_jobs.intake.world_files`. Intake must quarantine exactly the
rows that `truth/dirt.json` counts. The truth lies in a folder of its own, which only evaluation and tests may read.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import BinaryIO

import numpy as np

from conf.errors import LandingError, UsageError
from models.world import SIZES, WORLD_END, World, WorldSize, build_world, with_numbers
from models.world.dirt import REASONS, concatenate, plant, sample_for_dirt
from models.world.listening import Listens
from models.world.sessions import DAY_MS
from spark_jobs.intake.world_files import entities
from spark_jobs.intake.world_files.audio_files import write_audio
from spark_jobs.intake.world_files.audio_tracks import chosen_tracks
from spark_jobs.intake.world_files.days import DayFiles
from spark_jobs.intake.world_files.rows import RowMaker
from spark_jobs.intake.world_files.truth import DIRT, SessionTruth, save_json, save_world

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """What was written.

    `rows` counts all lines and rows of listens, `listens` the genuine ones, `late` those of them that came days late, `audio`
    the sound files that can be heard, `audio_dirt` those that cannot, by reason.
    """

    size: str
    seed: int
    until: str
    listeners: int
    tracks: int
    rows: int
    listens: int
    late: int
    sessions: int
    feedback: int
    playlists: int
    dirt: dict[str, int]
    audio: int
    audio_dirt: dict[str, int]


def simulate(
    size: str | WorldSize,
    seed: int,
    landing: Path,
    truth: Path,
    *,
    until: date = WORLD_END,
    listeners: int | None = None,
    audio: int | None = None,
    plain: bool = False,
    threads: int = 2,
) -> Summary:
    """Make a world and write it.

    Parameters
    ----------
    size : a name of `models.world.SIZES`, or a size
    seed : same seed, same bytes, whatever `threads` is
    landing, truth : folders to make; they must not exist or be empty
    until : first day (UTC) after the world
    listeners : another number of listeners than the size has
    audio : another number of tracks with a sound file than the size has
    plain : plant no dirt and no bots

    Raises
    ------
    UsageError
        `size` is no known name.
    LandingError
        A folder already holds something.
    """
    chosen = with_numbers(_named(size), listeners, audio)
    world = build_world(replace(chosen, bots=0) if plain else chosen, seed, until)
    for folder in (landing, truth):
        if folder.exists() and any(folder.iterdir()):
            raise LandingError(f"{folder} is not empty: two worlds must not mix; delete it or name another folder")
    parts = [folder.with_name(f".{folder.name}.part") for folder in (landing, truth)]
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)  # left by a killed run
    summary = _write(world, *parts, plain=plain, threads=threads)
    for part, folder in zip(parts, (landing, truth), strict=True):
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    log.info("simulated size=%s seed=%d rows=%d listens=%d", summary.size, seed, summary.rows, summary.listens)
    return summary


def _named(size: str | WorldSize) -> WorldSize:
    if isinstance(size, WorldSize):
        return size
    if size not in SIZES:
        raise UsageError(f"no world is called {size!r}; choose one of: {', '.join(SIZES)}")
    return SIZES[size]


def _write(world: World, landing: Path, truth: Path, *, plain: bool, threads: int) -> Summary:
    save_world(world, truth)
    maker, samples, tally = RowMaker(world), [], _Tally()
    sound = write_audio(world, landing / "audio", truth, chosen_tracks(world, world.size.audio), plain=plain, threads=threads)
    _write_entities(world, landing, maker, sound.paths)
    with ExitStack() as open_files:
        days = open_files.enter_context(DayFiles(world, landing / "listens"))
        sessions = open_files.enter_context(SessionTruth(world, truth, maker))
        feedback, playlists = (open_files.enter_context(_opened(landing, name)) for name in ("feedback", "playlists"))
        for number, block in enumerate(world.listens(threads)):
            days.add(block)
            sessions.add(block)
            samples.append(sample_for_dirt(world, block, number))
            tally.add(block)
            tally.feedback += entities.append_rows(feedback, entities.feedback_rows(world, block, maker))
            tally.playlists += entities.append_rows(playlists, entities.playlist_rows(world, block, number, maker))
        counts = dict.fromkeys(REASONS, 0)
        if not plain:
            dirt = plant(world, concatenate(samples), tally.listens)
            days.plant(dirt)
            counts = dirt.counts()
    save_json(truth / DIRT, counts | {"late": tally.late})
    size = world.size
    rows = tally.listens + sum(counts.values())
    return Summary(
        size.name, world.seed, world.until.isoformat(), size.listeners, size.tracks, rows=rows, dirt=counts,
        audio=sound.files, audio_dirt=sound.dirt, **asdict(tally),
    )  # fmt: skip


@dataclass
class _Tally:
    listens: int = 0
    late: int = 0
    sessions: int = 0
    feedback: int = 0
    playlists: int = 0

    def add(self, block: Listens) -> None:
        self.listens += len(block)
        self.late += int((block.arrival_ms // DAY_MS > block.start_ms // DAY_MS).sum())
        self.sessions += len(np.unique(block.session))


def _write_entities(world: World, landing: Path, maker: RowMaker, audio: dict[int, str]) -> None:
    rows = {
        "artists": entities.artist_rows(world),
        "tracks": entities.track_rows(world, audio),
        "users": entities.user_rows(world),
        "follows": entities.follow_rows(world),
        "tags": entities.tag_rows(world),
        "exposures": entities.exposure_rows(world, maker),
    }
    for name, content in rows.items():
        entities.write_rows(landing / name / f"{name}.jsonl", content)


def _opened(landing: Path, name: str) -> BinaryIO:
    folder = landing / name
    folder.mkdir(parents=True)
    return (folder / f"{name}.jsonl").open("wb")
