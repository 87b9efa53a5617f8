"""wav, aiff, au, m4a -> layout: containers of chunks that each tell their size, one of which holds the sound."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from audio.layout import Layout
from audio.sniff import Opened

_CHUNKS = 4096  # looked at before giving up: a file of millions of empty chunks must not cost minutes
_HEADER = 1 << 20  # bytes before the sound that may be rewritten; honest headers have hundreds
# Sizes that stand for "not known when the header was written": 0, all ones, and 2 GB less a header as sox writes it.
_STREAMED = ((0, 0), (0x7FFF_F000, 0x7FFF_FFFF), (0xFFFF_F000, 0xFFFF_FFFF))


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    at: int  # byte of the file where its body begins
    size: int


def wav_layout(file: Opened, start: int) -> Layout:
    """WAV and RF64: a data chunk larger than the file is cut; one that is streamed or far too small reaches to the end."""
    chunks = _chunks(file, start + 12, "<4sI", until=b"data")
    if not chunks or chunks[-1].name != b"data":
        return Layout("wav", start, cut=_overrun(file, chunks))
    data = chunks[-1]
    size = data.size
    if size == 0xFFFF_FFFF and chunks[0].name == b"ds64":
        size = int.from_bytes(file.read_at(chunks[0].at + 8, 8), "little")
    rest = file.size - data.at
    if _streamed(size) or _too_small(file, data.at + size, rest):
        return _to_the_end(file, start, data.at, rest)
    return Layout("wav", start, cut=_lacking(size, rest))


def aiff_layout(file: Opened, start: int) -> Layout:
    """AIFF and AIFC: an SSND chunk larger than the file is cut."""
    chunks = _chunks(file, start + 12, ">4sI", until=b"SSND")
    if not chunks or chunks[-1].name != b"SSND":
        return Layout("aiff", start, cut=_overrun(file, chunks))
    size = chunks[-1].size
    return Layout("aiff", start, cut=None if _streamed(size) else _lacking(size, file.size - chunks[-1].at))


def au_layout(file: Opened, start: int) -> Layout:
    """Sun's AU: its header has the sound's offset and size."""
    head = file.read_at(start + 4, 8)
    if len(head) < 8:
        return Layout("au", start)
    offset, size = struct.unpack(">II", head)
    return Layout("au", start, cut=None if _streamed(size) else _lacking(size, file.size - start - offset))


def m4a_layout(file: Opened, start: int) -> Layout:
    """MP4 (ISO 14496-12): every box must end in the file, and one of them must be `moov`, without which nothing is decoded."""
    at, moov, boxes = start, None, 0
    while at + 8 <= file.size and boxes < _CHUNKS:
        head = file.read_at(at, 16).ljust(16, b"\0")
        size, name = struct.unpack(">I4s", head[:8])
        size = int.from_bytes(head[8:], "big") if size == 1 else size or file.size - at
        if at + size > file.size or size < 8:
            lacks = f"box {name.decode('latin-1')!r} has {size} bytes, {file.size - at} are there"
            return Layout("m4a", start, counted=False, exact=False, cut=lacks)
        moov = at if name == b"moov" else moov
        at, boxes = at + size, boxes + 1
    seconds = _movie_seconds(file, moov) if moov is not None else None
    cut = None if moov is not None else "there is no 'moov' box, which tells where the sound lies"
    return Layout("m4a", start, counted=bool(seconds), exact=False, claimed_s=seconds, cut=cut)


def _movie_seconds(file: Opened, moov: int) -> float | None:
    """Duration in the movie header, the first box of `moov`; None where it does not say."""
    head = file.read_at(moov + 8, 40)
    if head[4:8] != b"mvhd" or len(head) < 40:
        return None
    scale, duration = struct.unpack(">IQ", head[28:40]) if head[8] else struct.unpack(">II", head[20:28])
    unknown = duration in (0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)
    return None if unknown or not scale else float(duration / scale)


def _chunks(file: Opened, at: int, form: str, until: bytes) -> list[_Chunk]:
    """The chunks from byte `at` on, up to the one named `until`."""
    found: list[_Chunk] = []
    while len(found) < _CHUNKS and len(head := file.read_at(at, 8)) == 8:
        name, size = struct.unpack(form, head)
        found.append(_Chunk(name, at + 8, size))
        if name == until:
            break
        at += 8 + size + size % 2
    return found


def _overrun(file: Opened, chunks: list[_Chunk]) -> str | None:
    """A file that ends within a chunk before its sound; None where it is merely without sound."""
    last = chunks[-1] if chunks else None
    return _lacking(last.size, file.size - last.at) if last else None


def _lacking(size: int, rest: int) -> str | None:
    return f"a chunk has {size} bytes, {max(rest, 0)} are there" if size > rest else None


def _streamed(size: int) -> bool:
    return any(low <= size <= high for low, high in _STREAMED)


def _too_small(file: Opened, end: int, rest: int) -> bool:
    """Whether a sound chunk that ends at byte `end` leaves over half of `rest` behind it, and no chunk begins there."""
    behind = file.size - end
    if behind <= rest / 2 or behind < 8:
        return False
    return not any(_chunk_at(file, at) for at in (end, end + 1))


def _chunk_at(file: Opened, at: int) -> bool:
    head = file.read_at(at, 8)
    printable = len(head) == 8 and all(0x20 <= byte < 0x7F for byte in head[:4])
    return printable and at + 8 + int.from_bytes(head[4:], "little") <= file.size + 1


def _to_the_end(file: Opened, start: int, at: int, rest: int) -> Layout:
    """The same file with a sound chunk of `rest` bytes: libsndfile hears nothing in one of size 0."""
    if not 0 < rest < 0xFFFF_FFFF or at - start > _HEADER:
        return Layout("wav", start)
    head = file.read_at(start, at - start)
    sizes = struct.pack("<I", min(rest + len(head) - 8, 0xFFFF_FFFF)), struct.pack("<I", rest)
    form = b"RIFF" + sizes[0] + head[8:-4] + sizes[1]
    return Layout("wav", at, prefix=form)
