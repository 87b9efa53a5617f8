"""What the decoder is given of a file, once its container has been asked about itself."""

from __future__ import annotations

from dataclasses import dataclass

TAIL = 66_000  # bytes looked at before a file's end: the largest Ogg page has 65,307, two CD-quality FLAC frames at most 33,000


@dataclass(frozen=True)
class Layout:
    """Where the sound lies, and how far the container's own count of it goes.

    Attributes
    ----------
    container : as `sniff` named it.
    start : byte of the file from which the decoder reads.
    prefix : bytes that it sees before them, in place of a header that would mislead it.
    counted : the header's count of samples is plausible; else the file is counted by decoding it.
    exact : sound that ends before a plausible count is missing; else (ogg, m4a) the count is an estimate.
    claimed_s : seconds that the header claims, for a decoder that does not tell it; None elsewhere.
    cut : why the file is held to be cut; None where nothing says so.
    """

    container: str
    start: int
    prefix: bytes = b""
    counted: bool = True
    exact: bool = True
    claimed_s: float | None = None
    cut: str | None = None
