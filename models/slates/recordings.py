"""Versions of one recording: a list should not play the album cut and its remaster.

Two tracks are versions of each other when they share an ISRC, or the main artist and the normalised title; chains of
either join. Remixes stay apart: they are other recordings, and listeners treat them so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_VERSION_WORDS = (
    r"remaster(?:ed)?|mono|stereo|live|acoustic|demo|explicit|clean|deluxe|bonus track|"
    r"(?:radio|single|album|extended|original)(?: (?:edit|version|mix))|edit|version|feat|ft|featuring"
)
# " - Remastered 2011", "(feat. X)", "[Live at Y]": a note counts only when one of the words stands in it.
_BRACKETED = re.compile(rf"[(\[][^)\]]*\b(?:{_VERSION_WORDS})\b[^)\]]*[)\]]")
_DASHED = re.compile(rf"\s[-–—]\s[^-–—]*\b(?:{_VERSION_WORDS})\b.*$")
_NOT_A_WORD = re.compile(r"[\W_]+")


def normalise_title(title: str) -> str:
    """Title without case, accents, punctuation and notes of the version.

    >>> normalise_title("Café del Mar (Remastered 2011)"), normalise_title("CAFE DEL MAR - Live at Ibiza")
    ('cafe del mar', 'cafe del mar')
    >>> normalise_title("Suite No. 1 (II. Allegro)"), normalise_title("Café del Mar (Nalin & Kane Remix)")
    ('suite no 1 ii allegro', 'cafe del mar nalin kane remix')
    >>> normalise_title("(Live)"), normalise_title("???")
    ('live', '???')
    """
    decomposed = unicodedata.normalize("NFKD", title.casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    stripped = _DASHED.sub("", _BRACKETED.sub(" ", plain))
    # A title made of nothing but a note or of signs is its own name.
    return _words(stripped) or _words(plain) or title.strip()


def _words(text: str) -> str:
    return _NOT_A_WORD.sub(" ", text).strip()


def group_versions(
    isrc: Sequence[str | None], main_artist: npt.NDArray[np.int32], titles: Sequence[str | None]
) -> npt.NDArray[np.int32]:
    """Number of the recording that each track is a version of, int32 [n], dense from 0 in order of first appearance.

    Parameters
    ----------
    isrc, titles : n codes and titles, None where unknown.
    main_artist : int32 [n], -1 where a track has no artist: such a track has no version by title.

    Examples
    --------
    Track 1 shares the title with 0 and the ISRC with 2; track 3 has the title by another artist.

    >>> group_versions([None, "A", "A", None], np.array([5, 5, 5, 6]), ["Song", "Song - Mono", "Lied", "Song"]).tolist()
    [0, 0, 0, 1]
    """
    by_title = [
        (artist, normalise_title(title)) if artist >= 0 and title else None
        for artist, title in zip(main_artist.tolist(), titles, strict=True)
    ]
    return _first_appearance(_joined(_codes(isrc), _codes(by_title)))


def _codes(keys: Sequence[Any]) -> npt.NDArray[np.int64]:
    """Number per distinct key, -1 for a missing or empty one."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) if key else -1 for key in keys], np.int64)


def _joined(*keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Connected component of each track in the graph of tracks and keys."""
    from scipy import sparse  # 0.3 s that a worker, which only reads the result, need not pay
    from scipy.sparse import csgraph

    n = len(keys[0])
    nodes, tracks, used = [], [], n
    for codes in keys:
        known = np.flatnonzero(codes >= 0)
        tracks.append(known)
        nodes.append(codes[known] + used)
        used += int(codes.max(initial=-1)) + 1
    edges = (np.concatenate(tracks), np.concatenate(nodes))
    graph = sparse.coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(used, used))
    labels: npt.NDArray[np.int32] = csgraph.connected_components(graph, directed=False)[1]
    return labels[:n]


def _first_appearance(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return rank[inverse]
