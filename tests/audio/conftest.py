"""Small fixtures of the audio tests: simulated music, files of it in every format, and the real recordings where they lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

REAL_AUDIO = Path(__file__).parents[2].parent / "shared" / "audio"
RATE = 44_100
SUBTYPES = {"opus": {"format": "OGG", "subtype": "OPUS", "samplerate": 48_000}, "rf64": {"format": "RF64"}}


def simulated_music(seconds: float, rate: int = RATE, seed: int = 0) -> npt.NDArray[np.float32]:
    """Plucked notes over a little noise, float32 [n, 2]; the right channel is softer."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    pluck = np.exp(-4 * (t % 0.5))
    note = 220 * 2 ** (rng.integers(0, 24, int(2 * seconds) + 1)[(2 * t).astype(int)] / 12)
    mono = 0.3 * pluck * np.sin(2 * np.pi * note * (t % 0.5)) + 0.003 * rng.standard_normal(len(t))
    return np.stack([mono, 0.5 * mono], axis=1).astype(np.float32)


@pytest.fixture(scope="session")
def music() -> Callable[..., npt.NDArray[np.float32]]:
    return simulated_music


@pytest.fixture
def music_file(tmp_path: Path) -> Callable[..., Path]:
    """Function that writes a file of simulated music; `kind` names a format or a key of `SUBTYPES`."""

    def write(kind: str, seconds: float = 5.0) -> Path:
        options = {"samplerate": RATE} | SUBTYPES.get(kind, {"format": kind.upper()})
        path = tmp_path / f"music.{kind}"
        soundfile.write(path, simulated_music(seconds, options["samplerate"]), **options)
        return path

    return write


@pytest.fixture(scope="session")
def real_audio() -> Path:
    if not REAL_AUDIO.is_dir():
        pytest.skip("the real recordings are not here: shared/audio beside the checkout")
    return REAL_AUDIO
