"""mp3, aac -> layout: streams of frames without a frame around them, where at best a first silent frame tells the length.

That first frame (Xing and Info: LAME and most others; VBRI: Fraunhofer) counts frames and bytes. Where it is missing,
libsndfile guesses a length by the first frame's bit rate and reads no further: of a variable rate only a part would be heard
(139,978 of 441,839 samples in a test file). So it gets a header of our own, which promises more than anybody decodes.
"""

from __future__ import annotations

import struct

from audio.layout import TAIL, Layout
from audio.mpeg import Frame, Parser, adts_frame, last_chain_end, mpeg_frame
from audio.sniff import Opened

_PROMISED = 400_000  # frames: 2.9 hours at 44.1 kHz; some versions of mpg123 believe no more than 466,033
_LARGEST = 1441  # bytes of a frame of 320 kbit/s


def mp3_layout(file: Opened, start: int) -> Layout:
    """mp3 from its first frame on: its header's count where that fits the bytes, else none."""
    head = file.read_at(start, 4096)
    frame = mpeg_frame(head, 0)
    assert frame is not None, "sniff saw it"
    held = _end_of_sound(file) - start
    frames, length = _header(head, frame)
    # Two frames: honest headers count themselves or do not, and an encoder may never write its last frame.
    slack = 2 * min(_LARGEST, length // frames) if frames and length else 2 * _LARGEST
    if length > held + slack:
        return Layout("mp3", start, cut=f"the header counts {length} bytes, {held} are there")
    if frames and frames * _smallest(frame) > held + slack:
        seconds = frames * frame.samples / frame.rate
        return Layout("mp3", start, cut=f"the header counts {seconds:.0f} s, for which {held} bytes are too few")
    cut = None if length else _last_frame(file, start, mpeg_frame, frame.kind)
    if frames and _fits(frames, length, held):
        return Layout("mp3", start, cut=cut)
    behind = start + frame.size if frames or _has_header(head, frame) else start
    return Layout("mp3", behind, prefix=_promise(head[:4], frame), counted=False, cut=cut)


def aac_layout(file: Opened, start: int) -> Layout:
    """AAC in ADTS frames, which have no header: counted by decoding."""
    frame = adts_frame(file.read_at(start, 7), 0)
    assert frame is not None, "sniff saw it"
    return Layout("aac", start, counted=False, exact=False, cut=_last_frame(file, start, adts_frame, frame.kind))


def _place(frame: Frame) -> int:
    """Byte of a frame where Xing or Info stands: behind the header and the (empty) side information."""
    first = frame.kind[0] == 3
    return 4 + ((17 if frame.mono else 32) if first else (9 if frame.mono else 17))


def _has_header(head: bytes, frame: Frame) -> bool:
    return frame.kind[1] == 3 and (head[_place(frame) :][:4] in (b"Xing", b"Info") or head[36:40] == b"VBRI")


def _header(head: bytes, frame: Frame) -> tuple[int, int]:
    """Frames and bytes that the header counts, 0 where it does not say."""
    if not _has_header(head, frame):
        return 0, 0
    if head[36:40] == b"VBRI":
        length, frames = struct.unpack(">II", head[46:54])
        return frames, length
    at = _place(frame)
    flags, *counts = struct.unpack(">III", head[at + 4 : at + 16])
    frames = counts.pop(0) if flags & 1 else 0
    return frames, counts.pop(0) if flags & 2 else 0


def _smallest(frame: Frame) -> int:
    """Bytes of the smallest frame of its kind: 32 kbit/s in MPEG 1, 8 in MPEG 2."""
    return frame.samples // 8 * (32_000 if frame.kind[0] == 3 else 8_000) // frame.rate


def _fits(frames: int, length: int, held: int) -> bool:
    """Whether a header that is not too large tells of the whole file: joined files keep the header of their first part."""
    return (frames + 2) * _LARGEST >= held and (length == 0 or length * 1.1 + 65_536 >= held)


def _promise(header: bytes, frame: Frame) -> bytes:
    """A silent frame with a Xing header of `_PROMISED` frames; nothing for layers I and II, which have none."""
    if frame.kind[1] != 3:
        return b""
    # 128 kbit/s (80 in MPEG 2), no padding, no checksum: the smallest frame that surely has room for the header
    made = bytes((header[0], header[1] | 1, 0x90 | header[2] & 0x0D, header[3]))
    parsed = mpeg_frame(made, 0)
    assert parsed is not None
    empty = bytes(_place(frame) - 4) + b"Xing" + struct.pack(">II", 1, _PROMISED)
    return (made + empty).ljust(parsed.size, b"\0")


def _end_of_sound(file: Opened) -> int:
    """Byte behind the last frame: before ID3v1, Lyrics3 and APE tags, in whatever order they stand."""
    end = file.size
    while length := _tag_before(file, end):
        end -= length
    return max(end, 0)


def _tag_before(file: Opened, end: int) -> int:
    """Length in bytes of the tag that ends at byte `end`; 0 where none does."""
    if file.read_at(end - 128, 3) == b"TAG":
        return 128
    if (foot := file.read_at(end - 32, 32))[:8] == b"APETAGEX":
        size, flags = struct.unpack("<I4xI", foot[12:24])
        return int(size) + (32 if flags >> 31 else 0)
    if (foot := file.read_at(end - 15, 15))[6:] == b"LYRICS200" and foot[:6].isdigit():
        return int(foot[:6]) + 15
    return 0


def _last_frame(file: Opened, start: int, parse: Parser, kind: tuple[int, ...]) -> str | None:
    """What is missing of the last frame; None where it is whole, or where no chain of frames is near the end."""
    end = _end_of_sound(file)
    begin = max(start, end - TAIL)
    tail = file.read_at(begin, end - begin)
    chain = last_chain_end(tail, parse, kind)
    if chain is None:
        return None
    if chain > len(tail):
        return f"the last frame runs {chain - len(tail)} bytes past the end"
    stump = len(tail) - chain < 4 and tail[chain : chain + 1] == b"\xff"
    return "it ends within the header of a frame" if stump else None
