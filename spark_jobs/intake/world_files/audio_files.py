"""World -> LANDING/audio/HH/TRACK.EXT: tracks' sound in mixed formats, broken files in known numbers, and the truth.

A track's sound is synthesised from its sixteen readings, so a file holds what `models.world.sound` says. Bytes depend on
(world, tracks, seconds) alone, not on how many threads make them: what encoders put in of chance and clock is left out.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.io import wavfile

from audio.constants import SAMPLE_RATE
from audio.synth import Song, synthesise, truth
from models.world import World
from models.world.ids import track_ids
from models.world.sound import READINGS, read
from models.world.streams import stream
from spark_jobs.intake.world_files.entities import write_rows
from spark_jobs.intake.world_files.ogg_pages import with_serial
from spark_jobs.intake.world_files.rows import Row

log = logging.getLogger(__name__)

AUDIO_TRUTH = "audio.jsonl"
FORMATS = {"ogg": 60, "mp3": 33, "flac": 4, "wav": 3}  # per cent of tracks: most of a catalogue is lossy, and small
SETTINGS = {"mp3": {"compression_level": 0.8}, "ogg": {"compression_level": 0.7}}
# kind of broken file -> (ending, the word of conf.audio.REASONS under which intake must refuse it)
BROKEN = {
    "empty": ("mp3", "empty"),
    "text": ("mp3", "unrecognised"),
    "cut_mp3": ("mp3", "truncated"),
    "cut_ogg": ("ogg", "truncated"),
    "cut_flac": ("flac", "truncated"),
    "nan": ("wav", "corrupt_samples"),
    "silent": ("ogg", "silent"),
    "three_samples": ("wav", "too_short"),
    "missing": ("ogg", "missing"),
}
FILES_A_BROKEN = 500  # one more of each kind for every so many files


@dataclass(frozen=True)
class AudioFile:
    """A planned file: row of the catalogue, id, path below the audio folder, song, and kind of `BROKEN` ("" for good ones)."""

    track: int
    track_id: str
    path: str
    song: Song
    broken: str


@dataclass(frozen=True)
class AudioSummary:
    """What was written.

    `files` that can be heard, `bytes` of all, broken ones by the reason that intake must give (`dirt`), and where the catalogue
    says that each track's file lies (`paths`, by row of the catalogue).
    """

    files: int
    bytes: int
    dirt: dict[str, int]
    paths: dict[int, str]


def song_of(world: World, track: int, seconds: float = 20.0) -> Song:
    """Return a track's song: its readings, and a seed of its own."""
    sound = world.catalogue.sound[track : track + 1]
    readings: dict[str, Any] = {name: float(read(sound, name)[0]) for name in READINGS}
    return Song(seed=world.seed * 1_000_003 + track, seconds=seconds, **readings)


def planned_files(world: World, tracks: NDArray[np.int32], seconds: float = 20.0, *, plain: bool = False) -> list[AudioFile]:
    """Return what `write_audio` will write, in the order of `tracks`; `plain` plants no broken files."""
    broken = {} if plain else _broken(world, tracks)
    ids = track_ids(world.size.tracks)
    planned = []
    for track in tracks.tolist():
        kind, track_id = broken.get(track, ""), str(ids[track])
        number = crc32(f"{world.seed} {track_id}".encode())
        ending = BROKEN[kind][0] if kind else _ending(number // 256 % 100)
        path = f"{number % 256:02x}/{track_id}.{ending}"
        planned.append(AudioFile(track, track_id, path, song_of(world, track, seconds), kind))
    return planned


def _broken(world: World, tracks: NDArray[np.int32]) -> dict[int, str]:
    """{track: kind}: as many of each kind, yet never more than a fifth of all files."""
    each = max(1, len(tracks) // FILES_A_BROKEN)
    kinds = (list(BROKEN) * each)[: len(tracks) // 5]
    drawn = stream(world.seed, "broken audio").choice(tracks, len(kinds), replace=False)
    return dict(zip(drawn.tolist(), kinds, strict=True))


def _ending(per_cent: int) -> str:
    return next(name for name, most in zip(FORMATS, np.cumsum(list(FORMATS.values())), strict=True) if per_cent < most)


def write_audio(
    world: World,
    audio: Path,
    truth_folder: Path,
    tracks: NDArray[np.int32],
    seconds: float = 20.0,
    *,
    plain: bool = False,
    threads: int = 2,
) -> AudioSummary:
    """Write the sound of the tracks, and truth/audio.jsonl.

    Parameters
    ----------
    audio, truth_folder : folders, made where missing.
    tracks : int32 [n], rows of the catalogue, each once.
    seconds : of each file.
    plain : plant no broken files.
    threads : same bytes, whatever it is.
    """
    planned = planned_files(world, tracks, seconds, plain=plain)
    for folder in sorted({(audio / file.path).parent for file in planned}):
        folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(threads) as pool:
        sizes = list(pool.map(lambda file: _write(audio, file), planned))
    write_rows(truth_folder / AUDIO_TRUTH, _truth_rows(planned))
    reasons = [BROKEN[file.broken][1] for file in planned if file.broken]
    dirt = {reason: reasons.count(reason) for _, reason in BROKEN.values()} if not plain else {}
    log.info("wrote audio files=%d bytes=%d broken=%d", len(planned) - len(reasons), sum(sizes), len(reasons))
    paths = {file.track: file.path for file in planned}
    return AudioSummary(len(planned) - len(reasons), sum(sizes), dirt, paths)


def _truth_rows(planned: list[AudioFile]) -> Iterator[Row]:
    """Rows of truth/audio.jsonl; `reason` is why intake must refuse the file, absent for good ones."""
    for file in planned:
        reason = BROKEN[file.broken][1] if file.broken else None
        yield {"track_id": file.track_id, "path": file.path, "reason": reason} | truth(file.song).row()


def _write(audio: Path, file: AudioFile) -> int:
    """Write one file; return its bytes."""
    content = encoded(file)
    if file.broken == "missing":
        return 0
    (audio / file.path).write_bytes(content)
    return len(content)


def encoded(file: AudioFile) -> bytes:
    """Return a file's bytes, broken as planned."""
    ending = file.path.rpartition(".")[2]
    if file.broken in {"empty", "missing"}:
        return b""
    if file.broken == "text":
        return f"<html><body>404: {file.track_id} is not here any more</body></html>\n".encode() * 40
    if file.broken == "silent":
        return _encoded(np.zeros(round(file.song.seconds * SAMPLE_RATE), np.float32), ending, file.track)
    y = synthesise(file.song)
    if file.broken == "nan":
        y[len(y) // 2 : len(y) // 2 + 100] = np.nan
        return _float_wav(y)
    content = _encoded(y[:3] if file.broken == "three_samples" else y, ending, file.track)
    return content[: int(0.6 * len(content))] if file.broken.startswith("cut") else content


def _encoded(y: NDArray[np.float32], ending: str, serial: int) -> bytes:
    memory = io.BytesIO()
    settings = SETTINGS.get(ending, {})
    with soundfile.SoundFile(memory, "w", SAMPLE_RATE, 1, format=ending.upper(), **settings) as sink:
        for start in range(0, len(y), SAMPLE_RATE):  # libsndfile's Vorbis encoder overruns its stack on long writes
            sink.write(y[start : start + SAMPLE_RATE])
    content = memory.getvalue()
    # libsndfile draws the stream's number from the clock
    return with_serial(content, serial) if ending == "ogg" else content


def _float_wav(y: NDArray[np.float32]) -> bytes:
    """A WAV file of floats; libsndfile would write the clock into its PEAK chunk."""
    memory = io.BytesIO()
    wavfile.write(memory, SAMPLE_RATE, y)
    return memory.getvalue()
