"""The network's shape, without JAX: what training and the exported graph must agree on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from audio.constants import MELS

KERNELS = ((5, 5), (3, 3), (3, 3))  # of the stem: frames x bands
STRIDES = ((2, 2), (2, 2), (1, 2))
REACH = 3  # frames that a block's convolution sees
HEADS = ("factors", "tags", "readings")
NORM_EPSILON = 1e-5


def convolutions(names: Iterable[str]) -> list[str]:
    """Layers from patch to pooling, in order, of the `names` of weights, with or without their parts.

    JAX hands dictionaries back sorted by their keys, so their order says nothing.

    Examples
    --------
    >>> convolutions(["block0", "embedding", "fold", "stem0"])
    ['stem0', 'stem1', 'stem2', 'fold', 'block0']
    """
    blocks = {name.split("/")[0] for name in names if name.startswith("block")}
    return [*(f"stem{n}" for n in range(len(KERNELS))), "fold", *(f"block{n}" for n in range(len(blocks)))]


def folded_bands() -> int:
    """Bands that the stem leaves, to become channels.

    >>> folded_bands()
    16
    """
    return MELS // int(np.prod([across for _, across in STRIDES]))


def padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis so that ceil(size / stride) windows fit.

    Examples
    --------
    >>> padding(160, kernel=5, stride=2), padding(40, kernel=3, stride=1)
    ((1, 2), (1, 1))
    """
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return missing // 2, missing - missing // 2
