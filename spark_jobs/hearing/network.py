"""artefact `audio` -> the network that workers embed with; its name is the hash of its bytes, not of the week it served in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from spark_jobs import artefacts
from spark_jobs.artefacts import ArtefactRef

if TYPE_CHECKING:
    from audio.cnn.embedding import Embedder


@dataclass(frozen=True)
class Network:
    """A network that a worker can open: small enough to travel to all of them.

    Attributes
    ----------
    sha256 : of the graph's bytes: a network that is registered again for another week is the same network.
    """

    ref: ArtefactRef
    precision: str
    sha256: str

    def embedder(self) -> Embedder:
        """One session per worker process."""
        return _opened(self)


def network_of(ref: ArtefactRef | None, precision: str) -> Network | None:
    """The network of an artefact; None where there is no artefact, or too little audio was there to learn from."""
    if ref is None:
        return None
    named = artefacts.manifest(ref)["params"]["networks"]
    return Network(ref, precision, named[precision]) if precision in named else None


@lru_cache(maxsize=1)
def _opened(network: Network) -> Embedder:
    from audio.cnn.embedding import Embedder

    return Embedder(artefacts.load_arrays(network.ref)[network.precision].tobytes())
