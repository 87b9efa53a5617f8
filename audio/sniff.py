"""bytes -> container: which format a file is, by its content alone; the name's ending is not looked at.

Decoders guess generously: given text they may find "raw" sound in it. So the format is settled here, from magic bytes behind
any ID3v2 tags, and only that format's decoder gets the file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from audio.mpeg import adts_frame, first_chain, mpeg_frame
from conf.errors import AudioError

HEAD = 65_536  # bytes searched for the first frame: taggers leave kilobytes of padding behind their tags

_FORMS = {(b"RIFF", b"WAVE"): "wav", (b"RF64", b"WAVE"): "wav", (b"FORM", b"AIFF"): "aiff", (b"FORM", b"AIFC"): "aiff"}
_MAGIC = {b"fLaC": "flac", b"OggS": "ogg", b".snd": "au", b"caff": "caf", b"riff\x2e\x91\xcf\x11": "w64"}
_PICTURES = {b"heic", b"heix", b"avif", b"mif1", b"msf1", b"crx "}  # same boxes as m4a
# Sound that libsndfile has no decoder for: named, so that whoever reads the quarantine knows what to convert.
_FOREIGN = {
    b"\x30\x26\xb2\x75": "Windows Media",
    b"\x1a\x45\xdf\xa3": "Matroska or WebM",
    b"MAC ": "Monkey's Audio",
    b"wvpk": "WavPack",
    b"MPCK": "Musepack",
    b"MP+": "Musepack",
    b"DSD ": "DSD",
}


@dataclass(frozen=True)
class Opened:
    """A regular file that is open for reading: its path, its descriptor, its size in bytes."""

    path: Path
    fd: int
    size: int

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path.name

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from byte `offset`: fewer where the file ends, none outside it."""
        return os.pread(self.fd, length, offset) if 0 <= offset < self.size else b""


@dataclass(frozen=True)
class Sniffed:
    """A file's format, and the byte where that format begins: behind tags and padding."""

    container: str
    start: int


def sniff(file: Opened) -> Sniffed:
    """The format of a file, else AudioError("unrecognised").

    `container` is one of wav, aiff, au, caf, w64, flac, ogg (Vorbis, Opus, Speex), mp3 (MPEG layers I to III), m4a, aac.
    """
    start = _behind_tags(file)
    head = file.read_at(start, HEAD)
    named = _FORMS.get((head[:4], head[8:12])) or next((c for magic, c in _MAGIC.items() if head.startswith(magic)), None)
    if named:
        return Sniffed(named, start)
    if head[4:8] == b"ftyp" and head[8:12] not in _PICTURES:
        return Sniffed("m4a", start)
    whole = start + len(head) >= file.size
    for container, parse in (("mp3", mpeg_frame), ("aac", adts_frame)):
        if (at := first_chain(head, parse, whole)) is not None:
            return Sniffed(container, start + at)
    raise AudioError("unrecognised", f"{file.name}: {_what(head)}")


def _behind_tags(file: Opened) -> int:
    """First byte behind the ID3v2 tags: some taggers put one before another's, and before WAV and FLAC too."""
    start = 0
    while len(head := file.read_at(start, 10)) == 10 and head[:3] == b"ID3" and max(head[6:]) < 0x80:
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        start += 10 + length + (10 if head[5] & 0x10 else 0)
    return start


def _what(head: bytes) -> str:
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            return f"{name}, which is not decoded here: convert it to flac, ogg or mp3"
    if not head:
        return "nothing but tags: no sound behind them"
    return f"no known audio format; it begins with {head[:16]!r}"
