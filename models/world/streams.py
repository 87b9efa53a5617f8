"""Independent random streams, addressed by what they are for.

Each part of the world draws from its own counter-based generator (Philox, Salmon et al. 2011,
https://doi.org/10.1145/2063384.2063405), so a block of listeners comes out the same whichever thread makes it, and a
change in one part leaves the numbers of the others alone.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the generator of one purpose, e.g. `stream(7, "plays", 3)` for the plays of block 3.

    Examples
    --------
    >>> bool(stream(7, "plays", 3).random() == stream(7, "plays", 3).random())
    True
    >>> bool(stream(7, "plays", 3).random() == stream(7, "plays", 4).random())
    False
    """
    words = [crc32(p.encode()) if isinstance(p, str) else p for p in purpose]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))
