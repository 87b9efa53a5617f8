"""Made-up, pronounceable names of artists, tracks and albums; no real artist is meant by any of them."""

from __future__ import annotations

import numpy as np

_PARTS = {
    "onset": "b br c d dr f g gl h j k l m n p pr qu r s st t tr v w y z",
    "vowel": "a e i o u a e i o ai ea ia ou",
    "ending": "a o is en ara ine elle or ette um ani ova ick",
    "band": "Quartet Parade Machine Choir Almanac Society Orchard Signal Carousel Union Lanterns Foxes Tides",
    "adjective": "Paper Quiet Golden Broken Distant Electric Velvet Hollow Silver Wild Slow Crooked Amber Frozen Restless "
    "Open Borrowed Northern Tender Neon Empty Sunday Crimson Little Endless Blue",
    "noun": "Lantern Harbour River Window Engine Orchard Mirror Satellite Morning Shadow Garden Machine Letter Ocean "
    "Highway Feather Island Kitchen Thunder Carnival Winter Signal Balcony Bicycle Mountain Postcard Stranger Lighthouse",
    "verb": "Remember Follow Leave Carry Forget Call Wake Find Burn Hold Chase Believe",
}
_WORDS = {part: words.split() for part, words in _PARTS.items()} | {
    "coda": ["", "", "", "l", "n", "r", "s", "th", "m", "ck", "nd", "v"],
    "tail": ["Again", "Me Home", "the Rain", "Tonight", "for Now", "in Colour", "Without You", "the Night", "All Summer"],
}


def _pick(rng: np.random.Generator, *parts: str) -> list[str]:
    return [_WORDS[part][rng.integers(len(_WORDS[part]))] for part in parts]


def word(rng: np.random.Generator, syllables: int) -> str:
    """Return one invented word, capitalised."""
    parts = [part for _ in range(syllables - 1) for part in _pick(rng, "onset", "vowel", "coda")]
    return "".join(parts + _pick(rng, "onset", "ending")).capitalize()


def _artist(rng: np.random.Generator) -> str:
    first, second, form = word(rng, 2), word(rng, int(rng.integers(2, 4))), rng.random()
    if form < 0.55:
        return f"{first} {second}"
    if form < 0.75:
        return " ".join(["The", second, *_pick(rng, "band")])
    return second if form < 0.9 else f"{first} & {second}"


def _title(rng: np.random.Generator) -> str:
    form = rng.random()
    if form < 0.35:
        return " ".join(_pick(rng, "adjective", "noun"))
    if form < 0.55:
        return " ".join(_pick(rng, "verb", "tail"))
    if form < 0.75:
        return " ".join([*_pick(rng, "noun"), "of", word(rng, 2)])
    return word(rng, 3) if form < 0.85 else " ".join([word(rng, 2) + ",", *_pick(rng, "verb", "tail")])


def artist_names(rng: np.random.Generator, n: int) -> list[str]:
    """Return `n` different artist names."""
    names: dict[str, None] = {}
    while len(names) < n:
        names[_artist(rng)] = None
    return list(names)


def titles(rng: np.random.Generator, n: int) -> list[str]:
    """Return `n` titles; like real ones, some occur twice."""
    return [_title(rng) for _ in range(n)]
