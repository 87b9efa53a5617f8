"""Genres: how many artists play them, how they sound, and which modes of listening they serve.

The sound columns are coordinates of `sound.SOUND_DIMS` in standard deviations; they were set by hand so that synthesised
audio differs in the way that the words suggest.
"""

from __future__ import annotations

from typing import NamedTuple


class Genre(NamedTuple):
    """One genre: weight among artists, median length in seconds, and sound centre (dims 0-7 and 11, see `sound`)."""

    name: str
    weight: float
    median_seconds: int
    tempo: float
    energy: float
    acoustic: float
    valence: float
    bright: float
    percussive: float
    voice: float
    bass: float
    distortion: float


GENRES = (
    Genre("pop", 0.17, 200, 0.1, 0.4, -0.3, 0.8, 0.6, 0.4, 1.2, 0.2, -0.5),
    Genre("rock", 0.13, 235, 0.3, 0.9, -0.2, 0.1, 0.5, 0.6, 0.8, 0.1, 1.1),
    Genre("hip hop", 0.12, 205, -0.9, 0.5, -0.8, 0.1, -0.2, 0.9, 1.1, 1.4, 0.0),
    Genre("electronic", 0.12, 260, 0.5, 0.9, -1.6, 0.2, 0.7, 1.1, -0.9, 1.1, 0.2),
    Genre("indie", 0.10, 220, 0.0, 0.1, 0.3, 0.0, 0.2, 0.0, 0.7, -0.1, 0.2),
    Genre("folk", 0.07, 215, -0.3, -0.7, 1.4, 0.1, -0.2, -0.8, 0.9, -0.6, -1.0),
    Genre("jazz", 0.06, 300, 0.2, -0.5, 1.1, 0.3, -0.3, -0.1, -0.5, 0.1, -0.9),
    Genre("classical", 0.05, 330, -0.6, -1.1, 1.7, -0.2, -0.4, -1.3, -1.4, -0.5, -1.2),
    Genre("metal", 0.05, 270, 0.9, 1.7, -0.5, -0.9, 0.8, 1.1, 0.4, 0.4, 2.0),
    Genre("soul", 0.05, 225, -0.5, 0.0, 0.3, 0.6, -0.1, 0.2, 1.1, 0.6, -0.6),
    Genre("latin", 0.04, 205, -0.1, 0.8, -0.2, 1.1, 0.3, 0.9, 1.0, 0.7, -0.5),
    Genre("reggae", 0.02, 230, -1.1, 0.0, 0.1, 0.7, -0.3, 0.5, 0.7, 1.2, -0.4),
    Genre("ambient", 0.01, 310, -1.5, -1.7, -0.4, -0.2, -0.8, -1.6, -1.5, 0.0, -0.8),
    Genre("children", 0.01, 125, 0.3, -0.3, 0.9, 1.6, 0.4, 0.0, 1.4, -0.7, -1.1),
)
NAMES = tuple(genre.name for genre in GENRES)
