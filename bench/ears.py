"""How well the ears hear: the frozen simulated test set, loops and recordings of known tempo and key, codecs, both networks.

    python bench/ears.py [--recordings ../shared/audio] [--warehouse DIR]   -> bench/results/ears.json

The 300 simulated songs of the test set were never tuned on. librosa hears the same sound in the same run: its tempo by
`librosa.feature.tempo`, its key by Krumhansl's profiles on `chroma_cqt`. A hit is within 4 % of the truth; with octaves, of two
or three times it, or half or a third. Keys by the MIREX score: 1 right, .5 a fifth off, .3 relative, .2 parallel. The network
is that of a warehouse's newest artefact `audio` (`make week` trains one); without --warehouse that part is left out.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import record
import soundfile
import soxr

from audio.cnn.embedding import Embedder
from audio.cnn.patches import patches_of
from audio.constants import SAMPLE_RATE
from audio.decode import decode
from audio.hearing import Heard, hear
from audio.synth import synthesise, truth
from audio.synth.test_set import cadences, frozen_test_set, validation_set
from spark_jobs.training.train_audio import precision_kept

NEAR = 0.04
OCTAVES = (1, 2, 3, 1 / 2, 1 / 3)
LOOP_S = 20.0
FORMATS = ("wav", "flac", "ogg", "mp3")
SEMITONES = (-3, 2)
KRUMHANSL = {
    "major": [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
    "minor": [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
}
Floats = np.ndarray


@dataclass
class Score:
    """Tempi and keys of one hearer against the truth."""

    ratio: list[float]
    keys: list[tuple[float, bool, bool, bool]]

    def tempo(self, heard: float | None, true: float) -> None:
        """Count one tempo."""
        self.ratio.append((heard or 1e-9) / true)

    def key(self, heard: tuple[int, str] | None, true: tuple[int, str]) -> None:
        """Count one key."""
        self.keys.append((mirex(heard, true), heard == true, bool(heard) and heard[1] == "major", true[1] == "major"))

    def told(self) -> dict[str, float]:
        """Means over all that was counted."""
        ratio, said = np.array(self.ratio), {}
        if len(ratio):
            hit = np.abs(ratio - 1) < NEAR
            octave = np.any([np.abs(ratio / by - 1) < NEAR for by in OCTAVES], axis=0)
            said = {
                "within_4%": hit.mean(),
                "with_octaves": octave.mean(),
                "median_error_%": 100 * np.median(abs(ratio[hit] - 1)),
            }
        if self.keys:
            columns = np.array(self.keys, float).mean(axis=0)
            said |= dict(zip(("key_mirex", "key_exact", "majors_heard", "majors_true"), columns, strict=True))
        return {name: round(float(value), 4) for name, value in said.items()} | {"n": max(len(ratio), len(self.keys))}


def mirex(heard: tuple[int, str] | None, true: tuple[int, str]) -> float:
    """MIREX's score of a key.

    >>> mirex((9, "minor"), (0, "major")), mirex((7, "major"), (0, "major")), mirex((0, "minor"), (0, "major"))
    (0.3, 0.5, 0.2)
    """
    if heard is None:
        return 0.0
    apart, same_mode = (heard[0] - true[0]) % 12, heard[1] == true[1]
    if same_mode:
        return {0: 1.0, 5: 0.5, 7: 0.5}.get(apart, 0.0)
    return 0.2 if apart == 0 else 0.3 if apart == (9 if true[1] == "major" else 3) else 0.0


def ours(y: Floats) -> tuple[float | None, tuple[int, str] | None]:
    heard = hear(y)
    return heard.tempo.bpm, (heard.key.pitch_class, heard.key.mode) if heard.key else None


def theirs(y: Floats) -> tuple[float | None, tuple[int, str] | None]:
    bpm = float(librosa.feature.tempo(y=y, sr=SAMPLE_RATE)[0])
    chroma = librosa.feature.chroma_cqt(y=y, sr=SAMPLE_RATE).mean(axis=1)
    fits = {(k, mode): np.corrcoef(np.roll(p, k), chroma)[0, 1] for mode, p in KRUMHANSL.items() for k in range(12)}
    return bpm, max(fits, key=fits.__getitem__)


def simulated(songs: Iterator[Any]) -> dict[str, dict[str, float]]:
    """Both hearers on simulated songs."""
    scores = {"ours": Score([], []), "librosa": Score([], [])}
    hearers: dict[str, Callable[..., Any]] = {"ours": ours, "librosa": theirs}
    for song in songs:
        y, true = synthesise(song), truth(song)
        for name, hearer in hearers.items():
            bpm, key = hearer(y)
            scores[name].tempo(bpm, true.tempo_bpm)
            scores[name].key(key, (true.key_pc, true.key_mode))
    return {name: score.told() for name, score in scores.items()}


def loops(folder: Path) -> dict[str, Any]:
    """Loops whose file names tell the tempo, tiled; `odd` are those that are no whole number of beats long."""
    scores, odd = {"ours": Score([], []), "librosa": Score([], [])}, []
    for path in sorted(folder.glob("*BPM*")):
        bpm = float(re.search(r"([\d.]+) BPM", path.name).group(1))
        y = decode(path).y
        beats = len(y) / SAMPLE_RATE * bpm / 60
        if abs(beats - round(beats)) > 0.1:
            odd.append(f"{path.stem}: {beats:.2f} beats")
        tiled = np.tile(y, int(np.ceil(LOOP_S * SAMPLE_RATE / len(y))))[: int(LOOP_S * SAMPLE_RATE)]
        scores["ours"].tempo(ours(tiled)[0], bpm)
        scores["librosa"].tempo(float(librosa.feature.tempo(y=tiled, sr=SAMPLE_RATE)[0]), bpm)
    return {name: score.told() for name, score in scores.items()} | {"odd": odd}


def recordings(folder: Path) -> list[dict[str, Any]]:
    """What is heard in each recording."""
    rows = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".m4a":
            continue  # needs ffmpeg
        found = hear(decode(path).y)
        key = f"{found.key.name} {found.key.confidence:.2f}" if found.key else None
        bpm = found.tempo.bpm and round(found.tempo.bpm, 1)
        rows.append({"file": path.name[:40], "key": key, "tempo": bpm, "tempo_conf": round(found.tempo.confidence, 2)})
    return rows


def renditions(embedder: Embedder | None) -> dict[str, Any]:
    """The same 40 songs in four formats and transposed by resampling: same key, same tempo, same embedding?"""
    same: dict[str, list[float]] = {name: [] for name in (*FORMATS[1:], *map(str, SEMITONES))}
    keys, tempi = ({name: [] for name in same} for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        for song in validation_set(40, seed=4, seconds=30.0):
            y = synthesise(song)
            first = _decoded(y, "wav", folder)
            for name in same:
                shift = int(name) if name.lstrip("-").isdigit() else 0
                again = hear(_shifted(y, shift)) if shift else _decoded(y, name, folder)
                _compare(first, again, shift, keys[name], tempi[name])
                if embedder and not shift:
                    same[name].append(float(_embedding(first, embedder) @ _embedding(again, embedder)))
    told = {name: {"same_key": np.mean(keys[name]), "same_tempo": np.mean(tempi[name])} for name in same}
    told |= {name: told[name] | {"cosine_min": min(found)} for name, found in same.items() if found}
    return {name: {metric: round(float(value), 4) for metric, value in found.items()} for name, found in told.items()}


def _decoded(y: Floats, ending: str, folder: str) -> Heard:
    path = Path(folder) / f"song.{ending}"
    soundfile.write(path, y, SAMPLE_RATE)
    return hear(decode(path).y)


def _shifted(y: Floats, semitones: int) -> Floats:
    """Faster and higher, or slower and lower, like a record."""
    return np.asarray(soxr.resample(y, SAMPLE_RATE * 2 ** (semitones / 12), SAMPLE_RATE), np.float32)


def _compare(first: Heard, again: Heard, shift: int, keys: list[bool], tempi: list[bool]) -> None:
    if first.key and again.key and first.key.confidence >= 0.5:
        keys.append(((again.key.pitch_class - shift) % 12, again.key.mode) == (first.key.pitch_class, first.key.mode))
    if first.tempo.bpm and again.tempo.bpm and first.tempo.confidence >= 0.5:
        ratio = again.tempo.bpm / 2 ** (shift / 12) / first.tempo.bpm
        tempi.append(any(abs(ratio / by - 1) < 0.002 for by in OCTAVES))


def _embedding(heard: Heard, embedder: Embedder) -> Floats:
    return embedder.embed(patches_of(heard.mel)).embedding


def networks(large: bytes, small: bytes) -> dict[str, float]:
    """Both precisions on the frozen test set, which neither was trained or calibrated on."""
    clips = [patches_of(hear(synthesise(song)).mel) for song in frozen_test_set()]
    return {name: round(value, 4) for name, value in precision_kept(large, small, clips).items()}


def newest_networks(warehouse: Path) -> tuple[bytes, bytes]:
    """Graphs of the newest artefact, fp32 and int8."""
    folder = max((warehouse / "artefacts" / "audio").glob("*/*/fp32.npy")).parent
    return np.load(folder / "fp32.npy").tobytes(), np.load(folder / "int8.npy").tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, default=record.ROOT.parent / "shared" / "audio")
    parser.add_argument("--warehouse", type=Path)
    given = parser.parse_args()
    pair = newest_networks(given.warehouse) if given.warehouse else None
    parts: dict[str, Any] = {"frozen_test_set": simulated(frozen_test_set()), "cadences": simulated(cadences(96, seed=9))}
    if given.recordings.is_dir():
        parts |= {"loops": loops(given.recordings / "loops"), "recordings": recordings(given.recordings / "music")}
    parts["renditions"] = renditions(Embedder(pair[0]) if pair else None)
    if pair:
        parts["networks"] = networks(*pair)
    record.write("ears", [{"part": name, "found": found} for name, found in parts.items()], {}, simulated="the songs are")


if __name__ == "__main__":
    main()
