"""The audio stage per file against the usual librosa script, with and without HPSS, and essentia; under Spark; its memory.

    python bench/hearing.py [--part ratios|spark|workers|memory] [--essentia PYTHON] [--files N] [--files-per-task N]

All parts -> bench/results/audio.json; one part is printed alone. Files: simulated songs of 30 s, stereo mp3 at 44.1 kHz.

Ours is what extract_audio does with a file: an `Ear`, so decoding in a child process, `hear`, patches, and a network of the
default size with random weights (they cost what trained ones cost), in fp32. Seconds are CPU seconds, user and system, of the
process and its child, on one thread. Rivals (bench/hearing_rivals.py) live in processes of their own. All, ours too, are
started, imported and compiled (numba) by one file before the first that counts, and take turns on each file, so that a busy
machine meets all alike; of each file the median of its repeats counts. essentia is AGPL and no part of this house:
`--essentia` names an interpreter that has it.

ratios : rivals' seconds over ours, and seconds of music over ours.
spark : what mapInArrow on local[1] adds to a plain loop over the same function, the job's own worker, in tasks of its
    `files_per_task`; CPU seconds, session start and a first job excluded.
workers : wall seconds of local[1] over those of local[2]. A busy machine makes it less than it is.
memory : resident MB of a process that hears file after file, with its decoder.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import record
import soundfile
import soxr
from hearing_rivals import RIVALS, Rival
from hearing_spark import SONGS, apart, rows, spark, workers

from audio.chroma import pitch_classes, spectral_peaks, tuning_cents
from audio.cnn.patches import patches_of
from audio.constants import CHROMA_FRAME, CHROMA_HOP, FRAME, HOP, SAMPLE_RATE
from audio.key import key_of
from audio.onsets import onset_rate, onset_strength
from audio.periodicity import periodicity
from audio.readings import readings
from audio.spectrogram import mel_bands, power_spectrum
from audio.synth import synthesise
from audio.synth.test_set import validation_set
from audio.tempo import tempo_of, tempo_weights
from audio.texture import texture
from audio.timbre import timbre
from conf.ears import ExtractAudio, TrainAudio
from models.cores import one_blas_thread
from spark_jobs import artefacts
from spark_jobs.artefacts import Artefact, ArtefactRef
from spark_jobs.hearing.ear import Ear
from spark_jobs.hearing.network import network_of

if TYPE_CHECKING:
    from audio.cnn.embedding import Embedder

PARTS = ("ratios", "spark", "workers", "memory")
SECONDS = 30.0
FILES = {"ratios": SONGS, "spark": 500, "workers": 500, "memory": 2000}
HEADS = {"factors": 64, "tags": 50, "readings": 5}


class MeasuredEar(Ear):
    """An ear that tells what it costs, itself and the decoder's child."""

    @property
    def child(self) -> Any:
        """The decoder."""
        return self._decoder

    def cpu_seconds(self) -> float:
        """Of this process and the living child so far; Linux alone has a clock of other processes finer than /proc's 10 ms."""
        child = self.child.pid
        return time.process_time() + (time.clock_gettime(~child << 3 | 2) if child else 0.0)

    def seconds_for(self, path: Path) -> float:
        """CPU seconds of hearing a file."""
        before = self.cpu_seconds()
        found = self.hear_file(path)
        assert found.embedding is not None, found.detail
        return self.cpu_seconds() - before


def songs(folder: Path) -> list[Path]:
    """Simulated songs as mp3; the right channel is a delayed and softer left one, as a room makes it."""
    paths = []
    for n, song in enumerate(validation_set(SONGS, seed=30, seconds=SECONDS)):
        left = soxr.resample(synthesise(song), SAMPLE_RATE, 44_100)
        paths.append(folder / f"simulated_{n}.mp3")
        soundfile.write(paths[-1], np.stack([left, 0.8 * np.roll(left, 13)], axis=1), 44_100, format="MP3")
    return paths


def network(folder: Path) -> ArtefactRef:
    """An artefact `audio` of default size with random weights. It imports JAX, which no ear does: to be called `apart`."""
    from audio.cnn.graph import network_graph
    from audio.cnn.network import as_numpy, parameters

    graph = network_graph(as_numpy(*parameters(TrainAudio(), HEADS)))
    digest = {"fp32": hashlib.sha256(graph).hexdigest()}
    return artefacts.save(folder, "audio", "0", Artefact({"fp32": np.frombuffer(graph, np.uint8)}, {"networks": digest}))


def embedder_of(ref: ArtefactRef) -> Embedder:
    opened = network_of(ref, "fp32")
    assert opened is not None
    return opened.embedder()


# --- ratios -------------------------------------------------------------------------------------------------------


def per_file(contenders: dict[str, Any], paths: list[Path], repeats: int) -> dict[str, float]:
    """CPU seconds a file of each contender: means over files of medians over repeats."""
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender.seconds_for(paths[0])
    for path in paths:
        turns = [{name: one.seconds_for(path) for name, one in contenders.items()} for _ in range(repeats)]
        for name, seconds in took.items():
            seconds.append(median(turn[name] for turn in turns))
    return {name: float(np.mean(seconds)) for name, seconds in took.items()}


def stage_seconds(ear: MeasuredEar, embedder: Embedder, path: Path) -> dict[str, float]:
    """CPU seconds of each stage of a file. `tempo` contains the two before it, `key` the chroma."""
    took = {}

    def timed(name: str, work: Callable[..., Any], *given: Any) -> Any:
        before = ear.cpu_seconds()
        made = work(*given)
        took[name] = ear.cpu_seconds() - before
        return made

    y = timed("decode", ear.child.decode, path).y
    power = timed("stft", power_spectrum, y, FRAME, HOP)
    mel = timed("mel", mel_bands, power)
    strength = timed("onsets", onset_strength, mel)
    timed("tempo_network", tempo_weights, timed("periodicity", periodicity, strength))
    tempo = timed("tempo", tempo_of, strength)
    pitch = timed("pitch_stft", power_spectrum, y, CHROMA_FRAME, CHROMA_HOP)
    timed("chroma", _chroma, pitch)
    key = timed("key", key_of, pitch)
    sound, bands = timed("timbre", timbre, power, mel), timed("texture", texture, mel)
    timed("readings", lambda: readings(sound, bands, onset_rate(strength[3]), tempo, key))
    timed("embed", embedder.embed, timed("patches", patches_of, mel))
    return took


def _chroma(power: np.ndarray) -> np.ndarray:
    peaks = spectral_peaks(power)
    return pitch_classes(peaks, tuning_cents(peaks))


def ratios(ref: ArtefactRef, paths: list[Path], essentia: str | None, repeats: int) -> dict[str, Any]:
    pythons = {name: sys.executable for name in RIVALS} | {"essentia": essentia}
    present = {name: Rival(name, python) for name, python in pythons.items() if python}
    embedder = embedder_of(ref)
    ear = MeasuredEar(None, embedder)
    with one_blas_thread(), ear:
        took = per_file({"ours": ear, **present}, paths, repeats)
        parts = [stage_seconds(ear, embedder, path) for path in paths for _ in range(repeats)]
    for rival in present.values():
        rival.close()
    ours = took["ours"]
    found: dict[str, Any] = {name: round(took[name] / ours, 2) if name in took else None for name in RIVALS}
    rows = [{"contender": name, "cpu_ms_a_file": round(1000 * seconds, 1)} for name, seconds in took.items()]
    return {
        "rows": rows,
        "ratios": found | {"real_time": round(SECONDS / ours, 1)},
        "stages_ms": {stage: round(1000 * median(part[stage] for part in parts), 2) for stage in parts[0]},
        **({} if essentia else {"essentia_missing": "no --essentia PYTHON given"}),
    }


# --- memory -------------------------------------------------------------------------------------------------------


def resident(ref: ArtefactRef, folder: str, marks: list[int]) -> list[float]:
    """Resident MB of a process and its decoder after each count of files in `marks`."""
    found = []
    ear = MeasuredEar(None, embedder_of(ref))
    with one_blas_thread(), ear:
        for n, row in enumerate(rows(marks[-1]), start=1):
            ear.seconds_for(Path(folder) / row["path"])
            if n in marks:
                processes = [psutil.Process(), psutil.Process(ear.child.pid)]
                found.append(round(sum(one.memory_info().rss for one in processes) / 1e6, 1))
    return found


def memory(ref: ArtefactRef, folder: str, files: int, params: ExtractAudio) -> dict[str, Any]:
    marks = [max(1, files // 10), max(1, files // 2), files]
    found = apart(resident, ref, folder, marks)
    return {"files": marks, "resident_mb": found, "growth_mb": round(found[-1] - found[0], 1)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--part", choices=PARTS, help="this one alone, printed and not kept")
    arguments.add_argument("--essentia", metavar="PYTHON", help="interpreter that has essentia")
    arguments.add_argument("--files", type=int, help=f"how many, of each part (default {FILES}); at most {SONGS} differ")
    arguments.add_argument("--repeats", type=int, default=3, help="of each file in the ratios (default 3)")
    arguments.add_argument("--files-per-task", type=int, default=ExtractAudio().files_per_task, help="under Spark")
    given = arguments.parse_args()
    count = {part: given.files or default for part, default in FILES.items()}
    params = ExtractAudio(files_per_task=given.files_per_task)
    result: dict[str, Any] = {"rows": [], "ratios": dict.fromkeys((*RIVALS, "real_time"))}
    with tempfile.TemporaryDirectory() as folder:
        ref, paths = apart(network, Path(folder)), songs(Path(folder))
        if given.part in (None, "ratios"):
            result |= ratios(ref, paths[: count["ratios"]], given.essentia, given.repeats)
        for name, part in (("spark", spark), ("workers", workers), ("memory", memory)):
            if given.part in (None, name):
                result[name] = part(ref, folder, count[name], params)
    record.write("audio", keep=given.part is None and not given.files, simulated=True, seconds=SECONDS, **result)


if __name__ == "__main__":
    main()
