"""genres -> what they say about the mode in which a track is played, as people use the words.

Training alone reads them: they show where in the space of meaning a mode's music lies, before the log has its say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.contexts.modes import MODES, Mode

# Genres and moods that shops, radios and listeners name for each occasion; a genre speaks where it contains one of the words.
WORDS: dict[Mode, tuple[str, ...]] = {
    "commute": ("driving", "road trip", "drive", "podcast"),
    "focus": ("instrumental", "lo-fi", "lofi", "study", "minimal", "post-rock", "soundtrack", "piano"),
    "wind_down": ("chill", "acoustic", "ballad", "singer-songwriter", "lounge", "downtempo", "bossa nova", "soft"),
    "party": ("party", "dance", "house", "techno", "edm", "disco", "club", "reggaeton"),
    "child": ("child", "kids", "nursery", "lullab", "kinder", "enfant", "infantil", "disney", "audiobook", "hörspiel"),
    "sleep": ("sleep", "ambient", "white noise", "nature sounds", "rain", "meditation", "new age", "asmr", "drone"),
}


def words(track_idx: npt.NDArray[np.int32], genres: Sequence[Any], tracks: int) -> npt.NDArray[np.float32]:
    """Share of each track's genres that speak for each mode, float32 [tracks, 7].

    >>> words(np.array([1]), [["Children", "pop"]], tracks=2)[:, MODES.index("child")].tolist()
    [0.0, 0.5]
    """
    out = np.zeros((tracks, len(MODES)), np.float32)
    for track, names in zip(track_idx.tolist(), genres, strict=True):
        for name in names or ():
            for mode, known in WORDS.items():
                if any(word in name.lower() for word in known):
                    out[track, MODES.index(mode)] += 1.0 / len(names)
    return out
