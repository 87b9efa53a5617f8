"""What the tests of broken files share: the word that a file is refused with, and ways to break one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.decode import Limits, decode
from conf.audio import REASONS
from conf.errors import AudioError


def reason(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(AudioError) as refused:
        decode(path, limits)
    assert refused.value.reason in REASONS
    return refused.value.reason


def put(path: Path, content: bytes | bytearray) -> Path:
    path.write_bytes(content)
    return path


def cuts(size: int, seed: int) -> list[int]:
    """Where to cut: four random places between a third and 98 % of a file."""
    return [int(at) for at in np.random.default_rng(seed).integers(size // 3, int(size * 0.98), 4)]


def reason_or_none(path: Path) -> str | None:
    try:
        decode(path)
    except AudioError as error:
        return error.reason
    return None
