"""What others do with an audio file, one rival a process: `PYTHON bench/hearing_rivals.py NAME`.

Reads a path a line from stdin and answers `seconds X`: CPU seconds of this process and all its threads for that file. It
imports nothing of this repository, so that any interpreter may run it. The rivals:

librosa : the usual script: load (mono, 22,050 Hz), beat_track, chroma_cqt, mfcc, rms, spectral_centroid.
librosa_hpss : the same with percussion and harmony parted first: beats of the one, chroma of the other.
essentia : MonoLoader at 44.1 kHz, RhythmExtractor2013 (multifeature), KeyExtractor, loudness and dynamics, and per frame of
    2,048 every 1,024 the MFCC and the centroid. It knows no embedding: none of the three does what ours does last.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def librosa(parted: bool) -> Callable[[str], object]:
    import librosa as lib

    def listen(path: str) -> object:
        y, rate = lib.load(path)
        harmonic, percussive = lib.effects.hpss(y) if parted else (y, y)
        return (
            lib.beat.beat_track(y=percussive, sr=rate),
            lib.feature.chroma_cqt(y=harmonic, sr=rate),
            lib.feature.mfcc(y=y, sr=rate),
            lib.feature.rms(y=y),
            lib.feature.spectral_centroid(y=y, sr=rate),
        )

    return listen


def essentia() -> Callable[[str], object]:
    import essentia as lib
    import essentia.standard as es

    lib.log.infoActive = lib.log.warningActive = False
    rhythm, key = es.RhythmExtractor2013(method="multifeature"), es.KeyExtractor()
    loudness, dynamics = es.Loudness(), es.DynamicComplexity()
    window, spectrum, mfcc, centroid = (
        es.Windowing(type="hann"),
        es.Spectrum(),
        es.MFCC(inputSize=1025),
        es.Centroid(range=22050),
    )

    def of_frame(frame: object) -> object:
        bins = spectrum(window(frame))
        return mfcc(bins)[1], centroid(bins)

    def listen(path: str) -> object:
        y = es.MonoLoader(filename=path, sampleRate=44100)()
        frames = es.FrameGenerator(y, frameSize=2048, hopSize=1024)
        return rhythm(y), key(y), loudness(y), dynamics(y), [of_frame(frame) for frame in frames]

    return listen


RIVALS: dict[str, Callable[[], Callable[[str], object]]] = {
    "librosa": lambda: librosa(parted=False),
    "librosa_hpss": lambda: librosa(parted=True),
    "essentia": essentia,
}


class Rival:
    """A process of this file, on one thread."""

    def __init__(self, name: str, python: str) -> None:
        command = [python, "-P", __file__, name]
        self._name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD
        )

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def seconds_for(self, path: Path) -> float:
        """CPU seconds of its process for a file."""
        assert self._process.stdin and self._process.stdout
        print(path, file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith("seconds "):  # libraries print whatever they like in between
                return float(line.split()[1])
        raise RuntimeError(f"{self._name} ended with {self._process.wait()}")


def main() -> None:
    """Answer until stdin ends."""
    listen = RIVALS[sys.argv[1]]()
    for line in sys.stdin:
        before = time.process_time()
        listen(line.rstrip("\n"))
        print("seconds", time.process_time() - before, flush=True)


if __name__ == "__main__":
    main()
