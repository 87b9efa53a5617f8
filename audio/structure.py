"""container -> what it says of itself: does the file end too early, and may its count of samples be believed?

libsndfile reads a file that was cut as a shorter one without a word (wav, aiff, ogg, mp3), and stops where a wrong count says
so although more sound follows. So each container is asked itself, from a few KB at its two ends:

  wav, aiff, au  the sound chunk's size against the file's. 0 or all ones is a stream, whose size nobody knew: fine.
  flac           the last frame's own number against the total.
  ogg            the last page must be whole and carry the end-of-stream flag. Chained streams: the first one is heard.
  mp3            bytes and frames of the Xing, Info or VBRI header; without one, whether the last frame runs past the end.
  m4a            boxes that run past the end, or no `moov`. aac: whether the last frame runs past the end.

Tags behind the sound (ID3v1, APE, Lyrics3, any chunk) are fine. Not seen: an mp3 or aac without header that was cut exactly
between two frames, streams without a size, w64, and damage that keeps a file's length. Of FLAC and mp3 the last frame or two
may be missing, 0.1 s at most, unless the window reaches them.
"""

from __future__ import annotations

from collections.abc import Callable

from audio.chunked import aiff_layout, au_layout, m4a_layout, wav_layout
from audio.framed import aac_layout, mp3_layout
from audio.layout import TAIL, Layout
from audio.sniff import Opened, Sniffed

_STREAMINFO = 42  # bytes of "fLaC", a block header and STREAMINFO


def structure(file: Opened, sniffed: Sniffed) -> Layout:
    """What the container says of itself; one that is asked nothing here (caf, w64) is believed."""
    ask = _ASK.get(sniffed.container)
    return ask(file, sniffed.start) if ask else Layout(sniffed.container, sniffed.start)


def ogg_layout(file: Opened, start: int) -> Layout:
    """Ogg (RFC 3533): a page says how long it is, the last one of a stream that it is the last."""
    tail = file.read_at(max(start, file.size - TAIL), TAIL)
    at, cut = tail.rfind(b"OggS\0"), None
    if at >= 0:
        page = tail[at:]
        segments = page[26] if len(page) > 26 else 255
        length = 27 + segments + sum(page[27 : 27 + segments])
        if length > len(page):
            cut = f"the last page lacks {length - len(page)} or more of its {length} bytes"
        elif not page[5] & 4:
            cut = "the last page lacks the end-of-stream flag"
    return Layout("ogg", start, exact=False, cut=cut)


def flac_layout(file: Opened, start: int) -> Layout:
    """FLAC (RFC 9639): a total of 0 is unknown, and one below what the last frame reaches is taken for unknown."""
    head = file.read_at(start, _STREAMINFO)
    if len(head) < _STREAMINFO or head[4] & 0x7F:
        return Layout("flac", start)
    block, packed = int.from_bytes(head[8:10], "big"), int.from_bytes(head[18:26], "big")
    rate, total = packed >> 44, packed & (1 << 36) - 1
    if total == 0:
        return Layout("flac", start, counted=False)
    end = _last_sample(file.read_at(max(start + _STREAMINFO, file.size - TAIL), TAIL), block, total)
    if end is None or end == total:
        return Layout("flac", start)
    if end < total:
        return Layout("flac", start, cut=f"the last frame ends at {end / rate:.1f} s of {total / rate:.1f} s")
    unknown = head[:18] + (packed - total).to_bytes(8, "big") + head[26:]
    return Layout("flac", start + _STREAMINFO, prefix=unknown, counted=False)


def _last_sample(tail: bytes, block: int, total: int) -> int | None:
    """Where the last frame ends, in samples: `total` if any frame ends there, else the last of two that follow each other.

    One header alone is no proof: 66 KB of compressed sound hold what looks like one in about 1 of 200 files.
    """
    last, ends, at = None, set[int](), tail.find(b"\xff")
    while at >= 0:
        frame = _flac_frame(tail, at, block)
        if frame and frame[0] + frame[1] == total:
            return total
        if frame:
            last = frame[0] + frame[1] if frame[0] in ends else last
            ends.add(frame[0] + frame[1])
        at = tail.find(b"\xff", at + 1)
    return last


def _flac_frame(data: bytes, at: int, block: int) -> tuple[int, int] | None:
    """First sample and number of samples of the frame whose header stands at byte `at`; None where none does."""
    head = data[at : at + 16].ljust(16, b"\0")  # a silent frame may be the last of the file and shorter than this
    if at + 6 > len(data) or head[1] & 0xFE != 0xF8 or head[3] & 1 or head[2] < 16 or head[2] & 15 == 15:
        return None
    more = max(0, 8 - (head[4] ^ 0xFF).bit_length()) if head[4] >= 0xC0 else 1  # bytes of the number, coded like UTF-8
    number = head[4] & (0x7F if more == 1 else 0x7F >> more)
    for byte in head[5 : 4 + more]:
        number = number << 6 | byte & 0x3F
    after, code = 4 + more, head[2] >> 4
    wide = {6: 1, 7: 2}.get(code, 0)
    samples = int.from_bytes(head[after : after + wide], "big") + 1 if wide else _BLOCKS[code]
    after += wide + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if after >= len(head) or _crc8(head[:after]) != head[after]:
        return None
    return number if head[1] & 1 else number * block, samples


_BLOCKS = (0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768)


def _crc8(data: bytes) -> int:
    """CRC-8 with the polynomial x^8 + x^2 + x + 1, which ends a FLAC frame header."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 7) & 0xFF if crc & 0x80 else crc << 1
    return crc


_ASK: dict[str, Callable[[Opened, int], Layout]] = {
    "wav": wav_layout,
    "aiff": aiff_layout,
    "au": au_layout,
    "m4a": m4a_layout,
    "flac": flac_layout,
    "ogg": ogg_layout,
    "mp3": mp3_layout,
    "aac": aac_layout,
}
