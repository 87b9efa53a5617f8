"""Ids for artists and tracks of logs that carry names only.

The id is a hash of the normalised name, so the same artist has the same id in a Spotify history, a Last.fm CSV and the
unmapped rows of a ListenBrainz export, on every machine and in every run.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata


def normalised(name: str) -> str:
    """`name` as compared: NFKC, case folded, runs of white space made one.

    Examples
    --------
    >>> normalised("  Sigur  RÓS ") == normalised("Sigur Rós")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def join_key(name: str) -> str:
    """`name` as joined between catalogues that spell differently: no accents, punctuation or leading "the", & is and.

    A name of punctuation only keeps its normalised form, else "#####" and ":(" would be one artist.

    Examples
    --------
    >>> join_key("Nick Cave & The Bad Seeds"), join_key("The Scorpions"), join_key("Queensrÿche"), join_key(":(")
    ('nick cave and the bad seeds', 'scorpions', 'queensryche', ':(')
    """
    decomposed = unicodedata.normalize("NFKD", name).casefold().replace("&", " and ")
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    words = re.sub(r"[\W_]+", " ", letters).strip()
    return re.sub(r"^the (?=.)", "", words) or normalised(name)


def artist_id_of_name(name: str) -> str:
    """Artist id of a name: `name-` and 16 hex digits.

    64 bits: among ten million names the odds of any collision are 1 in 370 000.

    Examples
    --------
    >>> artist_id_of_name("Björk") == artist_id_of_name("BJÖRK ")
    True
    """
    return f"name-{_digest(name)}"


def track_id_of_names(artist: str, title: str) -> str:
    """Track id of an artist's name and a title: `title-` and 16 hex digits."""
    return f"title-{_digest(artist, title)}"


def _digest(*names: str) -> str:
    """First 64 bits of sha256 over the normalised names, as hex; a unit separator keeps ("ab","c") from ("a","bc")."""
    return hashlib.sha256("\x1f".join(map(normalised, names)).encode()).hexdigest()[:16]
