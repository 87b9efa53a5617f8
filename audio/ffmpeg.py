"""m4a, aac -> blocks of samples, by the machine's own ffmpeg where it has one: libsndfile has no AAC decoder.

ffmpeg follows references that a file holds (playlists, external tracks, URLs). It may open files only, is told the demuxer, and
writes WAV to a pipe: raw samples would need the number of channels from elsewhere, and its own mono mix is 3 dB louder than
the mean.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
import numpy.typing as npt

from conf.errors import AudioError

DEMUXER = {"m4a": "mov", "aac": "aac"}  # container -> ffmpeg's word for it


@contextmanager
def ffmpeg_blocks(
    path: str, container: str, block_samples: int, most_s: float, timeout_s: float
) -> Iterator[tuple[int, Iterator[npt.NDArray[np.float32]]]]:
    """The sampling rate in Hz, and blocks float32 [n, channels], full scale at 1, n * channels <= block_samples.

    Parameters
    ----------
    path : of the file, absolute.
    container : a key of `DEMUXER`.
    block_samples : cap of a block.
    most_s : seconds of sound at which ffmpeg stops.
    timeout_s : seconds after which ffmpeg is killed; the reader gets AudioError("timeout").
    """
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    process = subprocess.Popen(
        _command(path, container, most_s), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    watch = threading.Timer(timeout_s, stop)
    watch.daemon = True
    watch.start()
    try:
        assert process.stdout is not None
        with process.stdout as pipe:
            channels, rate = _wav_header(pipe)
            yield rate, _blocks(pipe, channels, block_samples)
    finally:
        watch.cancel()
        process.kill()
        process.wait()
        if late.is_set():
            raise AudioError("timeout", f"ffmpeg was killed after {timeout_s:.0f} s")


def require_ffmpeg(name: str, container: str) -> None:
    """AudioError("unrecognised") where this machine has no ffmpeg."""
    if shutil.which("ffmpeg") is None:
        what = f"{container} needs ffmpeg, which is not on PATH: install it, or convert the file to flac, ogg or mp3"
        raise AudioError("unrecognised", f"{name}: {what}")


def _command(path: str, container: str, most_s: float) -> list[str]:
    only = ["-protocol_whitelist", "file,pipe", "-f", DEMUXER[container], "-i", f"file:{path}"]
    sound = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-t", f"{most_s:.3f}", "-c:a", "pcm_f32le"]
    return ["ffmpeg", "-nostdin", "-v", "quiet", "-threads", "1", *only, *sound, "-f", "wav", "pipe:1"]


def _wav_header(pipe: IO[bytes]) -> tuple[int, int]:
    """Channels and Hz; the pipe stands at the first sample afterwards."""
    pipe.read(12)
    channels = rate = 0
    while len(chunk := pipe.read(8)) == 8:
        name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if name == b"data" and channels:
            return channels, rate
        body = pipe.read(size + size % 2)
        if name == b"fmt ":
            channels, rate = struct.unpack("<HI", body[2:8])
    raise AudioError("decode_error", "ffmpeg found no sound in it")


def _blocks(pipe: IO[bytes], channels: int, block_samples: int) -> Iterator[npt.NDArray[np.float32]]:
    frame = 4 * channels
    while data := pipe.read(max(1, block_samples // channels) * frame):
        yield np.frombuffer(data[: len(data) // frame * frame], np.dtype("<f4")).reshape(-1, channels)
