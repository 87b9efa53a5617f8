"""audio file -> clip: 90 s of mono sound at 22,050 Hz from 15 % in, or the reason why it cannot be heard.

Intros sound like nothing else in a track, so 15 % are passed over; below 106 s a file gives up as much of that as it needs to
fill the window, so whatever is shorter than 90 s (previews; loops, whose beats must meet when they are tiled) is heard whole.
Files are read front to end in blocks; what lies before the window is decoded and dropped, what lies behind it is not read.
Channels are averaged and resampled by soxr's HQ: its cheaper recipes save 1 ms of 90 s (HQ 7 ms, LQ 6 ms from 44.1 kHz).

A header's count of samples is checked (audio.structure) and used only where plausible. Where there is none, or the file ends
where it should not, a second pass starts at 15 % of what the first one counted.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from audio.constants import SAMPLE_RATE, WINDOW_S, WINDOW_START
from audio.ffmpeg import DEMUXER, require_ffmpeg
from audio.layout import Layout
from audio.samples import Samples, samples
from audio.sniff import Opened, sniff
from audio.structure import structure
from conf.errors import AudioError

Floats = npt.NDArray[np.float32]

# Full scale is 1. Float files and mp3 go over it (2 is usual in loud masters); a flipped byte in an mp3 gives 1e5.
_FULL_SCALES = 8.0
_FEW = 2_048  # samples that show that a decoder gives something
_SLACK_S = 0.1  # two frames of mp3 at 22 kHz, by which honest counts are wrong


@dataclass(frozen=True)
class Limits:
    """What is heard of a file, and what is refused.

    Attributes
    ----------
    max_bytes : of the file; more is too_large.
    window_s, start_share : seconds that are heard, and the share of the whole passed over before them.
    max_decoded_s : seconds of sound after which decoding stops, however long the file: a mix of ten hours is heard in here.
    min_s : seconds of sound; less is too_short. The loops of sample libraries have 1.4 s.
    silence_dbfs : root mean square of the window, dB below full scale; less is silent. Quiet chamber music has -45.
    timeout_s : seconds for one file in a DecoderProcess, and for ffmpeg.
    """

    max_bytes: int = 500_000_000
    window_s: float = WINDOW_S
    start_share: float = WINDOW_START
    max_decoded_s: float = 7_200.0
    min_s: float = 1.0
    silence_dbfs: float = -65.0
    timeout_s: float = 60.0


@dataclass(frozen=True)
class Clip:
    """What is heard of a track.

    Attributes
    ----------
    y : float32 [n], mono, 22,050 Hz, full scale at 1, n <= window_s * 22,050.
    duration_s : of the whole file, seconds: as counted where decoding came to its end, else as its header claims plausibly.
        A file longer than `max_decoded_s` that had to be counted has that.
    container : wav, aiff, au, caf, w64, flac, ogg, mp3, m4a or aac.
    """

    y: Floats
    duration_s: float
    container: str


@dataclass(frozen=True)
class _Heard:
    """One pass over a file: the window, Hz of the file, samples decoded, and whether they are all that it has."""

    y: Floats
    rate: int
    decoded: int
    ended: bool


def inside(root: Path, relative: str) -> Path:
    """The regular file that `relative` names below `root`, else AudioError("missing").

    Catalogues come from outside: a URL, an absolute path, `..`, or a link that leads out of `root` is refused, and so are
    folders and special files (opening a FIFO waits for ever).
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", relative):
        raise AudioError("missing", f"{relative}: a URL; only files below the audio folder are read")
    if "\0" in relative or Path(relative).is_absolute() or ".." in Path(relative).parts:
        raise AudioError("missing", f"{relative!r}: not a path below the audio folder")
    try:
        base, path = root.resolve(strict=True), (root / relative).resolve(strict=True)
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle; ValueError: not encodable
        raise AudioError("missing", f"{relative!r}: {getattr(error, 'strerror', None) or error}") from None
    if not path.is_relative_to(base):
        raise AudioError("missing", f"{relative}: a link that leads out of the audio folder")
    if not regular:
        raise AudioError("missing", f"{relative}: not a regular file")
    return path


def decode(path: Path, limits: Limits | None = None) -> Clip:
    """The clip of one file, decoded in this process; AudioError with a word of `conf.audio.REASONS` where it has none.

    Decoders may hang or die on hostile bytes: files from outside go through `audio.decoder_process.DecoderProcess`.
    """
    limits = limits or Limits()
    with _opened(path, limits) as file:
        sniffed = sniff(file)
        if sniffed.container in DEMUXER:
            require_ffmpeg(file.name, sniffed.container)
        layout = structure(file, sniffed)
        if layout.cut:
            raise _cut(file, layout, limits)
        total, heard = _hear(file, layout, limits)
    _check_sound(path.name, heard.y, limits)
    return Clip(heard.y, (heard.decoded if heard.ended else total) / heard.rate, layout.container)


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[Opened]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # not blocking: a FIFO has no end that writes
    except (OSError, ValueError) as error:
        raise AudioError("missing", f"{path.name}: {getattr(error, 'strerror', None) or error}") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise AudioError("missing", f"{path.name}: not a regular file")
        if found.st_size == 0:
            raise AudioError("empty", f"{path.name}: 0 bytes")
        if found.st_size > limits.max_bytes:
            raise AudioError("too_large", f"{path.name}: {found.st_size} bytes, the limit is {limits.max_bytes}")
        yield Opened(path, fd, found.st_size)
    except OSError as error:
        raise AudioError("decode_error", f"{path.name}: reading failed: {error.strerror}") from None
    finally:
        os.close(fd)


def _cut(file: Opened, layout: Layout, limits: Limits) -> AudioError:
    """What a cut file is: "truncated", or "decode_error" where nothing but headers is left."""
    useful = layout.container in DEMUXER  # their decoder finds nothing without the index, which may lie at the end
    if not useful:
        with suppress(AudioError), samples(file, layout, limits.max_decoded_s, limits.timeout_s, block=_FEW) as sound:
            useful = next(sound.blocks, None) is not None
    if useful:
        return AudioError("truncated", f"{file.name} ({layout.container}): {layout.cut}")
    return AudioError("decode_error", f"{file.name} ({layout.container}): no sound in it, and {layout.cut}")


def _hear(file: Opened, layout: Layout, limits: Limits) -> tuple[int, _Heard]:
    """Samples of the whole file per channel, and the window of it."""
    with samples(file, layout, limits.max_decoded_s, limits.timeout_s) as sound:
        total = sound.claimed
        heard = _window(sound, total, limits)
    slack = _SLACK_S * heard.rate
    if heard.decoded == 0:
        raise AudioError("decode_error", f"{file.name} ({layout.container}): the decoder finds no sound in it")
    if total is not None and (not heard.ended or heard.decoded >= total - slack):
        return total, heard
    if total is not None and layout.exact:
        claim = f"{total / heard.rate:.1f} s by its header, {heard.decoded / heard.rate:.1f} s are there"
        raise AudioError("truncated", f"{file.name} ({layout.container}): {claim}")
    total = heard.decoded
    with samples(file, layout, limits.max_decoded_s, limits.timeout_s) as sound:
        return total, _window(sound, total, limits)


def _window(sound: Samples, total: int | None, limits: Limits) -> _Heard:
    """One pass up to the window's end; without a total no window, but a count up to `max_decoded_s`."""
    rate = sound.rate
    cap = int(limits.max_decoded_s * rate)
    length = ceil(limits.window_s * rate) if total is not None else 0
    start = min(int(limits.start_share * (total or 0)), max(0, min(total or 0, cap) - length))
    stop = start + length if total is not None else cap
    resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    heard, at, ended = [], 0, True
    for block in sound.blocks:
        inner = block[max(0, start - at) : max(0, start + length - at)]
        if len(inner):
            heard.append(resampler.resample_chunk(_mono(inner)))
        at += len(block)
        if at >= stop:
            ended = False
            break
    heard.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    return _Heard(np.concatenate(heard), rate, at, ended)


def _mono(block: Floats) -> Floats:
    """Mean of the channels, float32 [n]; AudioError("corrupt_samples") where one is not finite or far beyond full scale."""
    peak = max(float(block.max()), -float(block.min()))
    if not peak <= _FULL_SCALES:  # so that NaN is caught
        raise AudioError("corrupt_samples", f"a sample of {peak:.3g}, where full scale is 1")
    if block.shape[1] == 1:
        return block[:, 0].copy()
    mono = block[:, 0] + block[:, 1]
    for channel in range(2, block.shape[1]):
        mono += block[:, channel]
    mono *= np.float32(1 / block.shape[1])
    return mono


def _check_sound(name: str, y: Floats, limits: Limits) -> None:
    seconds = len(y) / SAMPLE_RATE
    if seconds < limits.min_s:
        raise AudioError("too_short", f"{name}: {seconds:.2f} s, the shortest is {limits.min_s:.2f} s")
    loudness = 10 * np.log10(float(np.dot(y, y)) / len(y) + 1e-20)
    if loudness < limits.silence_dbfs:
        raise AudioError("silent", f"{name}: {loudness:.0f} dBFS, the threshold is {limits.silence_dbfs:.0f}")
