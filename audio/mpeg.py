"""Headers of MPEG audio frames (ISO 11172-3, 13818-3) and of ADTS frames (ISO 13818-7), read from bytes, and chains of them.

A single sync word says little: 11 set bits come by chance every 2 KB of noise. Frames tell their own size, so a header that
points at another one of its kind is what tells music from noise, and the last of a chain tells whether the file was cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version bits
# kbit/s by (MPEG 1?, layer); index 0 is "free format", which nobody writes, 15 is forbidden
_KBITS = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_ADTS_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)


@dataclass(frozen=True)
class Frame:
    """What a frame's header says: bytes in all, samples per channel, Hz; `kind` is what all frames of a stream share."""

    size: int
    samples: int
    rate: int
    kind: tuple[int, ...]
    mono: bool


Parser = Callable[[bytes, int], "Frame | None"]


def mpeg_frame(data: bytes, at: int) -> Frame | None:
    """The frame whose header stands at byte `at`; None where there is none.

    Examples
    --------
    Layer III, 128 kbit/s at 44.1 kHz: 144 * 128000 / 44100 = 417 bytes.

    >>> mpeg_frame(bytes.fromhex("fffb9064"), 0).size
    417
    """
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer, mode = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3), data[at + 3] >> 6
    bits, rate_index, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    if version == 1 or layer == 4 or bits in (0, 15) or rate_index == 3 or data[at + 3] & 3 == 2:
        return None
    rate, first = _RATES[version][rate_index], version == 3
    kbits = _KBITS[first, layer][bits]
    samples = 384 if layer == 1 else 1152 if layer == 2 or first else 576
    slot = 4 if layer == 1 else 1
    size = (samples // 8 // slot * kbits * 1000 // rate + padding) * slot
    return Frame(size, samples, rate, (version, layer, rate), mono=mode == 3)


def adts_frame(data: bytes, at: int) -> Frame | None:
    """The AAC frame whose ADTS header stands at byte `at`; None where there is none."""
    if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    index = data[at + 2] >> 2 & 15
    size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if index >= len(_ADTS_RATES) or size <= 7:
        return None
    channels = (data[at + 2] & 1) << 2 | data[at + 3] >> 6
    return Frame(size, 1024 * ((data[at + 6] & 3) + 1), _ADTS_RATES[index], (index, channels), mono=channels == 1)


def first_chain(data: bytes, parse: Parser, whole: bool) -> int | None:
    """Where the first chain of frames begins; None where there is none.

    Two frames do at byte 0, where a header is expected. Further in, three: 64 KB of noise hold two in a row once in 4,000
    files, three once in hundreds of millions. With `whole`, data ends where the file ends, so that a chain may end there early.
    """
    at = data.find(b"\xff")
    while at >= 0:
        frames, end = _follow(data, parse, at, most=3)
        if frames >= (2 if at == 0 else 3) or (frames == 2 and whole and end == len(data)):
            return at
        at = data.find(b"\xff", at + 1)
    return None


def last_chain_end(data: bytes, parse: Parser, kind: tuple[int, ...]) -> int | None:
    """Where the last frame of the last chain (three frames or more) of this kind ends, which may lie past the data's end."""
    end, at = None, data.find(b"\xff")
    while at >= 0:
        frame = parse(data, at)
        frames, reached = _follow(data, parse, at) if frame and frame.kind == kind else (0, 0)
        if frames >= 3:
            end = reached
        at = data.find(b"\xff", reached if frames >= 3 else at + 1)
    return end


def _follow(data: bytes, parse: Parser, at: int, most: int = 1 << 30) -> tuple[int, int]:
    """Frames of one kind, one after the other from `at`, and where the last of them ends."""
    frames, kind = 0, None
    while frames < most and (frame := parse(data, at)) and kind in (None, frame.kind):
        frames, at, kind = frames + 1, at + frame.size, frame.kind
    return frames, at
