"""Opened file -> blocks of samples: the decoder of the sniffed format, and no other, reads it once from front to end.

Nothing seeks: libsndfile's sample-exact seeks in mp3 decode from the front anyway, and a header that lies sends them astray.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from audio.ffmpeg import DEMUXER, ffmpeg_blocks
from audio.layout import Layout
from audio.sniff import Opened
from conf.errors import AudioError

BLOCK = 131_072  # samples of all channels together: 0.5 MB, and 65,536 frames of stereo
_RATES = range(4_000, 768_001)  # Hz; at a claimed 1 Hz every sample would be resampled to 22,050
_FORMATS = {  # container -> libsndfile's words for it
    "wav": {"WAV", "WAVEX", "RF64"},
    "aiff": {"AIFF"},
    "au": {"AU"},
    "caf": {"CAF"},
    "w64": {"W64"},
    "flac": {"FLAC"},
    "ogg": {"OGG"},
    "mp3": {"MP3"},
}


@dataclass(frozen=True)
class Samples:
    """Samples of a file in their order.

    Attributes
    ----------
    rate : Hz.
    claimed : samples per channel that a plausible header claims; None where none does.
    blocks : float32 [n, channels], full scale at 1; each is overwritten by the next.
    """

    rate: int
    claimed: int | None
    blocks: Iterator[npt.NDArray[np.float32]]


@contextmanager
def samples(file: Opened, layout: Layout, most_s: float, timeout_s: float, block: int = BLOCK) -> Iterator[Samples]:
    """A file's samples from the first one on; AudioError("decode_error") where its decoder gives up.

    Parameters
    ----------
    most_s, timeout_s : bounds of an ffmpeg that is started: seconds of sound, and seconds that it may take.
    block : samples of all channels together that are read at once.
    """
    if layout.container in DEMUXER:
        with ffmpeg_blocks(str(file.path.absolute()), layout.container, block, most_s, timeout_s) as (rate, blocks):
            claimed = round(layout.claimed_s * rate) if layout.claimed_s else None
            yield Samples(_checked(rate), claimed, blocks)
        return
    with _sound_file(file, layout) as sound:
        claimed = sound.frames if layout.counted and 0 < sound.frames < 1 << 60 else None
        yield Samples(_checked(sound.samplerate), claimed, _blocks(sound, claimed, block))


class _Sequential(soundfile.SoundFile):  # type: ignore[misc, unused-ignore]
    """A sound file that is read on and on: soundfile seeks after each read of one that says it can."""

    def seekable(self) -> bool:
        return False


class _Spliced(io.RawIOBase):
    """The bytes `prefix`, then those of a file from byte `start` on."""

    def __init__(self, file: Opened, prefix: bytes, start: int) -> None:
        super().__init__()
        self._file, self._prefix, self._start, self._at = file, prefix, start, 0

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = len(self._prefix) + self._file.size - self._start
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        behind = self._at - len(self._prefix)
        data = self._prefix[self._at : self._at + size] if behind < 0 else self._file.read_at(self._start + behind, size)
        self._at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _sound_file(file: Opened, layout: Layout) -> Iterator[soundfile.SoundFile]:
    source: int | _Spliced = file.fd
    # Callbacks into Python cost a fifth of an mp3's decoding; an Ogg that begins inside a file is opened in no other way.
    if layout.prefix or (layout.start and layout.container == "ogg"):
        source = _Spliced(file, layout.prefix, layout.start)
    else:
        os.lseek(file.fd, layout.start, os.SEEK_SET)
    try:
        sound = _Sequential(source, closefd=False)
    except soundfile.LibsndfileError as error:
        raise AudioError("decode_error", f"{file.name} ({layout.container}): {error.error_string}") from None
    with sound:
        if sound.format not in _FORMATS[layout.container]:
            raise AudioError("decode_error", f"{file.name}: {layout.container} by its content, opened as {sound.format}")
        yield sound


def _blocks(sound: soundfile.SoundFile, claimed: int | None, size: int) -> Iterator[npt.NDArray[np.float32]]:
    """Blocks into one buffer, up to a plausible claim: a tag behind a FLAC's last frame is "lost sync" to its decoder.

    Given a buffer, soundfile does not cut its reads by the header's count.
    """
    buffer = np.empty((max(1, size // sound.channels), sound.channels), np.float32)
    done = 0
    while claimed is None or done < claimed:
        try:
            block = sound.read(out=buffer if claimed is None else buffer[: claimed - done])
        except soundfile.LibsndfileError as error:
            where = f"the decoder gave up after {done / sound.samplerate:.1f} s"
            raise AudioError("decode_error", f"{where}: {error.error_string}") from None
        if len(block) == 0:
            return
        done += len(block)
        yield block


def _checked(rate: int) -> int:
    if rate not in _RATES:
        raise AudioError("decode_error", f"a sampling rate of {rate} Hz")
    return rate
