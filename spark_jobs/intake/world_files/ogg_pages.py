"""Ogg bytes -> the same stream under another serial number (RFC 3533), so that a file written twice is the same file."""

from __future__ import annotations

import struct
from zlib import crc32

_SERIAL, _CHECKSUM = 14, 22  # where they stand in a page's header
_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def with_serial(content: bytes, serial: int) -> bytes:
    """Return an Ogg file whose pages all carry `serial`, checksums made anew.

    Parameters
    ----------
    content : whole pages of one logical stream.
    serial : 0 to 2**32 - 1.
    """
    made, at = bytearray(content), 0
    while at < len(made):
        segments = made[at + 26]
        end = at + 27 + segments + sum(made[at + 27 : at + 27 + segments])
        struct.pack_into("<I", made, at + _SERIAL, serial)
        struct.pack_into("<I", made, at + _CHECKSUM, 0)
        struct.pack_into("<I", made, at + _CHECKSUM, page_checksum(bytes(made[at:end])))
        at = end
    return bytes(made)


def page_checksum(page: bytes) -> int:
    r"""Return the checksum of a page whose checksum field is 0.

    It has zlib's polynomial, yet reads each byte from its other end, starts from 0, and is not inverted.

    Examples
    --------
    A single 1 leaves the polynomial itself.

    >>> hex(page_checksum(b"\x01"))
    '0x4c11db7'
    """
    mirrored = crc32(page.translate(_MIRROR), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
